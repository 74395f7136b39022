//! One RTMP session, client side: handshake, connect, and then publish or play, without a socket.
//!
//! It asks by itself what comes before the publish or play, and answers what needs no decision (pings); what the other
//! server says comes out as an [`Event`].

use crate::media::Frame;

use super::RtmpError;
use super::server::Settings;

/// What a client connects for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To publish.
    Publish,
    /// To play.
    Play {
        /// The start that is wanted, milliseconds; -1000 for live, -2000 for live or recorded.
        start: i64,
        /// The duration that is wanted, milliseconds; -1000 for all.
        duration: i64,
        /// The client's buffer, milliseconds.
        buffer: u32,
    },
}

/// What a client says when it connects, publishes or plays.
#[derive(Clone, PartialEq, Eq)]
pub struct Ask {
    /// The application, with its arguments.
    pub app: String,
    /// The URL of the application.
    pub tc_url: String,
    /// The page that it stands in; empty if nothing is told.
    pub page_url: String,
    /// The file that it was loaded from; empty if nothing is told.
    pub swf_url: String,
    /// Its name and version.
    pub flash_ver: String,
    /// User and password for Adobe's authentication.
    pub login: Option<(String, String)>,
    /// The servers that the stream has come through, so that it does not travel in a circle.
    pub path: String,
    /// The stream, with its arguments.
    pub stream: String,
    /// What it connects for.
    pub purpose: Purpose,
}

/// What the other server has said, or sent.
#[derive(Debug)]
pub enum Event {
    /// The handshake is over.
    HandshakeDone,
    /// The publish or play is accepted; media may be sent, or will come, on this message stream.
    Began(u32),
    /// The other server refuses: its code and description, as it has sent them.
    Refused {
        /// Such as "NetStream.Publish.BadName".
        code: String,
        /// Its description, or "".
        description: String,
    },
    /// The other server wants Adobe's authentication: the connection is to be closed, and another one made with the
    /// session that [`ClientSession::authenticated`] returns.
    Authenticate,
    /// What was published or played has ended there.
    Ended {
        /// Such as "NetStream.Play.UnpublishNotify".
        code: String,
        /// Its description, or "".
        description: String,
    },
    /// The client should connect anew: to this URL, or with "" to the same (Enhanced RTMP v2, ReconnectRequest).
    Reconnect(String),
    /// An audio, video or data message of what is played; its time is unwrapped.
    Frame(Frame),
    /// Something is left out, for the log.
    LeftOut(String),
    /// Messages were none of these; more may follow.
    Nothing,
}

/// The protocol state of one session.
#[derive(Debug)]
pub struct ClientSession {}

impl ClientSession {
    /// A session at its beginning; `seed` feeds the handshake.
    pub fn new(_ask: Ask, _settings: &Settings, _seed: u64) -> Self {
        Self {}
    }

    /// Appends what is sent as soon as the connection stands: C0 and C1.
    pub fn begin(&mut self, _out: &mut Vec<u8>) {}

    /// Takes bytes of `input` up to the next event, appending to `out` what has to be sent at once; `None` when `input`
    /// has run out. After an error the session takes no more input.
    pub fn next(&mut self, _input: &mut &[u8], _out: &mut Vec<u8>) -> Result<Option<Event>, RtmpError> {
        Ok(None)
    }
}
