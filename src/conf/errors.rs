//! Errors of a configuration: one, all of them in the order of the file, and a collector.

use std::fmt;
use std::sync::Arc;

use super::syntax::node::Node;
use super::syntax::place::Place;

/// Errors that are shown; the others are counted.
const MAX_SHOWN: usize = 100;

/// An error at a place in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The place in the file.
    pub place: Place,
    /// Its text.
    pub message: String,
    /// It is about a missing directive that may have been left out as wrong.
    pub(super) is_doubtful: bool,
}

impl Error {
    /// An error about a directive.
    pub fn at(node: &Node, message: impl Into<String>) -> Self {
        Self::in_place(Place::of(node), message)
    }

    /// An error about a place.
    pub fn in_place(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), is_doubtful: false }
    }

    /// An error about a line of a file; line 0 is the file as a whole.
    pub(super) fn in_line(file: &Arc<str>, line: u32, message: impl Into<String>) -> Self {
        Self::in_place(Place::in_line(file, line), message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for Error {}

/// All errors of a configuration: one at least, in the order of the file, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors(Vec<Error>);

impl Errors {
    /// The errors.
    pub fn iter(&self) -> impl Iterator<Item = &Error> {
        self.0.iter()
    }

    /// "1 error", "2 errors".
    pub fn count(&self) -> String {
        match self.0.len() {
            1 => "1 error".to_owned(),
            many => format!("{many} errors"),
        }
    }
}

impl From<Error> for Errors {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

/// A line for each of the first hundred errors, and one with the number of the rest.
impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().take(MAX_SHOWN).enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        match self.0.len().checked_sub(MAX_SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "\n... and {more} more"),
        }
    }
}

impl std::error::Error for Errors {}

/// Gathers errors, so that one does not hide the next.
#[derive(Debug, Default)]
pub struct Faults(Vec<Error>);

impl Faults {
    /// Adds an error.
    pub fn push(&mut self, error: Error) {
        self.0.push(error);
    }

    /// True if there are more than are shown.
    pub(super) fn are_many(&self) -> bool {
        self.0.len() > MAX_SHOWN
    }

    /// The value of a result, or nothing, once its errors are added.
    pub fn keep<T>(&mut self, result: Result<T, impl Into<Errors>>) -> Option<T> {
        result.map_err(|errors| self.0.extend(errors.into().0)).ok()
    }

    /// The value of a result, or its type's default, which nobody uses since there are errors.
    pub fn keep_or_default<T: Default>(&mut self, result: Result<T, impl Into<Errors>>) -> T {
        self.keep(result).unwrap_or_default()
    }

    /// The value if there are no errors, else all of them. Doubtful ones are dropped if there are others: what was left
    /// out has an error of its own.
    pub fn into_result<T>(self, value: T) -> Result<T, Errors> {
        let mut errors = self.0;
        if errors.iter().any(|error| !error.is_doubtful) {
            errors.retain(|error| !error.is_doubtful);
        }
        // An inherited directive is read in each of the inner blocks, with the same error.
        errors.sort_by(|a, b| (a.place.order(), &a.message).cmp(&(b.place.order(), &b.message)));
        errors.dedup();
        if errors.is_empty() { Ok(value) } else { Err(Errors(errors)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(line: u32, message: &str) -> Error {
        Error::in_line(&"f".into(), line, message)
    }

    #[test]
    fn errors_are_in_the_order_of_the_file_and_each_is_there_once() {
        let mut faults = Faults::default();
        assert_eq!(faults.keep(Err::<(), _>(error(2, "b"))), None);
        for error in [error(1, "a"), error(2, "c"), error(2, "b")] {
            faults.push(error);
        }
        assert_eq!(faults.keep_or_default(Ok::<u8, Error>(7)), 7);
        let errors = faults.into_result(()).unwrap_err();
        assert_eq!(errors.to_string(), "f:1: a\nf:2: b\nf:2: c");
        assert_eq!(errors.count(), "3 errors");
        assert_eq!(Faults::default().into_result(7), Ok(7));
    }

    #[test]
    fn a_directive_that_is_missing_because_it_is_wrong_is_not_reported_twice() {
        let doubtful = Error { is_doubtful: true, ..error(1, "no a") };
        let mut faults = Faults::default();
        faults.push(doubtful.clone());
        assert_eq!(faults.into_result(()).unwrap_err().to_string(), "f:1: no a");
        let mut faults = Faults::default();
        faults.push(doubtful);
        faults.push(error(2, "a takes b"));
        assert_eq!(faults.into_result(()).unwrap_err().to_string(), "f:2: a takes b");
    }

    #[test]
    fn a_hundred_are_shown_and_the_rest_is_counted() {
        let all = |count: u32| Errors((1..=count).map(|n| error(n, "x")).collect()).to_string();
        assert_eq!(all(100).lines().count(), 100);
        assert!(all(100).ends_with("f:100: x"));
        assert_eq!(all(102).lines().count(), 101);
        assert!(all(102).ends_with("f:100: x\n... and 2 more"));
    }
}
