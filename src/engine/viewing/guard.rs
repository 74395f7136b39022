//! What an application asks of its viewers.

use std::rc::Rc;
use std::time::Duration;

use crate::engine::config::Application;
use crate::engine::config::features::LinkScope;

/// What an application asks of its viewers, and how many it takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::engine) struct Guard {
    /// The name of the application.
    pub app: Rc<str>,
    /// Whether viewers have to show something, or a backend decides about them.
    pub is_guarded: bool,
    /// Where links may be used.
    pub links: LinkScope,
    /// `hls_sessions`.
    pub has_sessions: bool,
    /// Whether a viewer may have a stream pulled from another server.
    pub pulls: bool,
    /// The most viewers (`hls_max_viewers`).
    pub most: Option<usize>,
    /// The most viewers of one address (`hls_max_viewers_per_address`).
    pub most_per_address: Option<usize>,
    /// `hls_fragment`, the shortest target duration.
    pub fragment: Duration,
}

/// What is looked at to know a viewer again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Shows {
    /// Nothing: the application is open to all.
    Nothing,
    /// The credentials in the query.
    Credentials,
    /// All of the query, by which a backend decides.
    Query,
}

impl Guard {
    pub fn of(app: &Application<'_>) -> Self {
        // Where HLS has been turned off, files of before are guarded as they were.
        let Some(hls) = &app.features.hls else {
            let (name, is_guarded) = (app.name.as_str().into(), app.features.guards.play);
            return Self { app: name, is_guarded, links: app.features.play_links, ..Self::default() };
        };
        Self {
            app: app.name.as_str().into(),
            is_guarded: app.features.guards_viewers(),
            links: app.features.play_links,
            has_sessions: hls.sessions,
            pulls: app.features.pulls,
            most: hls.most_viewers,
            most_per_address: hls.most_viewers_per_address,
            fragment: hls.fragment,
        }
    }

    /// Whether the number of viewers is limited.
    pub fn is_limited(&self) -> bool {
        self.most.is_some() || self.most_per_address.is_some()
    }

    /// Whether the gates are asked about a new viewer.
    pub fn asks(&self) -> bool {
        self.is_guarded || self.has_sessions || self.pulls
    }

    /// What is looked at to know a viewer again.
    pub fn shows(&self) -> Shows {
        match self {
            Self { has_sessions: true, .. } => Shows::Query,
            Self { is_guarded: true, .. } => Shows::Credentials,
            Self { .. } => Shows::Nothing,
        }
    }
}
