//! A directive as it was written.

use std::collections::HashSet;
use std::sync::Arc;

use super::place::Place;
use crate::conf::value::Value;

/// A directive, with its block if it has one.
#[derive(Debug, Clone)]
pub struct Node {
    /// The directive's name.
    pub name: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The directives in its braces, if it has them.
    pub children: Option<Vec<Node>>,
    /// The file it stands in.
    pub file: Arc<str>,
    /// Its line, from 1.
    pub line: u32,
    /// The line of its last argument.
    pub last_line: u32,
    /// Its value, once the arguments have been checked and are right.
    pub(in crate::conf) value: Option<Value>,
    /// Its position among all directives, in the order in which they are read.
    pub(in crate::conf) position: u32,
    /// The names of the directives of this block that have been left out because they are wrong.
    pub(in crate::conf) left_out: Vec<String>,
}

impl Node {
    pub(in crate::conf) fn leave_out(&mut self, wrong: &HashSet<u32>) {
        let Some(children) = &mut self.children else { return };
        let lost = children.extract_if(.., |child| wrong.contains(&child.position));
        self.left_out.extend(lost.map(|child| child.name));
        children.iter_mut().for_each(|child| child.leave_out(wrong));
    }
}

impl Place {
    /// The place of a directive; of the root of a tree, the file as a whole.
    pub fn of(node: &Node) -> Self {
        Self { file: Arc::clone(&node.file), line: node.line, position: node.position }
    }

    /// "line 7" for a reader of the same file, else "file:line".
    pub(in crate::conf) fn seen_from(&self, node: &Node) -> String {
        if self.file == node.file { format!("line {}", self.line) } else { self.to_string() }
    }
}
