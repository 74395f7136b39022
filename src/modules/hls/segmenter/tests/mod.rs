//! Streams of made-up frames, and what became of them: playlists and packets are read back.

mod audio;
mod breaks;
mod codecs;
mod day;
mod failures;
mod late;
mod memory;
mod pictures;
mod times;
mod tracks;

use std::fs;
use std::sync::Arc;
use std::time::{Instant, UNIX_EPOCH};

use super::*;
use crate::engine::{Buffers, Finish, HlsLists, Jobs, MemoryFiles, Now, Outlet, Sink, StreamId, Totals};
use crate::media::segment::cutting::slicer::{Pace, Slicing};
use crate::media::ts::tests::{Demux, Pes};
use crate::media::{Kind, Pictures};
use crate::modules::hls::files::Files;
use crate::modules::hls::files::keys::Cipher;
use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::output::Opening;
use crate::modules::hls::publication::Publication;
use crate::modules::hls::settings::{KeySettings, ListKind, Storage};
use crate::test_folder::Folder;

const SPS: &[u8] =
    b"\x67\x42\xc0\x0d\xd9\x01\x41\xfb\x01\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\x20\xf1\x42\xa4\x80";
const OTHER_SPS: &[u8] =
    b"\x67\x4d\x40\x1e\xec\xa0\x50\x17\xfc\xb8\x08\x80\x00\x01\xf4\x80\x00\x75\x30\x07\x8b\x16\xcb";
const VIDEO: u16 = 0x100;
const AUDIO: u16 = 0x101;

/// A listed fragment: its duration, whether there is a discontinuity, its packets and its program map.
type Listed = (u64, bool, Vec<Pes>, Vec<(u8, u16)>);

/// When the writer does its jobs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Disk {
    /// After each call.
    Fast,
    /// When the test says so.
    Slow,
}

/// A segmenter over a folder, and what publishers send.
struct Rig {
    folder: Folder,
    settings: Arc<Settings>,
    segmenter: Option<Segmenter>,
    memory: MemoryFiles,
    jobs: Jobs,
    lists: HlsLists,
    totals: Totals,
    disk: Disk,
    outputs: u64,
    now: Now,
    /// The state of the ingest.
    pictures: Pictures,
}

impl Rig {
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// Fragments of 2 s, at most 20 s, 3600 s listed.
    fn with(adjust: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings { playlist_length: 3_600_000, ..Settings::for_tests() };
        adjust(&mut settings);
        let mut rig = Self {
            folder: Folder::new(),
            settings: Arc::new(settings),
            segmenter: None,
            memory: MemoryFiles::default(),
            jobs: Jobs::default(),
            lists: HlsLists::default(),
            totals: Totals::default(),
            disk: Disk::Fast,
            outputs: 0,
            now: Now { instant: Instant::now(), wall: UNIX_EPOCH },
            pictures: Pictures::default(),
        };
        rig.restart();
        rig
    }

    /// Another segmenter over what is there.
    fn restart(&mut self) {
        self.segmenter = None;
        let naming = Naming::new(&self.folder, "a", &self.settings);
        let mut outlet = Outlet {
            now: self.now,
            memory: &mut self.memory,
            jobs: &mut self.jobs,
            lists: &mut self.lists,
            totals: &mut self.totals,
        };
        let output = match self.settings.storage {
            Storage::Disk => {
                self.outputs += 1;
                let opening = Opening { naming, buffers: Buffers::default(), secret: None };
                Output::on_disk(StreamId::of_nothing(1), self.outputs, opening, &mut outlet)
            }
            Storage::Memory => {
                let files = Files::Memory(outlet.memory);
                Output::in_memory(Publication::open(naming, &files, UNIX_EPOCH), &mut outlet)
            }
        };
        self.segmenter = Some(Segmenter::new(&self.settings, output));
        self.call(|_, _| {});
    }

