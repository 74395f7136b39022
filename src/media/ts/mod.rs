//! The MPEG transport stream that HLS fragments are made of (ISO 13818-1): one program with at most
//! one video and one audio track, written into memory.
//!
//! The muxer keeps the continuity counters and the time of the last clock reference, which run on from
//! fragment to fragment, and nothing else: no media. It takes whole access units in, and puts whole
//! packets of 188 bytes out.

mod packet;
mod psi;
mod tracks;

pub use packet::PACKET;
pub use tracks::{Audio, Tracks, Video, carries};

use packet::{Adaptation, Packets};
use tracks::{PID_AUDIO, PID_VIDEO};

/// The longest payload of one audio PES packet: its length field is 16 bits and counts 8 header bytes.
pub const MAX_AUDIO_PAYLOAD: usize = 0xffff - 8;
/// Ticks of the clock of PTS, DTS and PCR base (2.4.2.1) in a millisecond.
const TICKS_PER_MS: u64 = 90;
/// The time by which every PTS and DTS is later than the PCR: 0.7 s, the time a decoder has to fill its buffers.
pub const DELAY: u64 = 63_000;
/// PTS, DTS and the PCR base are 33 bits and wrap after 26.5 hours.
const TIME_MASK: u64 = (1 << 33) - 1;
/// The longest step from one PCR to the next: 100 ms (2.7.2).
const MAX_CLOCK_STEP: u64 = 9000;
/// A step longer than this is a gap or a jump, which is not filled: 20 s.
const MAX_CLOCK_GAP: u64 = 1_800_000;
/// A decoding time that goes back by more than this is another stream's: 4 s.
const MAX_STEP_BACK: u64 = 360_000;
/// The time by which the clock stays behind sound, so that a picture may come so much later and still have its own
/// time for a clock: half of [`DELAY`].
const MAX_LEAD: u64 = DELAY / 2;

const STREAM_ID_VIDEO: u8 = 0xe0;
const STREAM_ID_AUDIO: u8 = 0xc0;
/// `private_stream_1`, which AC-3 and E-AC-3 have (ATSC A/52 A3.4, G3.4).
const STREAM_ID_PRIVATE: u8 = 0xbd;

/// Milliseconds in ticks of 90 kHz. It wraps where u64 does, which the 33 bits on the wire do not see.
pub fn ticks(ms: u64) -> u64 {
    ms.wrapping_mul(TICKS_PER_MS)
}

/// When a picture is decoded and shown, in ticks of 90 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Decoding time.
    pub dts: u64,
    /// Presentation time.
    pub pts: u64,
    /// Decoding can start here.
    pub random_access: bool,
}

/// The muxer of one stream.
#[derive(Debug, Clone)]
pub struct Muxer {
    tracks: Tracks,
    /// `version_number` of the program map, 5 bits: another one for other tracks.
    version: u8,
    pat: Packets,
    pmt: Packets,
    video: Packets,
    audio: Packets,
    /// The time by which pictures are decoded earlier than [`Timing`] says, in ticks.
    decoding_offset: u64,
    /// When the last picture is decoded, as it was written.
    decoded: Option<u64>,
    /// The time of the last PCR, before it wraps.
    clock: Option<u64>,
}

impl Muxer {
    /// A muxer of these tracks, with all counters at zero.
    pub fn new(tracks: Tracks) -> Self {
        Self {
            tracks,
            version: 0,
            pat: Packets::new(psi::PID_PAT),
            pmt: Packets::new(psi::PID_PMT),
            video: Packets::new(PID_VIDEO),
            audio: Packets::new(PID_AUDIO),
            decoding_offset: 0,
            decoded: None,
            clock: None,
        }
    }

    /// Changes the tracks. The next [`tables`](Self::tables) tell.
    pub fn set_tracks(&mut self, tracks: Tracks) {
        if tracks != self.tracks {
            self.tracks = tracks;
            self.version = (self.version + 1) & 0x1f;
        }
    }

    /// Lets the next packet of each track tell that its counter does not continue the one before (2.4.3.5).
    pub fn break_counters(&mut self) {
        self.video.break_counter();
        self.audio.break_counter();
    }

    /// Lets pictures be decoded so many ticks earlier than [`Timing`] says. A stream whose B pictures are shown before
    /// they are decoded, as it says, keeps its presentation times with that.
    pub fn set_decoding_offset(&mut self, offset: u64) {
        self.decoding_offset = offset;
    }

    /// Appends the program association and the program map, which every fragment starts with.
    pub fn tables(&mut self, out: &mut Vec<u8>) {
        self.pat.write_section(&psi::program_association(), out);
        self.pmt.write_section(&psi::program_map(self.tracks, self.version), out);
    }

    /// Appends one picture: an access unit in byte stream format, as one PES packet with a PCR.
    /// A picture that would be shown before it is decoded is shown then.
    pub fn video(&mut self, timing: Timing, access_unit: &[u8], out: &mut Vec<u8>) {
        debug_assert!(self.tracks.video.is_some(), "a picture without a video track");
        let dts = self.decode(timing.dts);
        self.fill_clock(dts, out);
        // It has run ahead of a picture that is very late, and must not go back.
        let is_ahead = |clock: &u64| clock.wrapping_sub(dts) < DELAY;
        let clock = self.clock.filter(is_ahead).unwrap_or(dts);
        self.clock = Some(clock);
        let pts = timing.pts.max(dts);
        let header = PesHeader::new(STREAM_ID_VIDEO, pts, dts, access_unit.len());
        let start =
            Adaptation { pcr: Some(clock & TIME_MASK), random_access: timing.random_access, is_break: false };
        self.video.write_pes(start, header.bytes(), access_unit, out);
    }

