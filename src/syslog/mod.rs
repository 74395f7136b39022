//! Syslog: where messages go, as nginx's `syslog:` parameters say it, the form of a message (RFC 3164), and the socket
//! that they are sent by.
//!
//! Sending never waits. Whoever sends decides what becomes of a message for which there is no room.

mod message;
mod sender;
mod target;

pub use message::Messages;
pub use sender::Sender;
pub use target::{Severity, SyslogTarget};
