//! One recording, as the loop has it: its contents, its limits, and the tags that are gathered for its file.
//!
//! Nothing here touches the file. Tags are gathered in memory and given away in large pieces, at least once a second, so
//! a crash costs little more than that and flash is spared. What has been given away counts as written; if writing
//! fails, the recording ends.

mod groups;

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::engine::Now;
use crate::media::flv::{self, TAG_HEADER};
use crate::media::meter::Charge;
use crate::media::{Frame, Kind, Meter, Role, Slices};
use crate::modules::record::disk::FileKey;
use crate::modules::record::file::contents::Contents;
use crate::modules::record::file::examination::Tail;
use crate::modules::record::file::piece::{Ending, Piece};
use crate::modules::record::file::script::{FileStage, Script};
use crate::modules::record::interval::Deadline;
use crate::modules::record::settings::FileLimits;
use groups::GroupSizes;

/// Bytes gathered before they are written. Larger pieces wake the writer less often.
const PIECE: usize = 128 * 1024;
/// Bytes that are gathered while too much waits to be written; what comes then is dropped.
const MAX_GATHERED: usize = 512 * 1024;
/// Bytes that all recorders together gather meanwhile, as many as wait for the writer.
const MAX_GATHERED_BY_ALL: usize = 16 << 20;
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
/// The file is looked for with a piece after this time, so that no job is needed for that alone.
const LOOK_WITH_PIECE: Duration = Duration::from_millis(500);
/// The time without a picture after which a file may end at any frame, as one without video, milliseconds.
const PICTURE_GONE: u64 = 10_000;
/// The time between the last tag of a file and the first that is appended, milliseconds.
const APPEND_GAP: u64 = 1;

/// A recording in progress.
#[derive(Debug)]
pub struct Output {
    key: FileKey,
    /// The path of its file; none before its first frames are in the file.
    path: Option<PathBuf>,
    /// The path that it will have, unless another file is there.
    expected: PathBuf,
    /// The first tag; `None` if it is not ours to write.
    script: Option<Script>,
    contents: Contents,
    /// Whole tags that have not been given away, and since when there are any.
    gathered: Vec<u8>,
    gathered_since: Option<Instant>,
    /// Their bytes among those of all recorders, while too much waits to be written.
    held: Option<Charge>,
    /// Bytes in the file, with those on their way to it. Invariant: they end with a whole tag.
    written: u64,
    /// Stream time of the recording's beginning, milliseconds; known with the first picture or sound.
    base: Option<u64>,
    /// Time in the file at which it begins.
    offset: u64,
    /// Time of the last tag that was given away.
    flushed_time: u64,
    /// When the head was last written, and how many bytes it tells of.
    head_at: Instant,
    head_size: u64,
    video_state: VideoState,
    /// Time of the last frame of video.
    last_video: u64,
    groups: GroupSizes,
    deadline: Option<Deadline>,
    /// The file is not at its path any more: it ends before the next key frame.
    is_moved: bool,
    /// When it was last looked for.
    looked: Instant,
    /// Codec headers have been dropped.
    lacks_headers: bool,
    /// Frames that have been dropped, as too much waited to be written, and that the log does not tell of yet.
    pub dropped: u64,
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
    /// The same, as what came before it has been dropped.
    Dropping,
    Running,
}

impl IntervalEnd {
    /// True if it is past at `timestamp` of the stream, milliseconds.
    pub fn is_past(self, now: Now, timestamp: u64) -> bool {
        self.deadline.is_past(now, timestamp.saturating_sub(self.base.unwrap_or(timestamp)))
    }
}

