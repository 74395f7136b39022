//! A part of a file as a segment by itself: made without what comes before it, and with the times of the file, so that the
//! segments of a file follow each other whichever of them is asked for.

use std::rc::Rc;

use crate::media::file::{FileFacts, FileMessage, MessageRole};
use crate::media::flv::Codec;
use crate::media::nal::{AccessUnit, Start};
use crate::media::segment::probe::cost;
use crate::media::segment::tracks::{Codecs, Content};
use crate::media::segment::waiting::picture::{Picture, PictureBuffer};
use crate::media::segment::writer::Writer;
use crate::media::segment::writer::audio::AudioBuffer;
use crate::media::ts::{carries, ticks};
use crate::media::{Frame, Pictures, Role, Slices};

/// The longest time that audio waits for its packet, and by which its times are evened out, in milliseconds.
const AUDIO: (u64, u64) = (300, 2);

/// The most frames that are held until the tracks are known.
const MAX_HELD: usize = 512;

/// A segment has more bytes than it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// A segment that is being made of the messages of a file.
#[derive(Debug)]
pub struct Excerpt {
    has_video: bool,
    has_audio: bool,
    /// The most bytes that it may have.
    most: usize,
    pictures: Pictures,
    codecs: Codecs,
    writer: Writer,
    waiting: PictureBuffer,
    /// The first frames, until the tracks are known, and their bytes.
    held: Vec<(Rc<Frame>, Content)>,
    held_bytes: usize,
    access_unit: Vec<u8>,
    has_begun_pictures: bool,
}

impl Excerpt {
    /// A segment of a file with these facts, of at most so many bytes.
    pub fn new(facts: &FileFacts, most: usize) -> Self {
        let mut writer = Writer::new(AudioBuffer::new(AUDIO.0, AUDIO.1), None);
        writer.break_counters();
        Self {
            has_video: facts.video_codec != Codec::None,
            has_audio: facts.audio_codec != Codec::None,
            most,
            pictures: Pictures::default(),
            codecs: Codecs::new("a recording", "segment"),
            writer,
            waiting: PictureBuffer::default(),
            held: Vec::new(),
            held_bytes: 0,
            access_unit: Vec::new(),
            has_begun_pictures: false,
        }
    }

    /// Whether segments carry all tracks of a file.
    pub fn carries(facts: &FileFacts) -> bool {
        let is_carried = |codec| codec == Codec::None || carries(codec);
        let is_known = facts.left_out.iter().all(Option::is_none);
        is_known && is_carried(facts.video_codec) && is_carried(facts.audio_codec)
    }

    /// Takes the next message of the file.
    pub fn take(&mut self, message: &FileMessage<'_>) -> Result<(), TooLong> {
        if message.kind.is_data() {
            return Ok(());
        }
        let payload = [message.head.as_slice(), message.body].concat();
        let mut frame = Frame::from_payload(message.kind, message.timestamp, &payload);
        let tagged = frame.role;
        if let Some(configuration) = self.pictures.read(&mut frame).configuration {
            self.add(configuration)?;
        }
        // Where the file says that a decoder can begin, the segment has to.
        if message.role == MessageRole::Key && frame.slices == Slices::Begin {
            frame.role = tagged;
        }
        self.add(frame)
    }

    /// The segment, without any message that it still waits for.
    pub fn finish(mut self) -> Result<Vec<u8>, TooLong> {
        if self.writer.open().is_none() {
            self.begin()?;
        }
        self.finish_picture();
        self.writer.flush_audio();
        self.check()?;
        let ends = self.writer.ends_after(0);
        Ok(self.writer.end(ends).map(|(open, _)| open.bytes).unwrap_or_default())
    }

    fn add(&mut self, frame: Frame) -> Result<(), TooLong> {
        let content = self.codecs.learn(&frame);
        if content == Content::Nothing {
            return Ok(());
        }
        let frame = Rc::new(frame);
        if self.writer.open().is_some() {
            self.write(&frame, content);
            return self.check();
        }
        self.held_bytes += cost(&frame);
        self.held.push((frame, content));
        if self.held_bytes > self.most {
            return Err(TooLong);
        }
        if self.knows_tracks() || self.held.len() >= MAX_HELD { self.begin() } else { Ok(()) }
    }

    fn check(&mut self) -> Result<(), TooLong> {
        let length = self.writer.bytes().map_or(0, |bytes| bytes.len());
        if length > self.most { Err(TooLong) } else { Ok(()) }
    }

    fn knows_tracks(&self) -> bool {
        (!self.has_video || self.codecs.announces_video())
            && (!self.has_audio || self.codecs.next_audio().is_some())
    }

    fn begin(&mut self) -> Result<(), TooLong> {
        self.codecs.take_over();
        let start = self.held.first().map_or(0, |(frame, _)| ticks(frame.timestamp));
        self.writer.begin(start, 0, self.codecs.tracks());
        for (frame, content) in std::mem::take(&mut self.held) {
            self.write(&frame, content);
            self.check()?;
        }
        Ok(())
    }

    fn write(&mut self, frame: &Rc<Frame>, content: Content) {
        match (content, frame.slices) {
            (Content::Video, Slices::Begin) => {
                self.finish_picture();
                self.begin_picture(frame);
            }
            (Content::Video, Slices::Continue { .. }) => _ = self.waiting.add_slices(frame),
            (Content::Video, Slices::None) => _ = self.waiting.keep_non_vcl(frame),
            (Content::Video, Slices::Unread) | (Content::Nothing, _) => {}
            (Content::Audio(parsed), _) => {
                let had_audio = self.codecs.audio().is_some();
                self.codecs.take_over_audio();
                let Some(track) = self.codecs.audio().filter(|_| had_audio) else { return };
                let Some(audio) = track.elementary(frame, parsed) else { return };
                if self.codecs.has_video() {
                    self.writer.add_audio(&audio);
                } else {
                    self.writer.add_leading_audio(&audio);
                }
            }
        }
    }

    fn begin_picture(&mut self, frame: &Rc<Frame>) {
        let is_first = !self.has_begun_pictures;
        if !self.codecs.has_video() || is_first && frame.role != Role::Key {
            return self.waiting.drop_non_vcl();
        }
        if frame.is_video_key() {
            self.codecs.take_over_video();
        }
        self.has_begun_pictures = true;
        let dts = self.writer.dts(frame.timestamp);
        self.writer.set_dts(dts);
        let start = if is_first { Start::Fragment } else { Start::Within };
        self.waiting.begin(frame, dts, start, frame.timestamp);
    }

    fn finish_picture(&mut self) {
        let (Some(picture), Some(track)) = (self.waiting.take(), self.codecs.video()) else { return };
        self.access_unit.clear();
        let written = track.rewriter().write(picture.messages(), picture.start, &mut self.access_unit);
        if matches!(written, Ok(AccessUnit::RandomAccess | AccessUnit::Picture)) {
            self.mux(&picture);
        }
    }

    fn mux(&mut self, Picture { first, dts, .. }: &Picture) {
        self.writer.flush_audio_before(first.timestamp);
        self.writer.see_order(first);
        let pts = ticks(first.presentation_time());
        self.writer.picture(*dts, pts, first.is_video_key(), &self.access_unit);
    }
}
