//! Files that are played: demuxers for FLV and MP4, which read a file in pieces and give its media as messages in FLV's
//! form, as RTMP carries them.
//!
//! Nothing here opens a file: the bytes come from a [`Source`], which may have only a part of them for now. Whatever a
//! file says of lengths and places is checked against what is there before anything is allocated or read.

mod demuxer;
mod flv;
mod key_times;
mod message;
mod mp4;
mod source;
mod window;

pub use demuxer::Demuxer;
pub use message::{Ending, FileFacts, FileMessage, Head, MAX_KEY_FRAMES, MAX_MESSAGE, MessageRole, Next};
pub use source::{FileError, Source};
pub use window::Window;
