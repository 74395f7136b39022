//! A demuxer, of whatever format the file is.

use super::flv::{self, FlvDemuxer};
use super::message::{Ending, FileFacts, Next};
use super::mp4::Mp4Demuxer;
use super::source::{FileError, Source};
use super::window::Window;

/// Reads a file, and knows how far it has come. It keeps no piece of the file: the [`Window`] does, which several
/// demuxers may use one after the other.
#[derive(Debug)]
pub enum Demuxer {
    /// FLV.
    Flv(Box<FlvDemuxer>),
    /// MP4, also fragmented.
    Mp4(Box<Mp4Demuxer>),
}

impl Demuxer {
    /// Reads what a file is, by its content, and places the demuxer at its beginning.
    pub fn open(source: &mut dyn Source, window: &mut Window) -> Result<Self, FileError> {
        if flv::is_flv(source, window)? {
            return FlvDemuxer::open(source, window).map(|demuxer| Self::Flv(Box::new(demuxer)));
        }
        Mp4Demuxer::open(source, window).map(|demuxer| Self::Mp4(Box::new(demuxer)))
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

    /// What it means that [`Self::next`] has given [`Next::End`].
    pub fn ending(&self) -> Ending {
        match self {
            Self::Flv(demuxer) => demuxer.ending(),
            Self::Mp4(demuxer) => demuxer.ending(),
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

    /// Goes one bounded step in collecting the times of the key frames, for a list: milliseconds, each later than the one
    /// before, and of more than [`MAX_KEY_FRAMES`](super::MAX_KEY_FRAMES) every second, fourth and so on. True once `times` is
    /// complete. Of a file without pictures, a time about every two seconds.
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