    fn send(&mut self, kind: Kind, timestamp: u64, payload: &[u8]) {
        let mut frame = Frame::from_payload(kind, timestamp, payload);
        let findings = self.pictures.read(&mut frame);
        for frame in findings.configuration.into_iter().chain([frame]) {
            self.call(|segmenter, outlet| segmenter.frame(&Rc::new(frame), outlet).unwrap());
        }
    }

    fn call(&mut self, act: impl FnOnce(&mut Segmenter, &mut Outlet<'_>)) {
        let mut outlet = Outlet {
            now: self.now,
            memory: &mut self.memory,
            jobs: &mut self.jobs,
            lists: &mut self.lists,
            totals: &mut self.totals,
        };
        act(self.segmenter.as_mut().unwrap(), &mut outlet);
        if self.disk == Disk::Fast {
            self.run_jobs();
        }
    }

    /// Does all jobs that wait.
    fn run_jobs(&mut self) {
        while self.run_job() {}
    }

    /// Does the next job. False if there is none.
    fn run_job(&mut self) -> bool {
        let Some(done) = self.jobs.run_next() else { return false };
        if let (Some(done), Some(segmenter)) = (done, &mut self.segmenter) {
            let mut outlet = Outlet {
                now: self.now,
                memory: &mut self.memory,
                jobs: &mut self.jobs,
                lists: &mut self.lists,
                totals: &mut self.totals,
            };
            segmenter.on_job(done.result, &mut outlet);
        }
        true
    }

    /// Takes the next job as one that has panicked. False if there is none.
    fn panic_job(&mut self) -> bool {
        let Some(done) = self.jobs.panic_next() else { return false };
        let mut outlet = Outlet {
            now: self.now,
            memory: &mut self.memory,
            jobs: &mut self.jobs,
            lists: &mut self.lists,
            totals: &mut self.totals,
        };
        self.segmenter.as_mut().unwrap().on_job(done.result, &mut outlet);
        true
    }

    fn discontinuity(&mut self) {
        self.call(Sink::discontinuity);
    }

    fn finish(&mut self, why: Finish) {
        self.call(|segmenter, outlet| segmenter.finish(why, outlet));
    }

    fn avc_header(&mut self, sps: &[u8]) {
        let mut payload = vec![0x17, 0, 0, 0, 0, 1, sps[1], sps[2], sps[3], 0xff, 0xe1, 0];
        payload.push(u8::try_from(sps.len()).unwrap());
        payload.extend(sps);
        payload.extend([1, 0, 4, 0x68, 0xcb, 0x83, 0xcb]);
        self.send(Kind::Video, 0, &payload);
    }

    fn aac_header(&mut self) {
        self.send(Kind::Audio, 0, &[0xaf, 0, 0x11, 0x90]);
    }

    fn headers(&mut self) {
        self.avc_header(SPS);
        self.aac_header();
    }

    fn key(&mut self, timestamp: u64) {
        self.send(Kind::Video, timestamp, &[0x17, 1, 0, 0, 80, 0, 0, 0, 3, 0x65, 0x88, 2]);
    }

    fn inter(&mut self, timestamp: u64) {
        self.send(Kind::Video, timestamp, &[0x27, 1, 0, 0, 80, 0, 0, 0, 3, 0x41, 0x9a, 2]);
    }

    /// A picture of 60 kB that is no key frame.
    fn large(&mut self, timestamp: u64) {
        let length: u32 = 60_000;
        let mut payload = [&[0x27, 1, 0, 0, 80][..], &length.to_be_bytes(), &[0x41, 0x9a]].concat();
        payload.resize(9 + 60_000, 2);
        self.send(Kind::Video, timestamp, &payload);
    }

    fn audio(&mut self, timestamp: u64) {
        self.send(Kind::Audio, timestamp, &[0xaf, 1, 0x21, 7, 7]);
    }

    /// A second of media from `start`: a key frame, 24 others and 46 audio frames.
    fn second(&mut self, start: u64) {
        let mut audio = (0..46).map(|index| start + index * 1000 / 46).peekable();
        for index in 0..25 {
            let timestamp = start + index * 40;
            match index {
                0 => self.key(timestamp),
                _ => self.inter(timestamp),
            }
            while let Some(timestamp) = audio.next_if(|&time| time < timestamp + 40) {
                self.audio(timestamp);
            }
        }
    }

    fn end(&mut self) {
        self.finish(Finish::StreamEnded);
        self.segmenter = None;
    }

    fn memory_file(&self, name: &str) -> Vec<u8> {
        self.memory.get(&self.folder.join(name)).unwrap().read().unwrap()
    }

    fn playlist(&self) -> String {
        fs::read_to_string(self.folder.join("a.m3u8")).unwrap_or_default()
    }

    /// The listed fragments: duration, whether there is a discontinuity, and the packets.
    fn fragments(&self) -> Vec<(u64, bool, Vec<Pes>)> {
        self.demux()
            .into_iter()
            .map(|(duration, discontinuity, packets, _)| (duration, discontinuity, packets))
            .collect()
    }

    fn demux(&self) -> Vec<Listed> {
        let text = self.playlist();
        if text.is_empty() {
            return Vec::new();
        }
        let (_, playlist) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
        let mut demux = Demux::default();
        let read = |segment: &m3u8_rs::MediaSegment| {
            let bytes = fs::read(self.folder.join(&segment.uri)).unwrap();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a duration of a test"
            )]
            let duration = (f64::from(segment.duration) * 1000.0).round() as u64;
            assert!(u64::from(segment.duration.round() as u32) <= playlist.target_duration);
            if segment.discontinuity {
                // Packets may be counted anew.
                demux = Demux::default();
            }
            let packets = demux.read(&bytes);
            (duration, segment.discontinuity, packets, demux.streams.clone())
        };
        playlist.segments.iter().map(read).collect()
    }

    /// Durations and discontinuities only.
    fn shape(&self) -> Vec<(u64, bool)> {
        self.fragments().into_iter().map(|(duration, discontinuity, _)| (duration, discontinuity)).collect()
    }
}

