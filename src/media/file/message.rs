//! What a file gives: messages in FLV's form, and what is known of it.

use crate::media::codec::Codec;
use crate::media::kind::Kind;

/// The longest message that is played, bytes. Longer ones are left out.
pub const MAX_MESSAGE: usize = 8 << 20;

/// The most key frames of an index that is made for a list.
pub const MAX_KEY_FRAMES: usize = 65_536;

/// What is known of a file that has been opened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileFacts {
    /// Milliseconds; none if it is not known yet, as that of a file that is still written.
    pub duration: Option<u64>,
    /// The codec of its pictures.
    pub video_codec: Codec,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The codec of its sound.
    pub audio_codec: Codec,
    /// Hertz.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u8,
    /// Why the pictures, or the sound, are left out though the file has some.
    pub left_out: [Option<&'static str>; 2],
}

/// What a message is to who begins in the middle of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageRole {
    /// `onMetaData`, or another data message.
    Data,
    /// A decoder configuration.
    Configuration,
    /// A picture at which a decoder can begin, or sound of a file without pictures.
    Key,
    /// Anything else.
    Other,
}

/// One message of a file: an FLV tag body in two parts, which follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileMessage<'a> {
    /// Audio, video or data.
    pub kind: Kind,
    /// Decoding time in the file, milliseconds, unwrapped. Metadata and configurations that are given again have the time
    /// of what follows them.
    pub timestamp: u64,
    /// What it is to who begins.
    pub role: MessageRole,
    /// The tag header, where the file does not have it (MP4).
    pub head: Head,
    /// The rest of the tag body.
    pub body: &'a [u8],
}

/// A short tag header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    bytes: [u8; 8],
    length: u8,
}

impl Head {
    /// The first 8 of these bytes at most; the longest header is that of Enhanced RTMP with a composition time.
    pub fn new(bytes: &[u8]) -> Self {
        let mut head = Self::default();
        head.bytes.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        head.length = bytes.len().min(head.bytes.len()) as u8;
        head
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length.into()).unwrap_or_default()
    }
}

/// What the end of a file, as it is now, means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All that the file promises has been given.
    Whole,
    /// More may be written: the file does not say how long it is.
    Open,
    /// The file promises more than is there.
    Cut,
}

/// What comes next in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<'a> {
    /// A message.
    Message(FileMessage<'a>),
    /// Nothing in what was gone through in this call, which was enough for one: there may be more.
    More,
    /// Nothing more for now: the file ends here, perhaps within a message. It may grow.
    End,
}
