//! The words of a command that a shell or another interpreter runs as code: `bash -c "... $name ..."`.
//!
//! There a value that a client has chosen would be code, too. So the words up to the code are marked, and in them a value
//! may have harmless characters only. Words behind the code are plain arguments.

use super::template::Template;
use crate::modules::exec::variables::{Values, Variable};

/// A program that runs a part of its arguments as code.
struct Interpreter {
    /// Its names, without version numbers.
    names: &'static [&'static str],
    /// The letters of the options with code.
    code: &'static str,
    /// The letters of the other options with an argument.
    takes: &'static str,
    /// Long options with code.
    long: &'static [&'static str],
    /// Long options with another argument.
    long_takes: &'static [&'static str],
    style: Style,
}

/// Where an interpreter finds its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// In the first word that is no option, if there is the option.
    Shell,
    /// Behind the letter of the option: in the same word, or in the next one.
    Option,
    /// The same, or else in the first word that is no option.
    OptionOrFirst,
    /// Behind the letter, wherever the option stands.
    Anywhere,
    /// In all words.
    All,
}

const PLAIN: Interpreter =
    Interpreter { names: &[], code: "", takes: "", long: &[], long_takes: &[], style: Style::Option };

const INTERPRETERS: &[Interpreter] = &[
    Interpreter {
        names: &[
            "sh", "bash", "rbash", "dash", "ash", "hush", "ksh", "mksh", "lksh", "pdksh", "oksh", "zsh",
            "yash", "csh", "tcsh", "posh",
        ],
        code: "c",
        takes: "oO",
        long_takes: &["--rcfile", "--init-file"],
        style: Style::Shell,
        ..PLAIN
    },
    Interpreter {
        names: &["fish"],
        code: "cC",
        takes: "dfDo",
        long: &["--command", "--init-command"],
        ..PLAIN
    },
    Interpreter {
        names: &["su", "runuser", "script", "flock", "sg"],
        code: "c",
        long: &["--command", "--session-command"],
        style: Style::Anywhere,
        ..PLAIN
    },
    Interpreter { names: &["env"], code: "S", takes: "uC", long: &["--split-string"], ..PLAIN },
    Interpreter { names: &["ssh", "rsh", "watch", "eval"], style: Style::All, ..PLAIN },
    Interpreter { names: &["python", "pypy"], code: "c", takes: "WX", ..PLAIN },
    Interpreter { names: &["perl"], code: "eE", takes: "I", ..PLAIN },
    Interpreter { names: &["ruby"], code: "e", takes: "ICr", ..PLAIN },
    Interpreter {
        names: &["node", "nodejs", "bun", "deno"],
        code: "ep",
        takes: "rC",
        long: &["--eval", "--print"],
        long_takes: &["--require", "--import", "--loader"],
        ..PLAIN
    },
    Interpreter { names: &["php"], code: "rBRE", takes: "cdfz", long: &["--run"], ..PLAIN },
    Interpreter { names: &["lua", "luajit", "Rscript"], code: "e", takes: "l", ..PLAIN },
    Interpreter { names: &["expect", "guile"], code: "c", takes: "L", ..PLAIN },
    Interpreter {
        names: &["awk", "gawk", "mawk", "nawk"],
        code: "e",
        takes: "fvFi",
        long: &["--source"],
        long_takes: &["--file", "--assign", "--field-separator"],
        style: Style::OptionOrFirst,
    },
    Interpreter {
        names: &["sed", "jq"],
        code: "e",
        takes: "f",
        long: &["--expression"],
        long_takes: &["--file"],
        style: Style::OptionOrFirst,
    },
];

/// Marks the words that are code, or that stand between an interpreter and its code. The program is the first word, but
/// the interpreter may stand anywhere: behind `env`, `timeout 5` or `docker exec web`.
pub fn marked(words: &[Template]) -> Vec<bool> {
    let shapes: Vec<_> = words.iter().map(Template::shape).collect();
    let mut marks = vec![false; words.len()];
    for (at, shape) in shapes.iter().enumerate() {
        let Some(interpreter) = interpreter(shape) else { continue };
        let behind = shapes.get(at + 1..).unwrap_or_default();
        for (mark, found) in marks.iter_mut().skip(at + 1).zip(interpreter.marked(behind)) {
            *mark |= found;
        }
    }
    marks
}

