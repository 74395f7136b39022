//! Where an interpreter finds its code among its words.

use super::interpreters::{Interpreter, Long, Style};
use super::mark::{OPTION, WordKind};

/// What an option of an interpreter says.
enum Found {
    /// Nothing about code.
    Flag,
    /// The first word that is no option is code. So many words belong to the option.
    ShellCode(usize),
    /// There is code in it, or in so many words behind it.
    Code(usize),
    /// It has a value, or so many words behind it are its value, which tells the interpreter what to do.
    Takes(usize),
    /// The same, but the value is only data.
    Data(usize),
    /// The same, and it is the file with the code.
    File(usize),
    Unknown,
}

impl Interpreter {
    /// What the words behind its name are; none for plain arguments.
    pub fn kinds(&self, words: &[String]) -> Vec<Option<WordKind>> {
        let kinds = vec![None; words.len()];
        let mut reading = Reading { interpreter: self, kinds, has_code: false, may_have_options: true };
        if self.style == Style::All {
            reading.mark(0, words.len(), WordKind::Code);
            return reading.kinds;
        }
        let mut next = Some(0);
        while let Some(at) = next
            && let Some(word) = words.get(at)
        {
            next = reading.step(at, word);
        }
        reading.kinds
    }

    fn option(&self, word: &str) -> Found {
        if word.starts_with("--") {
            let name = word.split('=').next().unwrap_or_default();
            let behind = usize::from(!word.contains('='));
            return match self.long.iter().find(|(known, _)| *known == name) {
                Some((_, Long::Flag)) => Found::Flag,
                Some((_, Long::Code)) => Found::Code(behind),
                Some((_, Long::Takes)) => Found::Takes(behind),
                Some((_, Long::Data)) => Found::Data(behind),
                Some((_, Long::TwoData)) => Found::Data(2 * behind),
                Some((_, Long::File)) => Found::File(behind),
                None => Found::Unknown,
            };
        }
        let letters = word.get(1..).unwrap_or_default();
        match self.style {
            Style::Shell => self.shell_letters(letters),
            _ => self.letters(letters),
        }
    }

    /// The letters of an option of a shell: the values of all stand in words behind it.
    fn shell_letters(&self, letters: &str) -> Found {
        if !letters.chars().all(|letter| letter.is_ascii_alphanumeric()) {
            return Found::Unknown;
        }
        let count = letters.matches(|letter| self.takes.contains(letter)).count();
        let has_code = letters.contains(|letter| self.code.contains(letter));
        if has_code { Found::ShellCode(count) } else { Found::Data(count) }
    }

    /// The letters of an option of another interpreter: the value of the last one is the rest, or the next word.
    fn letters(&self, letters: &str) -> Found {
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            let behind = usize::from(rest.as_str().is_empty());
            if self.code.contains(letter) {
                // "-pe CODE" has one code, "-eCODE" has it in itself.
                let is_behind = rest.all(|other| self.code.contains(other));
                return Found::Code(usize::from(is_behind));
            } else if self.takes.contains(letter) {
                return Found::Takes(behind);
            } else if self.data.contains(letter) {
                return Found::Data(behind);
            } else if self.file.contains(letter) {
                return Found::File(behind);
            } else if self.inline.contains(letter) {
                return Found::Takes(0);
            } else if self.digits.contains(letter) {
                rest = rest.as_str().trim_start_matches(|c: char| c.is_ascii_digit()).chars();
            } else if !self.flags.contains(letter) {
                return Found::Unknown;
            }
        }
        Found::Flag
    }
}

/// The words of an interpreter as it reads them, one after the other.
struct Reading<'i> {
    interpreter: &'i Interpreter,
    kinds: Vec<Option<WordKind>>,
    /// The code has come, or an option says where it is.
    has_code: bool,
    may_have_options: bool,
}

impl Reading<'_> {
    /// Reads a word. Returns the place of the next one, unless all that follow are plain arguments.
    fn step(&mut self, at: usize, word: &str) -> Option<usize> {
        if word == "--" && self.interpreter.style != Style::Anywhere {
            self.may_have_options = false;
            Some(at + 1)
        } else if self.may_have_options && word.len() > 1 && word.starts_with(OPTION) {
            self.read_option(at, word)
        } else {
            self.read_other(at, word)
        }
    }

    fn read_option(&mut self, at: usize, word: &str) -> Option<usize> {
        let found = self.interpreter.option(word);
        self.has_code |= matches!(found, Found::ShellCode(_) | Found::Code(_) | Found::File(_));
        let count = match found {
            Found::Flag => 0,
            Found::ShellCode(count) | Found::Data(count) => count,
            Found::Code(count) | Found::Takes(count) | Found::File(count) => {
                self.mark(at, 1 + count, WordKind::Code);
                count
            }
            Found::Unknown => {
                self.mark(at, self.kinds.len(), WordKind::Code);
                return None;
            }
        };
        Some(at + 1 + count)
    }

    fn read_other(&mut self, at: usize, word: &str) -> Option<usize> {
        if self.may_have_options && word.starts_with('\0') {
            self.mark(at, 1, WordKind::Operand);
        }
        let style = self.interpreter.style;
        let is_code = match style {
            Style::Shell => self.has_code,
            Style::First | Style::FirstAmongOptions => !self.has_code,
            Style::Option | Style::Anywhere | Style::All => false,
        };
        if is_code {
            self.mark(at, 1, WordKind::Code);
        }
        // Behind the first word there is no code but that of options.
        self.has_code = true;
        matches!(style, Style::Anywhere | Style::FirstAmongOptions).then_some(at + 1)
    }

    fn mark(&mut self, from: usize, count: usize, kind: WordKind) {
        self.kinds.iter_mut().skip(from).take(count).for_each(|found| *found = Some(kind));
    }
}
