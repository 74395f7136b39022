//! The other end of a relay: a server, and a stream of it.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::engine::calls::destination::Destination;

/// A stream of another server, as a client names it.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// The server.
    pub destination: Rc<Destination>,
    /// The application there, with its arguments (`app` of connect, specification 7.2.1.1).
    pub app: String,
    /// The stream there, with its arguments.
    pub stream: String,
    /// The URL of the application (`tcUrl`).
    pub tc_url: String,
    /// The page that a player in a browser would stand in (`pageUrl`); empty if nothing is told.
    pub page_url: String,
    /// The file that such a player would be loaded from (`swfUrl`); empty if nothing is told.
    pub swf_url: String,
    /// The name and version of the client (`flashVer`).
    pub flash_ver: String,
    /// The user for Adobe's authentication.
    pub login: Option<Login>,
    /// The start that a pull asks for, milliseconds; -1000 for live, -2000 for live or recorded.
    pub start: i64,
    /// The duration that a pull asks for, milliseconds; -1000 for all.
    pub duration: i64,
    /// The buffer that a pull announces (`relay_buffer`).
    pub buffer: Duration,
    /// The URL for people, without user, password, arguments, and a stream name that may be a key.
    pub shown: String,
}

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Without what may be secret.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.shown)
    }
}
