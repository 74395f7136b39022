//! FLV files.

use super::{FileError, FileFacts, Next, Source, Window};

/// Reads an FLV file.
#[derive(Debug)]
pub struct FlvDemuxer {
    facts: FileFacts,
}

/// Whether a file begins as FLV does.
pub fn is_flv(source: &mut dyn Source, window: &mut Window) -> Result<bool, FileError> {
    Ok(window.get(source, 0, 4)?.is_some_and(|bytes| bytes == b"FLV\x01"))
}

impl FlvDemuxer {
    /// See [`Demuxer::open`](super::Demuxer::open).
    pub fn open(_source: &mut dyn Source, _window: &mut Window) -> Result<Self, FileError> {
        Ok(Self { facts: FileFacts::default() })
    }

    /// See [`Demuxer::facts`](super::Demuxer::facts).
    pub fn facts(&self) -> &FileFacts {
        &self.facts
    }

    /// See [`Demuxer::next`](super::Demuxer::next).
    pub fn next<'w>(
        &mut self,
        _source: &mut dyn Source,
        _window: &'w mut Window,
    ) -> Result<Next<'w>, FileError> {
        Ok(Next::End)
    }

    /// See [`Demuxer::seek`](super::Demuxer::seek).
    pub fn seek(
        &mut self,
        _source: &mut dyn Source,
        _window: &mut Window,
        to: u64,
    ) -> Result<Option<u64>, FileError> {
        Ok(Some(to))
    }

    /// See [`Demuxer::key_frames`](super::Demuxer::key_frames).
    pub fn key_frames(
        &mut self,
        _source: &mut dyn Source,
        _window: &mut Window,
        _times: &mut Vec<u64>,
    ) -> Result<bool, FileError> {
        Ok(true)
    }
}
