//! Redirections: `>f`, `>>f`, `<f`, `2>f`, `2>>f`, `2>&1`, only where the configuration has them.
//!
//! They are read from the words as they are written: no value of a variable becomes one.

use std::path::PathBuf;

use crate::engine::{self, RedirectionTarget, StreamName};

use super::template::Template;
use crate::modules::exec::variables::{Values, Variable};

/// The highest descriptor that can be redirected.
const MAX_DESCRIPTOR: i32 = 9;

/// A redirection as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirection {
    descriptor: i32,
    to: Target,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Read(Template),
    Write(Template),
    Append(Template),
    Copy(i32),
}

/// A word that redirects, cut into its parts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Operator<'w> {
    descriptor: i32,
    kind: OperatorKind,
    /// What follows it in the word: a path, or `&` and a descriptor; empty if the path is the next word.
    pub rest: &'w str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OperatorKind {
    Read,
    Write,
    Append,
}

impl<'w> Operator<'w> {
    /// Cuts a word, unless it is no redirection.
    pub fn find(word: &'w str) -> Result<Option<Self>, String> {
        let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
        let (number, rest) = word.split_at_checked(digits).unwrap_or_default();
        let (kind, usual, rest) = if let Some(rest) = rest.strip_prefix(">>") {
            (OperatorKind::Append, 1, rest)
        } else if let Some(rest) = rest.strip_prefix('>') {
            (OperatorKind::Write, 1, rest)
        } else if let Some(rest) = rest.strip_prefix('<') {
            (OperatorKind::Read, 0, rest)
        } else {
            return Ok(None);
        };
        let descriptor = if number.is_empty() { usual } else { descriptor(number)? };
        if rest.starts_with(['<', '>', '|']) {
            return Err("files are redirected by <FILE, >FILE and >>FILE only".to_owned());
        }
        Ok(Some(Self { descriptor, kind, rest }))
    }

    /// The redirection, to this path or, as `&1`, to a descriptor.
    pub fn lead(self, to: &str, variables: Option<&[Variable]>) -> Result<Redirection, String> {
        let descriptor = self.descriptor;
        if let Some(number) = to.strip_prefix('&') {
            return Ok(Redirection { descriptor, to: Target::Copy(self::descriptor(number)?) });
        }
        let path = variables.map_or_else(|| Template::literal(to), |known| Template::read(to, known));
        let to = match self.kind {
            OperatorKind::Read => Target::Read(path),
            OperatorKind::Write => Target::Write(path),
            OperatorKind::Append => Target::Append(path),
        };
        Ok(Redirection { descriptor, to })
    }
}

fn descriptor(number: &str) -> Result<i32, String> {
    let read = number.parse().ok().filter(|read| (0..=MAX_DESCRIPTOR).contains(read));
    read.ok_or_else(|| format!("a descriptor is a number from 0 to {MAX_DESCRIPTOR}"))
}

impl Redirection {
    /// The redirection with these values. The error is a variable whose value could lead to any other file.
    pub fn fill(&self, values: &Values) -> Result<engine::Redirection, Variable> {
        let to = match &self.to {
            Target::Read(path) => RedirectionTarget::Read(fill(path, values)?),
            Target::Write(path) => RedirectionTarget::Write(fill(path, values)?),
            Target::Append(path) => RedirectionTarget::Append(fill(path, values)?),
            Target::Copy(from) => RedirectionTarget::Copy(*from),
        };
        Ok(engine::Redirection { descriptor: self.descriptor, to })
    }

    /// Checks that it copies a descriptor that is open behind these.
    pub fn check_source(&self, before: &[Self]) -> Result<(), String> {
        let Target::Copy(from) = self.to else { return Ok(()) };
        if from <= 2 || before.iter().any(|other| other.descriptor == from) {
            return Ok(());
        }
        Err(format!("descriptor {from} is not open: only 0, 1, 2 and those of redirections before it are"))
    }

    /// The path of its file, if that has no variables.
    pub fn file(&self) -> Option<PathBuf> {
        match &self.to {
            Target::Read(path) | Target::Write(path) | Target::Append(path)
                if path.variables().next().is_none() =>
            {
                Some(path.shape().into())
            }
            _ => None,
        }
    }

    /// The path of the file that it writes, if that has no variables.
    pub fn written_file(&self) -> Option<PathBuf> {
        match &self.to {
            Target::Write(path) | Target::Append(path) if path.variables().next().is_none() => {
                Some(path.shape().into())
            }
            _ => None,
        }
    }
}

/// A path in which what clients say stands only in names of files: it has no separator, as no stream's name has.
fn fill(path: &Template, values: &Values) -> Result<PathBuf, Variable> {
    let is_unsafe = |variable: &Variable| {
        let value = values.get(*variable);
        !variable.is_the_servers() && !value.is_empty() && StreamName::new(value).is_err()
    };
    match path.variables().find(is_unsafe) {
        Some(variable) => Err(variable),
        None => Ok(path.fill(values).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::exec::variables::tests::values;

    fn read(word: &str) -> Redirection {
        let operator = Operator::find(word).unwrap().unwrap();
        operator.lead(operator.rest, Some(&Variable::ALL)).unwrap()
    }

    #[test]
    fn redirections_are_those_of_a_shell() {
        use RedirectionTarget::{Append, Copy, Read, Write};
        let path = |path: &str| PathBuf::from(path);
        for (word, descriptor, to) in [
            (">/tmp/f", 1, Write(path("/tmp/f"))),
            (">>/tmp/f", 1, Append(path("/tmp/f"))),
            ("<f", 0, Read(path("f"))),
            ("2>/tmp/$name.log", 2, Write(path("/tmp/cam.log"))),
            ("2>>f", 2, Append(path("f"))),
            ("2>&1", 2, Copy(1)),
            (">&2", 1, Copy(2)),
            ("9<&0", 9, Copy(0)),
        ] {
            let filled = read(word).fill(&values("cam", "a/b")).unwrap();
            assert_eq!(filled, engine::Redirection { descriptor, to }, "{word}");
        }
    }

    #[test]
    fn other_words_are_no_redirections_and_wrong_ones_are_faults() {
        for word in ["", "a>b", "12", "-", "&>f", "$name>f", "rtmp://x?a>b"] {
            assert!(Operator::find(word) == Ok(None), "{word}");
        }
        for word in ["10>f", "99999999999>f", "<<f", ">>>f", ">|f", "<>f"] {
            assert!(Operator::find(word).is_err(), "{word}");
        }
        let operator = Operator::find("2>&x").unwrap().unwrap();
        assert!(operator.lead(operator.rest, None).is_err());
        assert_eq!(Operator::find("2>>").unwrap().unwrap().rest, "");
    }

    #[test]
    fn what_a_client_says_leads_to_no_other_folder() {
        for (args, fits) in [("", true), ("key=1", true), ("../x", false), ("a/b", false), ("a\nb", false)] {
            let filled = read(">/tmp/$args.log").fill(&values("cam", args));
            assert_eq!(filled.is_ok(), fits, "{args}");
            assert!(fits || filled == Err(Variable::Args));
        }
    }
}