    /// Appends whole audio frames, of which the first starts at `pts`, as one PES packet; with a PCR
    /// if there is no video to carry it. At most [`MAX_AUDIO_PAYLOAD`] bytes. Where PCRs are more than 100 ms
    /// apart, as in sound alone whose frames are gathered for longer, packets of nothing else come between.
    pub fn audio(&mut self, pts: u64, frames: &[u8], out: &mut Vec<u8>) {
        debug_assert!(self.tracks.audio.is_some(), "audio without an audio track");
        debug_assert!(frames.len() <= MAX_AUDIO_PAYLOAD, "audio longer than a PES packet");
        let mut pcr = None;
        if self.tracks.video.is_some() {
            self.run_clock(pts.saturating_sub(MAX_LEAD).saturating_sub(self.decoding_offset), out);
        } else {
            self.fill_clock(pts, out);
            self.clock = Some(pts);
            pcr = Some(pts & TIME_MASK);
        }
        let stream_id = match self.tracks.audio {
            Some(Audio::Ac3 | Audio::Eac3) => STREAM_ID_PRIVATE,
            _ => STREAM_ID_AUDIO,
        };
        let header = PesHeader::new(stream_id, pts, pts, frames.len());
        let start = Adaptation { pcr, random_access: pcr.is_some(), is_break: false };
        self.audio.write_pes(start, header.bytes(), frames, out);
    }

    /// When a picture is decoded, as it is written. Where the offset has grown, that is still behind the one before.
    fn decode(&mut self, dts: u64) -> u64 {
        let dts = dts.saturating_sub(self.decoding_offset);
        let least = self.decoded.map_or(dts, |decoded| decoded.wrapping_add(1));
        let goes_back = self.decoding_offset > 0 && least.wrapping_sub(dts) <= MAX_STEP_BACK;
        *self.decoded.insert(if goes_back { least } else { dts })
    }

    /// Lets the clock go on up to `time` while no picture carries it.
    fn run_clock(&mut self, time: u64, out: &mut Vec<u8>) {
        self.fill_clock(time, out);
        if self.clock.is_some_and(|clock| time.saturating_sub(clock) > MAX_CLOCK_GAP) {
            self.video.write_clock(time & TIME_MASK, out);
            self.clock = Some(time);
        }
    }

    /// Appends PCRs where the last one is too long ago for the next to be at `time`: the picture comes too
    /// seldom, or not any more.
    fn fill_clock(&mut self, time: u64, out: &mut Vec<u8>) {
        let Some(mut clock) = self.clock.filter(|clock| time.saturating_sub(*clock) <= MAX_CLOCK_GAP) else {
            return;
        };
        let packets = if self.tracks.video.is_some() { &mut self.video } else { &mut self.audio };
        while time.saturating_sub(clock) > MAX_CLOCK_STEP {
            clock += MAX_CLOCK_STEP;
            packets.write_clock(clock & TIME_MASK, out);
        }
        self.clock = Some(clock);
    }
}

/// A PES packet header (2.4.3.6) with a PTS, and a DTS where it differs.
struct PesHeader {
    bytes: [u8; 19],
    length: usize,
}

impl PesHeader {
    fn new(stream_id: u8, pts: u64, dts: u64, payload: usize) -> Self {
        let (pts, dts) = (pts.wrapping_add(DELAY) & TIME_MASK, dts.wrapping_add(DELAY) & TIME_MASK);
        let with_dts = pts != dts;
        let times = if with_dts { 10 } else { 5 };
        // A length of 0 means "up to the next one", which only video may.
        let length = u16::try_from(payload + 3 + usize::from(times)).unwrap_or(0);
        let [high, low] = length.to_be_bytes();
        let mut bytes = [0; 19];
        // 0x84: marker bits, data_alignment_indicator.
        bytes[..9].copy_from_slice(&[0, 0, 1, stream_id, high, low, 0x84, 0x80, times]);
        if with_dts {
            bytes[7] = 0xc0;
            bytes[9..14].copy_from_slice(&timestamp(0b0011, pts));
            bytes[14..].copy_from_slice(&timestamp(0b0001, dts));
        } else {
            bytes[9..14].copy_from_slice(&timestamp(0b0010, pts));
        }
        Self { bytes, length: 9 + usize::from(times) }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// A 33-bit time in five bytes: a prefix of 4 bits, then 3, 15 and 15 bits, each with a marker bit.
fn timestamp(prefix: u8, time: u64) -> [u8; 5] {
    let byte = |shift: u32, mask: u64| (time >> shift & mask).to_be_bytes()[7];
    [
        prefix << 4 | byte(30, 0x07) << 1 | 1,
        byte(22, 0xff),
        byte(15, 0x7f) << 1 | 1,
        byte(7, 0xff),
        byte(0, 0x7f) << 1 | 1,
    ]
}

#[cfg(test)]
pub(crate) mod tests;