fn of(packets: &[Pes], pid: u16) -> impl Iterator<Item = &Pes> {
    packets.iter().filter(move |pes| pes.pid == pid)
}

#[test]
fn fragments_end_at_the_first_key_frame_after_their_length() {
    let mut rig = Rig::with(|settings| settings.fragment = 2500);
    rig.headers();
    for second in 0..7 {
        rig.second(5000 + second * 1000);
    }
    rig.end();
    let fragments = rig.demux();
    assert_eq!(rig.shape(), [(3000, false), (3000, false), (1000, false)]);
    assert!(rig.playlist().ends_with("#EXT-X-ENDLIST\n"));
    for (place, (_, _, packets, streams)) in (0u64..).zip(&fragments) {
        assert_eq!(streams, &[(0x1b, VIDEO), (0x0f, AUDIO)]);
        assert!(packets[0].random_access && packets[0].pid == VIDEO);
        assert_eq!(packets[0].dts, Some((5000 + place * 3000) * 90 + 63_000));
        assert_eq!(packets[0].pts, (5080 + place * 3000) * 90 + 63_000);
        assert_eq!(packets[0].pcr, Some(((5000 + place * 3000) * 90, 0)));
        assert!(
            packets[0].payload.starts_with(&[[0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1].as_slice(), SPS].concat())
        );
        assert!(of(packets, VIDEO).all(|pes| pes.random_access == (pes.payload.len() > 20)));
    }
}

