//! One FLV file being written.
//!
//! Tags are gathered in memory and written in large pieces, at least once a second, so a crash costs no
//! more than that and flash is spared. Every piece ends with a whole tag. The file's first tag is written
//! anew, in place, once a minute and when the file is closed.

pub(super) mod contents;
pub(super) mod examination;
pub(super) mod names;
pub(super) mod open;
mod scan;
pub(super) mod script;
pub(super) mod search;

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::engine::Now;
use crate::engine::files::with_path;
use crate::media::flv::{self, FILE_HEADER, TAG_HEADER};
use crate::media::{Frame, Kind, Role, Slices};
use crate::modules::record::interval::Deadline;
use crate::modules::record::settings::FileLimits;
use contents::Contents;
use open::{FileId, Opened, id_of};
use script::{FileStage, Script};

/// Bytes gathered before they are written.
const PIECE: usize = 64 * 1024;
/// The time, of media or by the clock, after which gathered tags are written.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// The time after which the head is written again, with the seek index up to then.
const HEAD_EVERY: Duration = Duration::from_secs(60);
/// After so many bytes it is written sooner, so that what a repair has to go through is short at any rate.
/// Above 2.2 Mbit/s that is more than once a minute, and 0.06 % more to write; even where flash rewrites a
/// whole erase block of 4 MiB for it, that is a quarter more.
const HEAD_BYTES: u64 = 16 << 20;
/// The time after which the file is looked for again at its path.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The time without a picture after which a file may end at any frame, as one without video, milliseconds.
const PICTURE_GONE: u64 = 10_000;
/// The time between the last tag of a file and the first that is appended, milliseconds.
const APPEND_GAP: u64 = 1;

/// A file in progress. It has to be closed: dropped, it is as after a crash.
#[derive(Debug)]
pub struct Output {
    file: File,
    path: PathBuf,
    id: FileId,
    /// The first tag; `None` if it is not ours to write.
    script: Option<Script>,
    contents: Contents,
    /// Whole tags that are not yet written, and since when there are any.
    buffer: Vec<u8>,
    gathered_since: Option<Instant>,
    /// Bytes in the file. Invariant: they end with a whole tag.
    written: u64,
    /// Stream time of the recording's beginning, milliseconds; known with the first picture or sound.
    base: Option<u64>,
    /// Time in the file at which it begins.
    offset: u64,
    /// Time of the last tag that was written.
    flushed_time: u64,
    /// When the head was last written, and how many bytes it tells of.
    head_at: Instant,
    head_size: u64,
    video_state: VideoState,
    /// Time of the last frame of video.
    last_video: u64,
    groups: GroupSizes,
    deadline: Option<Deadline>,
    state: FileState,
    /// When it was last looked for.
    looked: Instant,
}

/// A file that has been finished.
#[derive(Debug)]
pub struct Finished {
    /// Its path at the beginning.
    pub path: PathBuf,
    /// Of media, with what was there before.
    pub length: Duration,
    /// Bytes.
    pub size: u64,
}

/// The state of the file at its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// At its path.
    Kept,
    /// Somewhere else: its name has been changed, or that of a folder above it, and another may have its path.
    Moved,
    /// Nowhere: it has been removed.
    Removed,
    /// It has lost a part of what was written, by another program: to write behind that would leave a hole.
    Truncated,
    /// On its file system a path does not lead to what is written, so it cannot be found out.
    Unknown,
}

/// The end of the interval of a file that began at `base` of its stream, milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct IntervalEnd {
    deadline: Deadline,
    base: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum VideoState {
    /// Not before a key frame.
    Waiting,
    Running,
}

/// The size of the recording, and its size at the last place where a file may end.
#[derive(Debug, Default)]
struct GroupSizes {
    video_frames: u64,
    audio_frames: u64,
    at_entry: (u64, u64),
    /// The most bytes and frames between two such places.
    largest: (u64, u64),
}

impl IntervalEnd {
    /// True if it is past at `timestamp` of the stream, milliseconds.
    pub fn is_past(self, now: Now, timestamp: u64) -> bool {
        self.deadline.is_past(now, timestamp.saturating_sub(self.base.unwrap_or(timestamp)))
    }
}