/// The interpreter that a word names, by its path or alone.
fn interpreter(word: &str) -> Option<&'static Interpreter> {
    let name = word.rsplit('/').next().unwrap_or_default();
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    INTERPRETERS.iter().find(|interpreter| interpreter.names.contains(&name))
}

impl Interpreter {
    /// Marks the words behind its name.
    fn marked(&self, words: &[String]) -> Vec<bool> {
        let mut marks = vec![false; words.len()];
        let mut set =
            |from: usize, to: usize| marks.iter_mut().take(to + 1).skip(from).for_each(|mark| *mark = true);
        if self.style == Style::All {
            set(0, words.len());
            return marks;
        }
        let (mut at, mut has_code, mut options_end) = (0, false, false);
        while let Some(word) = words.get(at) {
            // What begins with a value may be an option, too.
            let is_option =
                !options_end && (word.len() > 1 && word.starts_with(['-', '+']) || word.starts_with('\0'));
            if !is_option {
                let is_code = match self.style {
                    Style::Shell => has_code,
                    Style::OptionOrFirst => !has_code,
                    Style::Option | Style::Anywhere | Style::All => false,
                };
                if self.style != Style::Anywhere {
                    if is_code {
                        set(0, at);
                    }
                    return marks;
                }
                at += 1;
                continue;
            }
            options_end = word == "--";
            let found = self.option(word);
            has_code |= found.is_code;
            if found.is_code && self.style != Style::Shell {
                let from = if self.style == Style::Anywhere { at } else { 0 };
                set(from, at + found.words);
            }
            at += 1 + found.words;
        }
        marks
    }

    /// What an option says, and the number of words that belong to it behind its own.
    fn option(&self, word: &str) -> Found {
        if word.starts_with("--") {
            let name = word.split('=').next().unwrap_or_default();
            let needs_word = usize::from(!word.contains('='));
            if self.long.contains(&name) {
                return Found { is_code: true, words: needs_word };
            }
            let takes = self.long_takes.contains(&name);
            // With a file of code no word is.
            let is_code = takes && self.style == Style::OptionOrFirst && name == "--file";
            return Found { is_code, words: if takes { needs_word } else { 0 } };
        }
        let letters = word.get(1..).unwrap_or_default();
        if self.style == Style::Shell {
            let is_code = letters.contains(|c| self.code.contains(c));
            return Found { is_code, words: letters.matches(|c| self.takes.contains(c)).count() };
        }
        for (place, letter) in letters.char_indices() {
            let is_last = place + letter.len_utf8() == letters.len();
            if self.code.contains(letter) {
                // "-pe CODE" has one code, "-eCODE" has it in itself.
                let rest = letters.get(place + letter.len_utf8()..).unwrap_or_default();
                let is_behind = is_last || rest.chars().all(|c| self.code.contains(c));
                return Found { is_code: true, words: usize::from(is_behind) };
            }
            if self.takes.contains(letter) {
                let is_code = self.style == Style::OptionOrFirst && letter == 'f';
                return Found { is_code, words: usize::from(is_last) };
            }
        }
        Found { is_code: false, words: 0 }
    }
}

/// What an option of an interpreter says.
struct Found {
    /// There is code: it has it itself, or leads to it.
    is_code: bool,
    words: usize,
}

/// The first variable of a marked word whose value has characters that mean something to a shell.
pub fn unsafe_variable(word: &Template, values: &Values) -> Option<Variable> {
    word.variables().find(|variable| !values.get(*variable).chars().all(is_harmless))
}