impl Output {
    /// Begins a recording; behind `tail`, if there is one in its file.
    pub fn new(key: FileKey, script: Script, tail: Option<Box<Tail>>, limits: FileLimits, now: Now) -> Self {
        let mut output = Self {
            key,
            path: None,
            expected: PathBuf::new(),
            script: Some(script),
            contents: Contents::none(),
            gathered: Vec::new(),
            gathered_since: Some(now.instant),
            held: None,
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
            is_moved: false,
            looked: now.instant,
            lacks_headers: false,
            dropped: 0,
        };
        match tail {
            None => output.gathered = output.head(),
            Some(tail) => {
                output.offset = tail.time + APPEND_GAP;
                output.written = tail.size;
                output.head_size = tail.head_size;
                output.script = tail.script;
                output.contents = tail.contents;
                (output.flushed_time, output.last_video) = (tail.time, tail.time);
            }
        }
        output.groups = GroupSizes::new(output.size());
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

    /// Adds a frame, unless it is one of a picture that cannot be decoded. True if the tags should be given away now.
    pub fn write(&mut self, frame: &Frame, now: Instant) -> bool {
        if self.is_full_of_tags() {
            self.drop_frame(frame);
        } else {
            self.add(frame);
        }
        if !self.gathered.is_empty() {
            self.gathered_since.get_or_insert(now);
        }
        let media = Duration::from_millis(self.contents.duration.saturating_sub(self.flushed_time));
        self.gathered.len() >= PIECE || media >= FLUSH_EVERY || self.is_due(now)
    }

    fn add(&mut self, frame: &Frame) {
        if frame.kind == Kind::Video {
            match (self.video_state, frame.role) {
                (VideoState::Waiting, Role::Inter | Role::Disposable) => return,
                (VideoState::Dropping, Role::Inter | Role::Disposable) => return self.dropped += 1,
                (_, Role::Key) => self.video_state = VideoState::Running,
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

    /// True if the gathered tags are a second old.
    pub fn is_due(&self, now: Instant) -> bool {
        self.flush_at().is_some_and(|at| at <= now)
    }

    /// When the gathered tags are to be given away.
    pub fn flush_at(&self) -> Option<Instant> {
        self.gathered_since.map(|since| since + FLUSH_EVERY)
    }

    /// True if the file was not looked for within the last second.
    pub fn wants_look(&self, now: Instant) -> bool {
        now >= self.looked + LOOK_EVERY
    }

    /// Bytes of the gathered tags.
    pub fn gathered(&self) -> usize {
        self.gathered.len()
    }

    /// Gives the gathered tags away. The next ones are gathered in `buffer`, which is empty.
    pub fn take_piece(&mut self, now: Instant, buffer: Vec<u8>) -> Piece {
        let looks = now >= self.looked + LOOK_WITH_PIECE;
        if looks {
            self.looked = now;
        }
        let tags = self.take_tags(buffer);
        Piece { tags, time: self.contents.duration, head: self.due_head(now), looks }
    }

    /// Too much waits to be written: gathers for another second. `held` counts what all recorders gather meanwhile.
    pub fn hold(&mut self, now: Instant, held: &Meter) {
        self.gathered_since = self.gathered_since.map(|_| now);
        self.held = Some(held.charge(self.gathered.len()));
    }

    /// True if nothing more is gathered.
    pub fn is_full_of_tags(&self) -> bool {
        let is_by_all = |held: &Charge| held.of_all() >= MAX_GATHERED_BY_ALL;
        self.gathered.len() >= MAX_GATHERED || self.held.as_ref().is_some_and(is_by_all)
    }

    /// Leaves a frame out, with the pictures up to the next key frame. The times behind it stay those of the stream, so a
    /// player shows the last picture for as long.
    fn drop_frame(&mut self, frame: &Frame) {
        self.dropped += 1;
        self.lacks_headers |= frame.role == Role::Header;
        if frame.kind == Kind::Video {
            self.video_state = VideoState::Dropping;
        }
    }

    /// True once after codec headers have been dropped: they have to be repeated.
    pub fn takes_headers(&mut self) -> bool {
        !self.is_full_of_tags() && std::mem::take(&mut self.lacks_headers)
    }

    /// Repeats a codec header behind what has been dropped.
    pub fn repeat_header(&mut self, header: &Frame) {
        self.push_tag(header, self.contents.duration);
    }

    /// Ends the recording.
    pub fn into_ending(mut self) -> Ending {
        let tags = self.take_tags(Vec::new());
        let piece = Piece { tags, time: self.contents.duration, head: None, looks: false };
        Ending { piece, script: self.script, contents: self.contents }
    }

    /// The next frames do not continue the last ones: pictures wait for a key frame.
    pub fn discontinuity(&mut self) {
        self.video_state = VideoState::Waiting;
    }

    /// Its file is to have this path.
    pub fn expect(&mut self, path: PathBuf) {
        self.expected = path;
    }

    /// The path of its file, or that which it is to have.
    pub fn likely_path(&self) -> &Path {
        self.path.as_deref().unwrap_or(&self.expected)
    }

    /// The file has its first frames.
    pub fn begun(&mut self, path: PathBuf) {
        self.path = Some(path);
    }

    /// The file is not at its path any more.
    pub fn moved(&mut self) {
        self.is_moved = true;
    }

    /// True if the next file is to begin with this frame.
    pub fn ends_before(&self, frame: &Frame, limits: FileLimits, now: Now) -> bool {
        if !self.is_entry(frame) {
            return false;
        }
        let interval_is_over = self.interval_end().is_some_and(|end| end.is_past(now, frame.timestamp));
        self.is_moved || interval_is_over || !self.has_room_for_group(frame, limits)
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

    pub fn key(&self) -> FileKey {
        self.key
    }

    /// The path of its file; none before its first frames are in the file.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// True if it is behind another recording in its file.
    pub fn is_appended(&self) -> bool {
        self.offset > 0
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

    /// Pictures in the file, or sounds where there is no picture.
    pub fn frames(&self) -> u64 {
        self.groups.frames()
    }

    /// Bytes of the file, with what is not yet written.
    pub fn size(&self) -> u64 {
        self.written + self.gathered.len() as u64
    }

    fn push_tag(&mut self, frame: &Frame, time: u64) {
        self.contents.note(frame, time, self.size());
        if frame.kind == Kind::Video {
            self.last_video = time;
        }
        let wire_time = (time & u64::from(u32::MAX)) as u32;
        flv::write_tag(&mut self.gathered, frame.kind, wire_time, frame.payload());
    }

    /// Takes the gathered tags; the head among the first ones tells what is known by now.
    fn take_tags(&mut self, buffer: Vec<u8>) -> Vec<u8> {
        if self.written == 0 {
            let head = self.head();
            if let Some(place) = self.gathered.get_mut(..head.len()) {
                place.copy_from_slice(&head);
            }
        }
        let tags = std::mem::replace(&mut self.gathered, buffer);
        self.written += tags.len() as u64;
        self.gathered_since = None;
        self.held = None;
        self.flushed_time = self.contents.duration;
        tags
    }

    /// The head with all that has been given away, if it is time to write it again.
    fn due_head(&mut self, now: Instant) -> Option<Vec<u8>> {
        if now < self.head_at + HEAD_EVERY && self.written < self.head_size + HEAD_BYTES {
            return None;
        }
        (self.head_at, self.head_size) = (now, self.written);
        self.script.is_some().then(|| self.head())
    }

    /// The file header and the first tag of a growing file; nothing if they are not ours to write.
    fn head(&self) -> Vec<u8> {
        let head = |script: &Script| script.head(&self.contents, self.written, FileStage::Growing);
        self.script.as_ref().map(head).unwrap_or_default()
    }
}

fn tag_length(frame: &Frame) -> u64 {
    (TAG_HEADER + frame.payload().len() + 4) as u64
}