impl Output {
    /// Begins a file, or appends to it. Nothing is written yet.
    pub fn new(opened: Opened, script: Script, limits: FileLimits, now: Now) -> Self {
        let mut output = Self {
            file: opened.file,
            path: opened.path,
            id: opened.id,
            script: Some(script),
            contents: Contents::none(),
            buffer: Vec::new(),
            gathered_since: Some(now.instant),
            written: 0,
            base: None,
            offset: 0,
            flushed_time: 0,
            head_at: now.instant,
            head_size: 0,
            video_state: VideoState::Waiting,
            last_video: 0,
            groups: GroupSizes::default(),
            deadline: limits.interval.map(|interval| interval.deadline(now)),
            state: FileState::Kept,
            looked: now.instant,
        };
        output.state = match output.locate() {
            // It was just opened by its path.
            FileState::Moved => FileState::Unknown,
            state => state,
        };
        match opened.tail {
            None => output.buffer = output.head(FileStage::Growing),
            Some(tail) => {
                output.offset = tail.time + APPEND_GAP;
                output.written = tail.size;
                output.head_size = tail.head_size;
                output.script = tail.script;
                output.contents = tail.contents;
                (output.flushed_time, output.last_video) = (tail.time, tail.time);
            }
        }
        output.groups.at_entry.0 = output.size();
        output
    }

    /// Adds a decoder configuration that came before the file began.
    pub fn add_header(&mut self, header: &Frame) {
        self.push_tag(header, self.offset);
    }

