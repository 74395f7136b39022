//! A player that reads every chunk or tag, compares every byte and measures how long it took.

use super::clip::{Clip, Track};
use super::flv::{Framing, Tags};
use super::latency::Latency;
use super::wire::{AUDIO, Chunks, Message, VIDEO};

/// What messages are taken from.
enum Input {
    Rtmp(Chunks),
    Flv(Tags),
}

/// What a probe knows of its stream.
pub struct Probe {
    stream: u64,
    input: Input,
    next: [Option<u64>; 2],
    /// Times of the messages since measuring began.
    pub latency: Latency,
    /// Messages in all.
    pub messages: u64,
    /// The first thing that was wrong.
    pub fault: Option<String>,
}

impl Probe {
    /// A probe of a stream by its number.
    pub fn new(stream: usize) -> Self {
        Self {
            stream: stream as u64,
            input: Input::Rtmp(Chunks::new()),
            next: [None; 2],
            latency: Latency::default(),
            messages: 0,
            fault: None,
        }
    }

    /// What comes is FLV, in this.
    pub fn expect_flv(&mut self, framing: Framing) {
        self.input = Input::Flv(Tags::new(framing));
    }

    /// Takes what was received at `now`, nanoseconds after the beginning of the run.
    pub fn receive(&mut self, bytes: &[u8], clip: &Clip, now: u64, measures: bool) {
        if self.fault.is_some() {
            return;
        }
        let mut found = Vec::new();
        let found_one = |message| found.push(message);
        let result = match &mut self.input {
            Input::Rtmp(chunks) => chunks.push(bytes, found_one),
            Input::Flv(tags) => tags.push(bytes, found_one),
        };
        for message in found {
            let result = self.handle(&message, clip, now, measures);
            self.fault = self.fault.take().or(result.err());
        }
        self.fault = self.fault.take().or(result.err());
    }

    fn handle(&mut self, message: &Message, clip: &Clip, now: u64, measures: bool) -> Result<(), String> {
        let track = match message.kind {
            AUDIO => Track::Audio,
            VIDEO => Track::Video,
            _ => return Ok(()),
        };
        // The second byte of both: a header (0) or frames (1).
        if message.body.get(1) != Some(&1) {
            return Ok(());
        }
        let stamp = clip.check(track, &message.body).ok_or_else(|| {
            format!("a {track:?} message of {} bytes is not what was sent", message.body.len())
        })?;
        if stamp.stream != self.stream {
            return Err(format!("{track:?} of stream {} on stream {}", stamp.stream, self.stream));
        }
        let next = &mut self.next[track as usize];
        if next.is_some_and(|next| next != stamp.sequence) {
            return Err(format!("{track:?} message {} came in place of {next:?}", stamp.sequence));
        }
        *next = Some(stamp.sequence + 1);
        self.messages += 1;
        if measures {
            self.latency.add(now.saturating_sub(stamp.sent));
        }
        Ok(())
    }
}
