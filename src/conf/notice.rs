//! Notices: remarks on a configuration that is accepted.

use std::fmt;

use super::syntax::{Node, Place};

/// The reason of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// A directive has no meaning here.
    Ignored,
    /// The same directives have another effect in nginx.
    Differs,
    /// A directive has no effect until something is built.
    NotYet,
    /// The configuration most likely does not do what is meant.
    Warning,
}

/// A remark on a place in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its reason.
    pub kind: NoticeKind,
    /// Its text.
    pub message: String,
    /// The place in the file.
    pub place: Place,
}

impl Notice {
    /// A notice of a directive, or, of the root of a tree, of the file as a whole.
    pub fn at(node: &Node, kind: NoticeKind, message: impl Into<String>) -> Self {
        Self::in_place(Place::of(node), kind, message)
    }

    /// A notice of a place.
    pub fn in_place(place: Place, kind: NoticeKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), place }
    }

    /// Puts notices in the order of the file, each once.
    pub fn sort(notices: &mut Vec<Self>) {
        notices.sort_by(|a, b| (a.place.order(), &a.message).cmp(&(b.place.order(), &b.message)));
        notices.dedup();
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            NoticeKind::Ignored => "",
            NoticeKind::Differs => "differs from nginx: ",
            NoticeKind::NotYet => "not there yet: ",
            NoticeKind::Warning => "warning: ",
        };
        write!(f, "{}: {kind}{}", self.place, self.message)
    }
}
