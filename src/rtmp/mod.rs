//! RTMP (Adobe's Real Time Messaging Protocol specification, 1.0): bytes in, events and bytes out.
//!
//! From the wire upwards: [`handshake`], [`chunk`] (reader, writer and the image of a frame that all
//! players share), [`message`] (types), [`control`] (control messages), [`command`] (connect, publish, play and
//! their answers), [`capabilities`] (Enhanced RTMP's), [`shared_object`], [`server`] and
//! [`client`] (a session of either side). No sockets, clocks or randomness.

mod aggregate;
pub mod capabilities;
pub mod chunk;
pub mod client;
pub mod command;
pub mod control;
pub mod handshake;
mod input;
pub mod message;
pub mod server;
pub mod shared_object;

pub use handshake::HandshakeError;
pub use server::{Control, Event, ServerSession, Stop};

use std::error::Error;
use std::fmt;

use crate::media::amf::AmfError;
use chunk::ChunkError;

/// An error in a session, always the peer's fault. The session takes no more input after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RtmpError {
    /// In the handshake.
    Handshake(HandshakeError),
    /// In the chunk stream.
    Chunk(ChunkError),
    /// In a command's values.
    Amf(AmfError),
    /// A message that may not come in this state, or a command that lacks what it needs.
    Protocol(&'static str),
}

impl fmt::Display for RtmpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(error) => error.fmt(f),
            Self::Chunk(error) => error.fmt(f),
            Self::Amf(error) => error.fmt(f),
            Self::Protocol(what) => f.write_str(what),
        }
    }
}

impl Error for RtmpError {}

impl From<HandshakeError> for RtmpError {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<ChunkError> for RtmpError {
    fn from(error: ChunkError) -> Self {
        Self::Chunk(error)
    }
}

impl From<AmfError> for RtmpError {
    fn from(error: AmfError) -> Self {
        Self::Amf(error)
    }
}
