//! Files that are played: demuxers for FLV and MP4, which read a file in pieces and give its media as messages in FLV's
//! form, as RTMP carries them.
//!
//! Nothing here opens a file: the bytes come from a [`Source`], which may have only a part of them for now. Whatever a
//! file says of lengths and places is checked against what is there before anything is allocated or read.

mod flv;
mod mp4;
mod window;

use std::fmt;
use std::io;

use super::codec::Codec;
use super::kind::Kind;

pub use window::Window;

/// The longest message that is played, bytes. Longer ones are left out.
pub const MAX_MESSAGE: usize = 8 << 20;

/// The most key frames of an index that is made for a list.
pub const MAX_KEY_FRAMES: usize = 65_536;

/// Where the bytes of a file come from.
pub trait Source {
    /// Bytes at an offset; fewer than the buffer takes only at the end of what there is. `WouldBlock` if they have to be
    /// waited for: a demuxer is then as before the call that needed them, which may be repeated.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// The length now, bytes. It may grow.
    fn length(&mut self) -> io::Result<u64>;
}

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

/// What comes next in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<'a> {
    /// A message.
    Message(FileMessage<'a>),
    /// Nothing more for now: the file ends here, perhaps within a message. It may grow.
    End,
}

/// Why a file cannot be read.
#[derive(Debug)]
pub enum FileError {
    /// The source: `WouldBlock` is to be tried again.
    Io(io::Error),
    /// It is nothing that can be played, or broken at a place from which nothing can be read on.
    Broken(&'static str),
}

impl FileError {
    /// Whether the same call may succeed later, as the source does not have the bytes now.
    pub fn would_block(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Broken(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for FileError {}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads a file, and knows how far it has come. It keeps no piece of the file: the [`Window`] does, which several
/// demuxers may use one after the other.
#[derive(Debug)]
pub enum Demuxer {
    /// FLV.
    Flv(flv::FlvDemuxer),
    /// MP4, also fragmented.
    Mp4(Box<mp4::Mp4Demuxer>),
}

impl Demuxer {
    /// Reads what a file is, by its content, and places the demuxer at its beginning.
    pub fn open(source: &mut dyn Source, window: &mut Window) -> Result<Self, FileError> {
        if flv::is_flv(source, window)? {
            return flv::FlvDemuxer::open(source, window).map(Self::Flv);
        }
        mp4::Mp4Demuxer::open(source, window).map(|demuxer| Self::Mp4(Box::new(demuxer)))
    }

    /// What is known of the file.
    pub fn facts(&self) -> &FileFacts {
        match self {
            Self::Flv(demuxer) => demuxer.facts(),
            Self::Mp4(demuxer) => demuxer.facts(),
        }
    }

    /// The next message in the order of the file's times. After [`Self::open`] these are the metadata and the
    /// configurations, after a seek the configurations, and then the media. After an error that is not `WouldBlock`
    /// nothing more can be read.
    pub fn next<'w>(
        &mut self,
        source: &mut dyn Source,
        window: &'w mut Window,
    ) -> Result<Next<'w>, FileError> {
        match self {
            Self::Flv(demuxer) => demuxer.next(source, window),
            Self::Mp4(demuxer) => demuxer.next(source, window),
        }
    }

    /// Goes one bounded step towards the last key frame at or before `to` (milliseconds); the first one if there is none
    /// before, and the last one if the file ends before. Returns its time once it is found; the next message is then the first
    /// one from there. Until then, and after an error, the demuxer stays where it was.
    pub fn seek(
        &mut self,
        source: &mut dyn Source,
        window: &mut Window,
        to: u64,
    ) -> Result<Option<u64>, FileError> {
        match self {
            Self::Flv(demuxer) => demuxer.seek(source, window, to),
            Self::Mp4(demuxer) => demuxer.seek(source, window, to),
        }
    }

    /// Goes one bounded step in collecting the times of the key frames (milliseconds, in order, at most
    /// [`MAX_KEY_FRAMES`]), for a list. True once `times` has all of them. Of a file without pictures, a time about every two
    /// seconds.
    pub fn key_frames(
        &mut self,
        source: &mut dyn Source,
        window: &mut Window,
        times: &mut Vec<u64>,
    ) -> Result<bool, FileError> {
        match self {
            Self::Flv(demuxer) => demuxer.key_frames(source, window, times),
            Self::Mp4(demuxer) => demuxer.key_frames(source, window, times),
        }
    }
}