#[test]
fn no_frame_is_lost_and_audio_keeps_its_times() {
    let mut rig = Rig::new();
    rig.headers();
    for second in 0..6 {
        rig.second(second * 1000);
    }
    rig.end();
    let packets: Vec<Pes> = rig.fragments().into_iter().flat_map(|(_, _, packets)| packets).collect();
    assert_eq!(of(&packets, VIDEO).count(), 150);
    // Each frame is 7 bytes of ADTS and 3 of its own.
    let audio: usize = of(&packets, AUDIO).map(|pes| pes.payload.len()).sum();
    assert_eq!(audio, 6 * 46 * 10);
    // These frames come 0.4 ms later each than their samples say: every fifth begins a packet.
    assert!(of(&packets, AUDIO).count() <= 6 * 10);
    let mut last = 0;
    for pes in of(&packets, AUDIO) {
        assert!(pes.payload.starts_with(&[0xff, 0xf1]) && pes.pts > last && pes.pcr.is_none());
        last = pes.pts;
    }
}

#[test]
fn the_playlist_is_there_with_the_first_fragment() {
    let mut rig = Rig::new();
    rig.headers();
    rig.second(0);
    rig.second(1000);
    assert_eq!((rig.playlist().as_str(), rig.folder.list("")), ("", vec![".a.ts.part".to_owned()]));
    rig.key(2000);
    assert_eq!(rig.shape(), [(2000, false)]);
    assert!(!rig.playlist().contains("ENDLIST"));
}

#[test]
fn nothing_comes_before_the_first_key_frame() {
    let mut rig = Rig::new();
    rig.headers();
    for index in 0..50 {
        rig.inter(index * 40);
        rig.audio(index * 40);
    }
    assert!(rig.folder.list("").is_empty());
    rig.second(2000);
    rig.end();
    let fragments = rig.fragments();
    assert_eq!((fragments.len(), fragments[0].0), (1, 1000));
    assert!(fragments[0].2.iter().all(|pes| pes.pts >= 2000 * 90 + 63_000));
}

#[test]
fn a_fragment_without_key_frames_ends_at_the_maximum() {
    let mut rig = Rig::with(|settings| settings.max_fragment = 4000);
    rig.headers();
    rig.key(0);
    for index in 1..250 {
        rig.inter(index * 40);
        rig.audio(index * 40);
    }
    rig.end();
    assert_eq!(rig.shape(), [(4000, false), (4000, false), (2000, false)]);
    // With parameter sets all the same.
    assert!(rig.fragments()[1].2[0].payload[6..].starts_with(&[[0, 0, 0, 1].as_slice(), SPS].concat()));
}

#[test]
fn audio_continues_when_video_stops_and_when_it_comes_back() {
    let mut rig = Rig::with(|settings| settings.max_fragment = 4000);
    rig.headers();
    rig.second(0);
    for index in 0..500 {
        rig.audio(1000 + index * 21);
    }
    rig.second(11_520);
    rig.end();
    let shape = rig.shape();
    assert!(
        shape.len() >= 3 && shape.iter().all(|&(duration, discontinuity)| duration <= 4200 && !discontinuity),
        "{shape:?}"
    );
    let total: u64 = shape.iter().map(|(duration, _)| duration).sum();
    assert!((12_400..12_600).contains(&total), "{total}");
}

#[test]
fn times_run_on_over_the_33_bit_wrap() {
    const WRAP: u64 = (1 << 33) / 90;
    let mut rig = Rig::new();
    rig.headers();
    for second in 0..6 {
        rig.second(WRAP - 3000 + second * 1000);
    }
    rig.end();
    assert_eq!(rig.shape(), [(2000, false), (2000, false), (2000, false)]);
    let packets: Vec<Pes> = rig.fragments().into_iter().flat_map(|(_, _, packets)| packets).collect();
    let clocks: Vec<u64> = of(&packets, VIDEO).map(|pes| pes.pcr.unwrap().0).collect();
    assert!(clocks.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) & ((1 << 33) - 1) == 3600));
}