    /// Adds the frames that the file begins with; the earliest has its time at the beginning.
    pub fn begin<'a>(&mut self, frames: impl Iterator<Item = &'a Rc<Frame>> + Clone) {
        let media = frames.clone().filter(|frame| !frame.kind.is_data());
        self.base = media.map(|frame| frame.timestamp).min();
        frames.for_each(|frame| self.add(frame));
    }

    /// Adds a frame, unless it is one of a picture that cannot be decoded.
    fn add(&mut self, frame: &Frame) {
        if frame.kind == Kind::Video {
            match (self.video_state, frame.role) {
                (VideoState::Waiting, Role::Inter | Role::Disposable) => return,
                (VideoState::Waiting, Role::Key) => self.video_state = VideoState::Running,
                _ => {}
            }
        }
        let base = match self.base {
            Some(base) => base,
            // Data messages before the first picture or sound have its time, whatever they say.
            None if frame.kind.is_data() => frame.timestamp,
            None => *self.base.insert(frame.timestamp),
        };
        self.groups.count(frame, self.size(), self.is_entry(frame));
        self.push_tag(frame, frame.timestamp.saturating_sub(base) + self.offset);
    }

    /// Adds a frame, and writes the gathered tags if they are many or old enough.
    pub fn write(&mut self, frame: &Frame, now: Instant) -> io::Result<()> {
        self.add(frame);
        if !self.buffer.is_empty() {
            self.gathered_since.get_or_insert(now);
        }
        let media = Duration::from_millis(self.contents.duration.saturating_sub(self.flushed_time));
        if self.buffer.len() >= PIECE || media >= FLUSH_EVERY {
            return self.flush(now);
        }
        self.flush_if_due(now)
    }

    /// Writes the gathered tags if they are a second old.
    pub fn flush_if_due(&mut self, now: Instant) -> io::Result<()> {
        match self.flush_at() {
            Some(at) if at <= now => self.flush(now),
            _ => Ok(()),
        }
    }

    /// Writes the gathered tags. If that fails, the file is cut back to what had been written, which ends with
    /// a whole tag.
    pub fn flush(&mut self, now: Instant) -> io::Result<()> {
        if self.is_truncated() {
            // Another file begins with the next look.
            self.clear_gathered();
            return Ok(());
        }
        let result = self.write_gathered().and_then(|()| self.keep_head(now));
        result.map_err(|error| with_path(&self.path, &error))
    }

    /// Closes the file: its head gets what is known now. One that holds nothing is removed, and one that another
    /// program has truncated is left as it is: of both there is nothing to tell.
    pub fn close(mut self) -> io::Result<Option<Finished>> {
        if self.is_truncated() {
            return Ok(None);
        }
        let gathered = if self.buffer.is_empty() { Ok(()) } else { self.write_gathered() };
        let last = if self.written == 0 {
            // Another file may have its path.
            if self.locate() == FileState::Kept { std::fs::remove_file(&self.path) } else { Ok(()) }
        } else {
            self.write_head(FileStage::Complete)
        };
        gathered.and(last).map_err(|error| with_path(&self.path, &error))?;
        let (length, size) = (Duration::from_millis(self.contents.duration), self.written);
        Ok((size > 0).then_some(Finished { path: self.path, length, size }))
    }

    /// The open file of a recording that has been removed or truncated, in which nothing needs to be written any more.
    pub fn into_lost(self) -> File {
        self.file
    }

    /// The next frames do not continue the last ones: pictures wait for a key frame.
    pub fn discontinuity(&mut self) {
        self.video_state = VideoState::Waiting;
    }

    /// True if the next file is to begin with this frame.
    pub fn ends_before(&self, frame: &Frame, limits: FileLimits, now: Now) -> bool {
        if !self.is_entry(frame) {
            return false;
        }
        let interval_is_over = self.interval_end().is_some_and(|end| end.is_past(now, frame.timestamp));
        self.state == FileState::Moved || interval_is_over || !self.has_room_for_group(frame, limits)
    }

    /// True if a group of pictures as large as the largest so far stays below the limits. With an interval the file
    /// may end within a group, see [`Output::is_full`].
    fn has_room_for_group(&self, frame: &Frame, limits: FileLimits) -> bool {
        let (size, frames) = (self.size(), self.groups.frames());
        let (more_bytes, more_frames) = self.groups.next_group(size, tag_length(frame));
        let fits = |sum, limit| limit == 0 || sum <= limit;
        limits.interval.is_some()
            || fits(size + more_bytes, limits.size) && fits(frames + more_frames, limits.frames)
    }

    /// True if the file has reached a limit within its interval before this frame, so that nothing is recorded until
    /// the interval ends. Without an interval, the next file begins instead: see [`Output::ends_before`].
    pub fn is_full(&self, frame: &Frame, limits: FileLimits) -> bool {
        // The rest of a picture belongs to what is there, and a file has one picture at least.
        let begins = frame.role != Role::Header && !matches!(frame.slices, Slices::Continue { .. });
        let frames = self.groups.frames();
        let has_any = frames > 0 || self.offset > 0;
        let is_large = limits.size != 0 && has_any && self.size() + tag_length(frame) > limits.size;
        let is_long = limits.frames != 0 && frames >= limits.frames;
        limits.interval.is_some() && begins && (is_large || is_long)
    }

    /// When the interval of the file ends.
    pub fn interval_end(&self) -> Option<IntervalEnd> {
        Some(IntervalEnd { deadline: self.deadline?, base: self.base })
    }

    /// Looks once a second whether the file is still at its path, with all that was written. Returns where it is when
    /// that has changed.
    pub fn look(&mut self, now: Instant) -> Option<FileState> {
        if now < self.looked + LOOK_EVERY {
            return None;
        }
        self.looked = now;
        let before = self.state;
        self.state = match before {
            FileState::Kept => self.locate(),
            state => state,
        };
        if self.state != FileState::Removed && self.is_truncated() {
            self.state = FileState::Truncated;
        }
        (self.state != before).then_some(self.state)
    }

    fn is_truncated(&self) -> bool {
        self.file.metadata().is_ok_and(|file| file.len() < self.written)
    }

    /// When the gathered tags are to be written.
    pub fn flush_at(&self) -> Option<Instant> {
        self.gathered_since.map(|since| since + FLUSH_EVERY)
    }

    /// True if the file had been removed when it was last looked for.
    pub fn is_removed(&self) -> bool {
        self.state == FileState::Removed
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its device and inode.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Looks for the file. If it cannot be looked at now, it counts as kept.
    fn locate(&self) -> FileState {
        if self.file.metadata().is_ok_and(|file| file.nlink() == 0) {
            return FileState::Removed;
        }
        match std::fs::symlink_metadata(&self.path) {
            Ok(there) if id_of(&there) != self.id => FileState::Moved,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                FileState::Moved
            }
            Ok(_) | Err(_) => FileState::Kept,
        }
    }

    /// True if a file can begin with this frame: a key frame, or anything where there is no picture.
    fn is_entry(&self, frame: &Frame) -> bool {
        let has_picture = || {
            let gone = self.contents.duration > self.last_video + PICTURE_GONE;
            self.contents.video.is_some() && !gone
        };
        match frame.kind {
            Kind::Video => frame.is_video_key(),
            Kind::Audio => frame.role == Role::Key && !has_picture(),
            Kind::Data | Kind::DataAmf3 => self.contents.video.is_none() && self.contents.audio.is_none(),
        }
    }

    /// Bytes of the file, with what is not yet written.
    fn size(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    fn push_tag(&mut self, frame: &Frame, time: u64) {
        self.contents.note(frame, time, self.size());
        if frame.kind == Kind::Video {
            self.last_video = time;
        }
        let wire_time = (time & u64::from(u32::MAX)) as u32;
        flv::write_tag(&mut self.buffer, frame.kind, wire_time, frame.payload());
    }

    fn write_gathered(&mut self) -> io::Result<()> {
        if self.written == 0 {
            let head = self.head(FileStage::Growing);
            if let Some(place) = self.buffer.get_mut(..head.len()) {
                place.copy_from_slice(&head);
            }
        }
        let result = self.file.write_all_at(&self.buffer, self.written);
        match &result {
            Ok(()) => self.written += self.buffer.len() as u64,
            Err(_) => self.cut(),
        }
        self.clear_gathered();
        result
    }

    fn clear_gathered(&mut self) {
        self.buffer.clear();
        self.buffer.shrink_to(2 * PIECE);
        self.gathered_since = None;
        self.flushed_time = self.contents.duration;
    }

    /// Cuts the file back to its last whole tag.
    fn cut(&mut self) {
        self.contents.cut(self.written, self.flushed_time);
        if let Err(error) = self.file.set_len(self.written) {
            log::error!("{} may end with half a tag: {error}", self.path.display());
        }
    }

    /// Writes the head if it is time for that.
    fn keep_head(&mut self, now: Instant) -> io::Result<()> {
        if now < self.head_at + HEAD_EVERY && self.written < self.head_size + HEAD_BYTES {
            return Ok(());
        }
        (self.head_at, self.head_size) = (now, self.written);
        self.write_head(FileStage::Growing)
    }

    fn write_head(&self, stage: FileStage) -> io::Result<()> {
        self.file.write_all_at(&self.head(stage), 0)
    }

    /// The file header and the first tag, always of the same length; nothing if they are not ours to write.
    fn head(&self, stage: FileStage) -> Vec<u8> {
        let Some(script) = &self.script else { return Vec::new() };
        let mut head = Vec::with_capacity(FILE_HEADER + TAG_HEADER + script.len() + 4);
        head.extend(flv::file_header(self.contents.audio.is_some(), self.contents.video.is_some()));
        flv::write_tag(&mut head, Kind::Data, 0, &script.payload(&self.contents, self.written, stage));
        head
    }
}

