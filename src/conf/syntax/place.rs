//! Places in a configuration.

use std::fmt;
use std::sync::Arc;

/// A line of a file, shown as "file:line", and the position of its directive among all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub(in crate::conf) file: Arc<str>,
    /// From 1; 0 is the file as a whole.
    pub(in crate::conf) line: u32,
    pub(in crate::conf) position: u32,
}

impl Place {
    /// The options that the program is started with.
    pub fn command_line() -> Self {
        Self::in_line(&"the command line".into(), 0)
    }

    /// A file or anything else as a whole.
    pub fn whole(name: &str) -> Self {
        Self::in_line(&name.into(), 0)
    }

    /// A line of a file, before all directives.
    pub(in crate::conf) fn in_line(file: &Arc<str>, line: u32) -> Self {
        Self { file: Arc::clone(file), line, position: 0 }
    }

    /// The key by which findings and errors are sorted.
    pub(in crate::conf) fn order(&self) -> (u32, u32) {
        (self.position, self.line)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}