/// Whether a character means nothing to any shell.
fn is_harmless(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_.~+=@,/:".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::exec::variables::tests::values;

    /// The marked words of a line.
    fn code(line: &str) -> Vec<&str> {
        let words: Vec<_> = line.split(' ').collect();
        let templates: Vec<_> = words.iter().map(|word| Template::read(word, &Variable::ALL)).collect();
        let marks = marked(&templates);
        words.into_iter().zip(marks).filter_map(|(word, mark)| mark.then_some(word)).collect()
    }

    #[test]
    fn the_code_of_a_shell_is_marked_and_its_arguments_are_not() {
        for (line, marked) in [
            ("bash -c CODE $name", &["-c", "CODE"][..]),
            ("/bin/sh -c CODE", &["-c", "CODE"]),
            ("sh -ec CODE", &["-ec", "CODE"]),
            ("bash -lc CODE x", &["-lc", "CODE"]),
            ("bash -eo pipefail -c CODE x", &["-eo", "pipefail", "-c", "CODE"]),
            ("bash -ceo pipefail CODE x", &["-ceo", "pipefail", "CODE"]),
            ("bash -c -e CODE x", &["-c", "-e", "CODE"]),
            ("bash -c -- CODE x", &["-c", "--", "CODE"]),
            ("bash +x -c CODE", &["+x", "-c", "CODE"]),
            ("bash --norc -c CODE", &["--norc", "-c", "CODE"]),
            ("bash --rcfile F -c CODE", &["--rcfile", "F", "-c", "CODE"]),
            ("bash $args -c CODE", &["$args", "-c", "CODE"]),
            ("bash $path $name", &[]),
            ("busybox sh -c CODE", &["-c", "CODE"]),
            ("ksh93 -c CODE", &["-c", "CODE"]),
            ("fish -c CODE x", &["-c", "CODE"]),
            ("fish --command=CODE", &["--command=CODE"]),
            ("bash /x/script.sh -c $name", &[]),
            ("bash -x /x/script.sh -c $name", &[]),
            ("ffmpeg -c copy $name", &[]),
            ("bash", &[]),
            ("bash -c", &[]),
        ] {
            assert_eq!(code(line), marked, "{line}");
        }
    }

    #[test]
    fn a_shell_behind_another_program_is_found() {
        for (line, marked) in [
            ("env A=b sh -c CODE", &["-c", "CODE"][..]),
            ("env -S CODE", &["-S", "CODE"]),
            ("env --split-string=CODE", &["--split-string=CODE"]),
            ("sudo -u x bash -c CODE", &["-c", "CODE"]),
            ("timeout 5 nice -n 3 sh -c CODE", &["-c", "CODE"]),
            ("docker exec web sh -c CODE", &["-c", "CODE"]),
            ("find /x -exec sh -c CODE ;", &["-c", "CODE"]),
            ("su - user -c CODE", &["-c", "CODE"]),
            ("su -c CODE user", &["-c", "CODE"]),
            ("su --command=CODE user", &["--command=CODE"]),
            ("script -qc CODE /dev/null", &["-qc", "CODE"]),
            ("ssh host CODE $name", &["host", "CODE", "$name"]),
        ] {
            assert_eq!(code(line), marked, "{line}");
        }
    }

    #[test]
    fn the_code_of_other_interpreters_is_marked() {
        for (line, marked) in [
            ("python3 -c CODE $name", &["-c", "CODE"][..]),
            ("python3.11 -Ic CODE", &["-Ic", "CODE"]),
            ("python -W x -c CODE", &["-W", "x", "-c", "CODE"]),
            ("python3 /x/a.py -c $name", &[]),
            ("perl -e CODE -e MORE x", &["-e", "CODE", "-e", "MORE"]),
            ("perl -eCODE x", &["-eCODE"]),
            ("ruby -e CODE x", &["-e", "CODE"]),
            ("node --eval CODE", &["--eval", "CODE"]),
            ("node -pe CODE", &["-pe", "CODE"]),
            ("php -r CODE x", &["-r", "CODE"]),
            ("php -f x.php -r $name", &["-f", "x.php", "-r", "$name"]),
            ("lua5.4 -e CODE", &["-e", "CODE"]),
            ("awk CODE $path", &["CODE"]),
            ("awk -v a=b CODE $path", &["-v", "a=b", "CODE"]),
            ("awk -f x $path", &["-f", "x"]),
            ("sed -i -e CODE $path", &["-i", "-e", "CODE"]),
        ] {
            assert_eq!(code(line), marked, "{line}");
        }
    }

    #[test]
    fn a_value_with_what_a_shell_acts_on_is_found() {
        let word = Template::read("echo $name '$args'", &Variable::ALL);
        for args in ["", "key=1", "a-b_c.d~e+f=g@h,i/j:k"] {
            assert_eq!(unsafe_variable(&word, &values("cam", args)), None, "{args}");
        }
        for sign in " \t\n\r'\"`$\\;&|<>(){}[]*?!#^%é\u{202e}\0".chars() {
            let found = unsafe_variable(&word, &values("cam", &format!("a{sign}b")));
            assert_eq!(found, Some(Variable::Args), "{sign:?}");
        }
        assert_eq!(unsafe_variable(&word, &values("my cam", "")), Some(Variable::Name));
    }
}
