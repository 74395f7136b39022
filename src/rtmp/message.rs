//! Message types (specification 5.4 and 7.1) and the chunk streams that they are sent on.

/// Chunk stream ids of what the server sends; one for each kind, as nginx-rtmp has them.
pub mod csid {
    /// Protocol control and user control (fixed by 5.4).
    pub const CONTROL: u8 = 2;
    /// Answers to commands.
    pub const COMMAND: u8 = 3;
    /// Status and data messages.
    pub const DATA: u8 = 5;
    /// Audio.
    pub const AUDIO: u8 = 6;
    /// Video.
    pub const VIDEO: u8 = 7;
}

/// A message type id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the specification's")]
pub enum MessageType {
    SetChunkSize = 1,
    Abort = 2,
    Acknowledgement = 3,
    UserControl = 4,
    WindowAcknowledgementSize = 5,
    SetPeerBandwidth = 6,
    Audio = 8,
    Video = 9,
    DataAmf3 = 15,
    SharedObjectAmf3 = 16,
    CommandAmf3 = 17,
    DataAmf0 = 18,
    SharedObjectAmf0 = 19,
    CommandAmf0 = 20,
    Aggregate = 22,
}

impl MessageType {
    /// The type of a message type id, if the specification has it.
    pub fn of(type_id: u8) -> Option<Self> {
        Some(match type_id {
            1 => Self::SetChunkSize,
            2 => Self::Abort,
            3 => Self::Acknowledgement,
            4 => Self::UserControl,
            5 => Self::WindowAcknowledgementSize,
            6 => Self::SetPeerBandwidth,
            8 => Self::Audio,
            9 => Self::Video,
            15 => Self::DataAmf3,
            16 => Self::SharedObjectAmf3,
            17 => Self::CommandAmf3,
            18 => Self::DataAmf0,
            19 => Self::SharedObjectAmf0,
            20 => Self::CommandAmf0,
            22 => Self::Aggregate,
            _ => return None,
        })
    }
}
