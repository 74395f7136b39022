//! A day and more in virtual time: audio does not drift from the picture, and the 33 bits of the clocks wrap
//! without a mark.

use super::*;
use crate::media::segment::writer::audio::AudioFrame;

/// 24 hours in milliseconds.
const DAY: u64 = 24 * 3600 * 1000;
/// The clocks' 33 bits.
const MASK: u64 = (1 << 33) - 1;

/// Pushes a day of frames of 1024 samples, whose timestamps are whole milliseconds of a clock that makes so
/// many samples in a second, and hands each packet's number of its first frame and time to `check`.
fn day_of_audio(rate: u32, clock: f64, mut check: impl FnMut(u64, u64)) {
    let mut audio = AudioBuffer::new(300, 2);
    let (mut index, mut first) = (0u64, 0);
    loop {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time of day")]
        let timestamp = (index as f64 * 1024.0 * 1000.0 / clock) as u64;
        let frame = AudioFrame { timestamp, head: None, body: &[1], samples: (1024, rate) };
        if audio.is_due(timestamp, 1) || audio.is_broken_by(&frame) {
            audio.flush(|time, _| check(first, time));
            first = index;
        }
        if timestamp >= DAY {
            return;
        }
        audio.push(&frame);
        index += 1;
    }
}

#[test]
fn audio_is_where_its_samples_are_after_a_day() {
    for rate in [44_100, 48_000] {
        let mut last = 0;
        day_of_audio(rate, f64::from(rate), |index, time| {
            assert_eq!(time, index * 1024 * 90_000 / u64::from(rate), "frame {index} at {rate} Hz");
            last = time;
        });
        assert!(last > (DAY - 400) * 90);
    }
}

#[test]
fn audio_follows_timestamps_whose_clock_is_not_the_samples() {
    // 50 in a million fast or slow: 4.3 s in a day, of which no more than hls_sync is ever heard.
    for clock in [44_100.0 * 1.00005, 44_100.0 / 1.00005] {
        let (mut last, mut packets) = (None, 0);
        day_of_audio(44_100, clock, |index, time| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time of day")]
            let stamped = (index as f64 * 1024.0 * 90_000.0 / clock) as u64;
            assert!(time.abs_diff(stamped) <= 3 * 90, "frame {index}: {time}, stamped {stamped}");
            assert!(last.is_none_or(|last| last < time));
            (last, packets) = (Some(time), packets + 1);
        });
        assert!(packets < DAY / 270);
    }
}

/// The counters and times that a player has read so far.
#[derive(Default)]
struct Watch {
    demux: Demux,
    /// The last fragment that was read.
    seen: Option<u64>,
    pictures: u64,
    frames: u64,
    clock: Option<u64>,
}

impl Watch {
    /// Reads the fragments that are new, and checks each time in them.
    fn read(&mut self, rig: &Rig) {
        let text = rig.playlist();
        for name in text.lines().filter(|line| line.ends_with(".ts")) {
            let number: u64 = name[2..name.len() - 3].parse().unwrap();
            if self.seen.is_some_and(|seen| number <= seen) {
                continue;
            }
            assert_eq!(number, self.seen.map_or(0, |seen| seen + 1));
            self.seen = Some(number);
            self.check(&fs::read(rig.folder.join(name)).unwrap());
        }
        assert!(!text.contains("DISCONTINUITY\n"));
    }

    fn check(&mut self, fragment: &[u8]) {
        let packets = self.demux.read(fragment);
        let mut clocks: Vec<u64> = self.demux.fillers.drain(..).map(|(base, _)| base).collect();
        for pes in &packets {
            let time = if pes.pid == VIDEO { self.picture(pes) } else { self.audio(pes) };
            assert_eq!(pes.pts, (time + 63_000) & MASK);
            clocks.extend(pes.pcr.map(|(base, _)| base));
        }
        // The first fragment begins with a picture.
        let start = self.clock.or(packets[0].pcr.map(|(base, _)| base)).unwrap();
        clocks.sort_by_key(|clock| clock.wrapping_sub(start) & MASK);
        for clock in clocks {
            let step = self.clock.map_or(1, |last| clock.wrapping_sub(last) & MASK);
            assert!((1..=9000).contains(&step), "{step} ticks to {clock}");
            self.clock = Some(clock);
        }
    }

    /// When the next picture is shown, its decoding time being right.
    fn picture(&mut self, pes: &Pes) -> u64 {
        let (timestamp, composition) = picture(self.pictures);
        self.pictures += 1;
        let shown = (timestamp + composition) * 90;
        assert_eq!(pes.dts.unwrap_or(pes.pts), (timestamp * 90 + 63_000) & MASK);
        shown
    }

    /// When the next frames of audio begin; each has 10 bytes, its header included.
    fn audio(&mut self, pes: &Pes) -> u64 {
        let time = START * 90 + self.frames * 1024 * 90_000 / 8000;
        self.frames += pes.payload.len() as u64 / 10;
        time
    }
}

/// The publisher's first timestamp.
const START: u64 = 1 << 32;

/// Timestamp and composition time of a picture: every fifteenth of 29.97 in a second, each other a B-frame.
fn picture(index: u64) -> (u64, u64) {
    (START + index * 15 * 1001 / 30, if index.is_multiple_of(2) { 1001 } else { 0 })
}

#[test]
fn a_camera_that_runs_for_27_hours_keeps_its_clock_its_counters_and_its_audio() {
    let mut rig = Rig::with(|settings| {
        (settings.fragment, settings.max_fragment) = (60_000, 120_000);
        settings.playlist_length = 180_000;
    });
    let mut watch = Watch::default();
    rig.avc_header(SPS);
    // 8 kHz, one channel.
    rig.send(Kind::Audio, 0, &[0xaf, 0, 0x15, 0x88]);
    let mut frames = 0;
    for index in 0.. {
        let (timestamp, composition) = picture(index);
        while START + frames * 128 < timestamp {
            rig.audio(START + frames * 128);
            frames += 1;
        }
        if timestamp - START > 27 * 3600 * 1000 {
            break;
        }
        let (first, nal) = if index % 20 == 0 { (0x17, 0x65) } else { (0x27, 0x41) };
        let [.., b, c] = composition.to_be_bytes();
        rig.send(Kind::Video, timestamp, &[first, 1, 0, b, c, 0, 0, 0, 2, nal, 1]);
        if index % 240 == 0 {
            watch.read(&rig);
        }
    }
    rig.end();
    watch.read(&rig);
    assert_eq!(watch.frames, frames);
    assert!(watch.pictures > 194_000 && watch.seen > Some(1600));
    assert!(watch.clock.is_some_and(|clock| clock < 2 * 3_600 * 90_000), "it has wrapped");
}
