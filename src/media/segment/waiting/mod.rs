//! Frames that wait before they are written.

pub mod early;
pub mod picture;
pub mod repeat;

use crate::media::segment::waiting::early::EarlyAudio;
use crate::media::segment::waiting::picture::PictureBuffer;
use crate::media::segment::waiting::repeat::Repeated;

/// Frames that wait once the tracks of the stream are known.
#[derive(Debug, Default)]
pub struct Waiting {
    /// The picture of which more may come.
    pub picture: PictureBuffer,
    /// Audio that is ahead of its picture.
    pub audio: EarlyAudio,
    /// The last picture, if it is one that may be repeated.
    pub repeated: Option<Repeated>,
}

impl Waiting {
    /// Bytes that they take up.
    pub fn bytes(&self) -> usize {
        let repeated = self.repeated.as_ref().map_or(0, Repeated::bytes);
        self.picture.bytes() + self.audio.bytes() + repeated
    }
}
