//! Who has an action done, and the line in the log about it.

use crate::engine::SessionId;

/// Who has an action done.
#[derive(Debug)]
pub struct Actor {
    /// The name, for the log and for bans.
    pub name: String,
    /// The session of the request.
    pub session: SessionId,
}

impl Actor {
    /// Logs an action.
    pub fn log(&self, what: &str) {
        log::info!("{} api: {} {what}", self.session, self.name);
    }
}
