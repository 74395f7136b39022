//! One FLV file being written.
//!
//! Tags are gathered in memory and written in large pieces, at least once a second of media, so a
//! crash costs no more than that and flash is spared. Every piece ends with a whole tag. Closing the
//! file puts the duration, the size and the seek index into its first tag.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::rc::Rc;

use super::names::{Names, with_path};
use super::script::{Entry, Index, Script};
use crate::engine::Sink;
use crate::media::flv;
use crate::media::{Frame, Kind, Role};

/// Bytes gathered before they are written.
const PIECE: usize = 64 * 1024;
/// Media time after which what is gathered is written, milliseconds.
const FLUSH_EVERY: u64 = 1000;
/// Without video, places to seek to are so far apart, milliseconds.
const AUDIO_INDEX_STEP: u64 = 1000;

/// What is recorded of a stream. Data messages are, with anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// Audio.
    pub audio: bool,
    /// Video.
    pub video: bool,
    /// Of the video, only key frames.
    pub keyframes: bool,
}

impl Selection {
    fn wants(self, frame: &Frame) -> bool {
        match frame.kind {
            Kind::Audio => self.audio,
            Kind::Video if self.video => true,
            Kind::Video => self.keyframes && matches!(frame.role, Role::Key | Role::Header),
            Kind::Data | Kind::DataAmf3 => frame.role != Role::Empty,
        }
    }
}

/// A recording; its file is made for the first frame, so that a stream without any leaves none.
/// Dropping it closes the file properly.
#[derive(Debug)]
pub struct Recording {
    names: Names,
    selection: Selection,
    /// `onMetaData`, if it came before anything else.
    metadata: Option<Rc<Frame>>,
    output: Option<Output>,
}

impl Recording {
    /// A recording into the first of these files that is not there yet.
    pub fn new(names: Names, selection: Selection) -> Self {
        Self { names, selection, metadata: None, output: None }
    }
}

impl Sink for Recording {
    fn frame(&mut self, frame: &Rc<Frame>) -> io::Result<()> {
        if self.output.is_none() && frame.is_metadata() {
            self.metadata = Some(Rc::clone(frame));
            return Ok(());
        }
        if !self.selection.wants(frame) {
            return Ok(());
        }
        if self.output.is_none() {
            let (file, path) = self.names.create()?;
            log::info!("{} is recorded to {}", self.names.stem, path.display());
            let metadata = self.metadata.take();
            self.output = Some(Output::new(file, path, metadata.as_ref().map(|frame| frame.amf0())));
        }
        self.output.as_mut().map_or(Ok(()), |output| output.write(frame))
    }
}

/// The file of a recording in progress.
#[derive(Debug)]
struct Output {
    file: File,
    path: PathBuf,
    script: Script,
    index: Index,
    /// Whole tags that are not yet written.
    buffer: Vec<u8>,
    /// Bytes in the file. Invariant: they end with a whole tag.
    written: u64,
    /// Stream time of the recording's beginning, milliseconds.
    base: Option<u64>,
    /// Time of the last tag, from the beginning, milliseconds.
    duration: u64,
    flushed_at: u64,
    indexed_at: u64,
    has_audio: bool,
    has_video: bool,
}

impl Output {
    /// Begins a file with its header and script tag.
    fn new(file: File, path: PathBuf, metadata: Option<&[u8]>) -> Self {
        let (mut script, index) = (Script::new(metadata), Index::new());
        let mut buffer = flv::file_header(true, true).to_vec();
        flv::write_tag(&mut buffer, Kind::Data, 0, &script.payload(0, 0, &index));
        Self {
            file,
            path,
            script,
            index,
            buffer,
            written: 0,
            base: None,
            duration: 0,
            flushed_at: 0,
            indexed_at: 0,
            has_audio: false,
            has_video: false,
        }
    }

    fn write(&mut self, frame: &Frame) -> io::Result<()> {
        let base = match self.base {
            Some(base) => base,
            // Data messages before the first picture or sound have its time, whatever they say.
            None if frame.kind.is_data() => frame.timestamp,
            None => *self.base.insert(frame.timestamp),
        };
        let time = frame.timestamp.saturating_sub(base);
        self.duration = self.duration.max(time);
        self.note(frame);
        let wire_time = (time & u64::from(u32::MAX)) as u32;
        flv::write_tag(&mut self.buffer, frame.kind, wire_time, frame.payload());
        if self.buffer.len() >= PIECE || self.duration >= self.flushed_at + FLUSH_EVERY {
            self.flush()?;
        }
        Ok(())
    }

    fn note(&mut self, frame: &Frame) {
        let entry = Entry { time: self.duration, position: self.written + self.buffer.len() as u64 };
        match frame.kind {
            Kind::Video => self.has_video = true,
            Kind::Audio => self.has_audio = true,
            Kind::Data | Kind::DataAmf3 => {}
        }
        let due = entry.time >= self.indexed_at + AUDIO_INDEX_STEP;
        let audio_only = frame.kind == Kind::Audio && frame.role == Role::Key && !self.has_video;
        if frame.is_video_key() || audio_only && due {
            self.indexed_at = entry.time;
            self.index.offer(entry);
        }
    }

    /// Writes what is gathered. If that fails, the file is cut back to what had been written, which
    /// ends with a whole tag.
    fn flush(&mut self) -> io::Result<()> {
        let result = self.file.write_all(&self.buffer);
        match &result {
            Ok(()) => self.written += self.buffer.len() as u64,
            Err(_) => {
                if let Err(error) = self.file.set_len(self.written) {
                    log::error!("{} may end with half a tag: {error}", self.path.display());
                }
            }
        }
        self.buffer.clear();
        self.flushed_at = self.duration;
        result.map_err(|error| with_path(&self.path, &error))
    }

    /// Puts into the head of the file what is known now.
    fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        let mut head = flv::file_header(self.has_audio, self.has_video).to_vec();
        let payload = self.script.payload(self.duration, self.written, &self.index);
        flv::write_tag(&mut head, Kind::Data, 0, &payload);
        if head.len() as u64 > self.written {
            return Ok(()); // not even the head could be written
        }
        self.file.write_all_at(&head, 0).map_err(|error| with_path(&self.path, &error))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        match self.finish() {
            Ok(()) => log::debug!("{} closed: {} ms", self.path.display(), self.duration),
            Err(error) => log::error!("recording not finished: {error}"),
        }
    }
}
