//! What an operator should know of a configuration that is taken all the same.

use std::fmt;

use super::syntax::{Node, Place};

/// Why something is told.
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

impl NoticeKind {
    /// The level at which the start logs it.
    pub fn level(self) -> log::Level {
        match self {
            Self::Ignored | Self::Differs => log::Level::Debug,
            Self::NotYet | Self::Warning => log::Level::Warn,
        }
    }
}

/// Something to know of a configuration, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Why it is told.
    pub kind: NoticeKind,
    /// What is to be known.
    pub message: String,
    /// Where.
    pub place: Place,
}

impl Notice {
    /// A notice of a directive, or, of the root of a tree, of the file as a whole.
    pub fn at(node: &Node, kind: NoticeKind, message: impl Into<String>) -> Self {
        Self::in_place(Place::of(node), kind, message)
    }

    /// A notice of what stands somewhere.
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
