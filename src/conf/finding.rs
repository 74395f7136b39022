//! Findings: remarks on a configuration that is accepted.

use std::fmt;

use super::syntax::{Node, Place};

/// The reason of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// A directive has no meaning here.
    Ignored,
    /// The same directives have another effect in nginx.
    Differs,
    /// The configuration most likely does not do what is meant.
    Warning,
}

/// A remark on a place in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its reason.
    pub kind: FindingKind,
    /// Its text.
    pub message: String,
    /// The place in the file.
    pub place: Place,
}

impl Finding {
    /// A finding of a directive, or, of the root of a tree, of the file as a whole.
    pub fn at(node: &Node, kind: FindingKind, message: impl Into<String>) -> Self {
        Self::in_place(Place::of(node), kind, message)
    }

    /// A finding of a place.
    pub fn in_place(place: Place, kind: FindingKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), place }
    }

    /// Puts findings in the order of the file, each once.
    pub fn sort(findings: &mut Vec<Self>) {
        findings.sort_by(|a, b| (a.place.order(), &a.message).cmp(&(b.place.order(), &b.message)));
        findings.dedup();
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            FindingKind::Ignored => "",
            FindingKind::Differs => "differs from nginx: ",
            FindingKind::Warning => "warning: ",
        };
        write!(f, "{}: {kind}{}", self.place, self.message)
    }
}