#[test]
fn broken_and_foreign_frames_are_left_out() {
    let mut rig = Rig::new();
    rig.send(Kind::Video, 0, &[0x27, 1, 0, 0, 0, 0, 0, 0, 1, 0x41]);
    rig.send(Kind::Audio, 0, &[0xaf, 1, 1]);
    rig.headers();
    rig.key(0);
    rig.send(Kind::Video, 40, &[0x27, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x41]);
    rig.send(Kind::Video, 40, &[0x27, 1, 0, 0, 0, 0, 0, 0, 0]);
    rig.send(Kind::Video, 40, &[0x17]);
    rig.send(Kind::Video, 40, &[0x17, 0, 0, 0, 0, 1, 2]);
    rig.send(Kind::Video, 40, &[0x17, 2, 0, 0, 0]);
    rig.send(Kind::Video, 40, b"\x90av01rest");
    rig.send(Kind::Audio, 40, &[0xaf, 1]);
    rig.send(Kind::Audio, 40, &[0xaf, 0, 0x17]);
    rig.send(Kind::Audio, 40, &[0xaf, 1, 0xff].iter().copied().chain([0; 9000]).collect::<Vec<_>>());
    rig.send(Kind::Audio, 40, &[0xbf, 1, 2, 3]);
    rig.send(Kind::Data, 40, &[2, 0, 1, 0x61]);
    rig.send(Kind::Audio, 40, &[]);
    rig.inter(80);
    rig.audio(80);
    let dropped = rig.segmenter.as_ref().unwrap().dropped;
    rig.end();
    let fragments = rig.fragments();
    let count = |pid| of(&fragments[0].2, pid).count();
    assert_eq!((fragments.len(), count(VIDEO), count(AUDIO), dropped), (1, 2, 2, 3));
}

#[test]
fn a_fast_start_has_a_fragment_for_each_key_frame_until_players_can_start() {
    // hls_fragment, from one key frame to the next, and the short fragments in seconds: three at least, and one target.
    for (fragment, interval, short) in [(3000, 1, 3), (5000, 1, 5), (2000, 1, 3), (4000, 2, 3), (2000, 2, 0)]
    {
        for (length, kind) in [(6000, ListKind::Live), (600_000, ListKind::Live), (6000, ListKind::Event)] {
            let mut rig = Rig::with(|settings| {
                (settings.pace, settings.kind) = (Pace::Fast, kind);
                (settings.playlist_length, settings.fragment) = (length, fragment);
            });
            rig.headers();
            let (mut targets, mut last) = (std::collections::HashSet::new(), String::new());
            let mut lengths = Vec::new();
            for group in 0..30 / interval {
                rig.key(group * interval * 1000);
                if group > 0 {
                    let text = rig.playlist();
                    targets
                        .extend(text.lines().find(|line| line.contains("TARGETDURATION")).map(str::to_owned));
                    let newest = text.lines().last().unwrap_or_default();
                    if newest != mem::replace(&mut last, newest.to_owned()) {
                        lengths.extend(rig.shape().last().map(|(duration, _)| *duration));
                    }
                }
                for frame in (40..interval * 1000).step_by(40) {
                    rig.inter(group * interval * 1000 + frame);
                }
            }
            assert_eq!(targets.len(), 1, "{targets:?}");
            let expected =
                (0..lengths.len()).map(|place| if place < short { interval * 1000 } else { fragment });
            assert!(lengths.len() > short && lengths.iter().copied().eq(expected), "{fragment} {lengths:?}");
        }
    }
}

#[test]
fn the_target_holds_whatever_key_frames_do() {
    let mut rig = Rig::with(|settings| settings.fragment = 4000);
    rig.headers();
    let mut targets = std::collections::HashSet::new();
    let (mut time, mut seed) = (0, 7u64);
    for _ in 0..60 {
        rig.key(time);
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let length = 500 + (seed >> 33) % 9000;
        for frame in (40..length).step_by(40) {
            rig.inter(time + frame);
            rig.audio(time + frame);
        }
        time += length / 40 * 40 + 40;
        let text = rig.playlist();
        targets.extend(text.lines().find(|line| line.contains("TARGETDURATION")).map(str::to_owned));
    }
    rig.end();
    // `fragments` checks the durations.
    let total: u64 = rig.shape().iter().map(|(duration, _)| duration).sum();
    assert_eq!((targets.len(), total.abs_diff(time) < 100), (1, true), "{targets:?} {total} {time}");
    assert!(!rig.playlist().contains("INDEPENDENT"), "some key frames are too far apart");
}