impl GroupSizes {
    /// Counts a frame that comes when the file has a size.
    fn count(&mut self, frame: &Frame, size: u64, is_entry: bool) {
        if is_entry {
            let group = self.group(size);
            self.largest = (self.largest.0.max(group.0), self.largest.1.max(group.1));
            self.at_entry = (size, self.frames());
        }
        let is_frame = !matches!(frame.role, Role::Header | Role::Empty);
        match frame.kind {
            Kind::Video if is_frame => self.video_frames += 1,
            Kind::Audio if is_frame => self.audio_frames += 1,
            _ => {}
        }
    }

    fn frames(&self) -> u64 {
        if self.video_frames > 0 { self.video_frames } else { self.audio_frames }
    }

    fn group(&self, size: u64) -> (u64, u64) {
        (size - self.at_entry.0, self.frames().saturating_sub(self.at_entry.1))
    }

    /// The least that the next group will have: as much as the largest so far, the first frame of `length`
    /// included.
    fn next_group(&self, size: u64, length: u64) -> (u64, u64) {
        let group = self.group(size);
        (self.largest.0.max(group.0).max(length), self.largest.1.max(group.1).max(1))
    }
}

fn tag_length(frame: &Frame) -> u64 {
    (TAG_HEADER + frame.payload().len() + 4) as u64
}
