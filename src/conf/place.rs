//! Where something stands in a configuration.

use std::fmt;
use std::rc::Rc;

use super::Node;

/// A line of a file, shown as "file:line", and the position of its directive among all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    file: Rc<str>,
    /// From 1; 0 is the file as a whole.
    line: u32,
    position: u32,
}

impl Place {
    /// Where a directive stands; of the root of a tree, the file as a whole.
    pub fn of(node: &Node) -> Self {
        Self { file: Rc::clone(&node.file), line: node.line, position: node.position }
    }

    /// The options that the program is started with.
    pub fn command_line() -> Self {
        Self::in_line(&"the command line".into(), 0)
    }

    /// A line of a file, before all directives.
    pub(super) fn in_line(file: &Rc<str>, line: u32) -> Self {
        Self { file: Rc::clone(file), line, position: 0 }
    }

    /// "line 7" for a reader of the same file, else "file:line".
    pub(super) fn seen_from(&self, node: &Node) -> String {
        if self.file == node.file { format!("line {}", self.line) } else { self.to_string() }
    }

    /// The position of the directive among all, in the order in which they are read.
    pub(super) fn position(&self) -> u32 {
        self.position
    }

    /// What things are put in order by.
    pub(super) fn order(&self) -> (u32, u32) {
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