#[test]
fn aligned_variants_have_the_same_fragments_wherever_they_begin() {
    let shape = |first: u64| {
        let mut rig = Rig::with(|settings| settings.slicing = Slicing::Aligned);
        rig.headers();
        for second in first..12 {
            rig.second((1 << 32) + second * 1000);
        }
        rig.end();
        rig.demux().iter().map(|(.., packets, _)| packets[0].dts.unwrap()).collect::<Vec<_>>()
    };
    let (whole, late) = (shape(0), shape(3));
    assert_eq!(whole.len(), 6);
    assert_eq!(whole[2..], late[1..]);
}

#[test]
fn encrypted_fragments_have_the_content_of_plain_ones() {
    let make = |keys: Option<KeySettings>| {
        let mut rig = Rig::with(|settings| settings.keys = keys);
        rig.headers();
        for second in 0..5 {
            rig.second(second * 1000);
            // So that a fragment is written in several pieces, and blocks end between them.
            (970..1000).step_by(10).for_each(|after| rig.large(second * 1000 + after));
        }
        rig.end();
        rig
    };
    let plain = make(None);
    let locked = make(Some(KeySettings { path: None, url: String::new(), fragments: 0 }));
    let text = locked.playlist();
    let ivs: std::collections::HashSet<_> = text.lines().filter_map(|line| line.split_once("IV=")).collect();
    assert_eq!((ivs.len(), text.matches("URI=\"a-0.key\"").count()), (3, 3), "a fresh IV each: {text}");
    for id in 0..3 {
        let name = format!("a-{id}.ts");
        let read = |rig: &Rig| fs::read(rig.folder.join(&name)).unwrap();
        let (clear, secret) = (read(&plain), read(&locked));
        assert_eq!(secret.len(), (clear.len() / 16 + 1) * 16);
        assert!(clear.len() > 150_000);
        let iv = text.lines().filter_map(|line| line.split_once("IV=0x")).nth(id).unwrap().1;
        let mut cipher = Cipher::new(
            &fs::read(locked.folder.join("a-0.key")).unwrap().try_into().unwrap(),
            &u128::from_str_radix(iv, 16).unwrap().to_be_bytes(),
        );
        let mut again = clear.clone();
        Cipher::pad(&mut again);
        cipher.encrypt(&mut again);
        assert!(again == secret, "fragment {id}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 200, ..Default::default() })]

    #[test]
    fn no_frames_make_it_fail(
        frames in proptest::collection::vec((0u8..9, 0u64..40_000, proptest::num::u8::ANY), 0..200),
        jump in proptest::option::of(0usize..200),
    ) {
        let mut rig = Rig::with(|settings| {
            settings.fragment = 500;
            settings.max_fragment = 5000;
        });
        for (place, (what, mut timestamp, noise)) in frames.into_iter().enumerate() {
            if jump.is_some_and(|jump| place > jump) {
                timestamp += u64::MAX - 50_000;
            }
            match what {
                0 => rig.avc_header(if noise < 200 { SPS } else { OTHER_SPS }),
                1 => rig.aac_header(),
                2 | 3 => rig.key(timestamp),
                4 | 5 => rig.inter(timestamp),
                6 => rig.send(Kind::Audio, timestamp, &[0x2f, noise]),
                7 => rig.send(Kind::Video, timestamp, &[noise, 1, 0, 0, 0, noise, noise]),
                _ => rig.audio(timestamp),
            }
        }
        rig.end();
        for (duration, _, packets) in rig.fragments() {
            assert!(duration > 0 && !packets.is_empty());
        }
        assert!(rig.folder.list("").iter().all(|name| !name.starts_with('.')));
    }
}
