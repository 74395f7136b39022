//! Configuration in nginx's syntax: text, tokens with line numbers, a tree of blocks and directives,
//! checked against the tables that the modules own, read through scopes that inherit.
//!
//! Opens files only for `include`. Knows the name of no directive but that and nginx's own.

mod check;
mod directive;
mod foreign;
mod lexer;
pub mod path;
mod reference;
mod scope;
mod suggest;
mod tree;
pub mod value;

pub use check::{Notice, check};
pub use directive::{Context, Directive, Label, Repeat, Table, Takes};
pub use reference::markdown;
pub use scope::Scope;
pub use suggest::nearest;
pub use tree::{Node, Tree};

use std::fmt;
use std::rc::Rc;

/// What is wrong with a configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The file, as it was named.
    pub file: Rc<str>,
    /// The line, from 1; 0 when it is about the file as a whole.
    pub line: u32,
    /// What is wrong.
    pub message: String,
}

impl Error {
    /// An error about a directive.
    pub fn at(node: &Node, message: impl Into<String>) -> Self {
        Self { file: Rc::clone(&node.file), line: node.line, message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for Error {}
