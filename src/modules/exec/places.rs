//! Where lines stand that cannot be told from each other by their directive and program alone: the log says that of them.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use crate::conf::Node;

use super::line::Line;

/// The lines of a configuration, by directive and program.
#[derive(Default)]
pub struct Places(HashMap<(String, String), Same>);

/// The lines with the same directive and program.
#[derive(Default)]
struct Same {
    count: usize,
    files: BTreeSet<Arc<str>>,
}

impl Places {
    /// Counts a line.
    pub fn add(&mut self, node: &Node, line: &Line) {
        let same = self.0.entry(key(line)).or_default();
        same.count += 1;
        same.files.insert(Arc::clone(&node.file));
    }

    /// The line, with its place if there are others like it.
    pub fn with_place(&self, node: &Node, line: Line) -> Line {
        let place = self.0.get(&key(&line)).filter(|same| same.count > 1).map(|same| {
            let file = Path::new(&*node.file).file_name().filter(|_| same.files.len() > 1);
            let file = file.map(|file| format!(" of {}", file.to_string_lossy())).unwrap_or_default();
            format!("line {}{file}", node.line)
        });
        line.at(place)
    }
}

fn key(line: &Line) -> (String, String) {
    let (directive, program) = line.name();
    (directive.to_owned(), program.to_owned())
}
