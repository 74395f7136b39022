//! The muxer against a demultiplexer that nobody here wrote.

use std::collections::HashMap;

use mpeg2ts_reader::packet::{ContinuityCounter, Packet};
use mpeg2ts_reader::pes::{PesContents, PesHeader as ReadHeader, PesLength, PtsDts};
use mpeg2ts_reader::psi::pat::{PatSection, ProgramDescriptor};
use mpeg2ts_reader::psi::pmt::PmtSection;

use super::*;

/// One PES packet as it was read back.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pes {
    pub pid: u16,
    pub pts: u64,
    pub dts: Option<u64>,
    /// The clock's base and extension.
    pub pcr: Option<(u64, u16)>,
    pub random_access: bool,
    /// The length of the payload according to the header, if it has one.
    pub length: Option<usize>,
    pub payload: Vec<u8>,
}

/// Reads transport streams; the counters run on from one to the next, and a gap is a failure.
#[derive(Debug, Default)]
pub(crate) struct Demux {
    counters: HashMap<u16, ContinuityCounter>,
    /// Stream types and PIDs of the last program map.
    pub streams: Vec<(u8, u16)>,
    pub clock: u16,
    pub version: u8,
    /// Tables that were read.
    pub maps: usize,
    /// Clocks in packets of nothing else.
    pub fillers: Vec<(u64, u16)>,
}

impl Demux {
    /// All PES packets, in the order of their starts. The stream must begin with both tables.
    pub(crate) fn read(&mut self, stream: &[u8]) -> Vec<Pes> {
        let mut packets: Vec<Pes> = Vec::new();
        assert_eq!(stream.len() % PACKET, 0);
        for (place, bytes) in stream.chunks(PACKET).enumerate() {
            let packet = Packet::try_new(bytes).expect("a sync byte");
            let pid = u16::from(packet.pid());
            let last = self.counters.insert(pid, packet.continuity_counter());
            let Some(payload) = packet.payload() else {
                let clock = packet.adaptation_field().unwrap().pcr().expect("nothing but a clock");
                assert!(pid == self.clock && last.is_none_or(|last| last == packet.continuity_counter()));
                self.fillers.push((clock.base(), clock.extension()));
                continue;
            };
            if let Some(last) = last {
                assert!(packet.continuity_counter().follows(last), "a gap on PID {pid:#x}");
            }
            match place {
                0 => assert_eq!(pid, 0),
                1 => assert_eq!(pid, 0x1000),
                _ => assert!(self.streams.iter().any(|&(_, known)| known == pid)),
            };
            match pid {
                0 => read_pat(&payload[1..]),
                0x1000 => self.read_pmt(&payload[1..]),
                _ if packet.payload_unit_start_indicator() => packets.push(read_start(&packet, pid, payload)),
                _ => {
                    let pes = packets.iter_mut().rev().find(|pes| pes.pid == pid).expect("a start");
                    assert!(packet.adaptation_field().is_none_or(|field| field.pcr().is_err()));
                    pes.payload.extend(payload);
                }
            }
        }
        for pes in &packets {
            assert!(pes.length.is_none_or(|length| length == pes.payload.len()), "{:?}", pes.length);
        }
        packets
    }

    fn read_pmt(&mut self, section: &[u8]) {
        let length = usize::from(section[2]) + 3;
        assert_eq!(mpeg2ts_reader::mpegts_crc::sum32(&section[..length]), 0);
        let map = PmtSection::from_bytes(&section[8..length - 4]).unwrap();
        self.clock = u16::from(map.pcr_pid());
        let streams = map.streams();
        self.streams =
            streams.map(|stream| (stream.stream_type().into(), stream.elementary_pid().into())).collect();
        self.version = section[5] >> 1 & 0x1f;
        self.maps += 1;
    }
}

fn read_pat(section: &[u8]) {
    let length = usize::from(section[2]) + 3;
    assert_eq!(mpeg2ts_reader::mpegts_crc::sum32(&section[..length]), 0);
    assert!(section[length..].iter().all(|&byte| byte == 0xff));
    let programs: Vec<_> = PatSection::new(&section[8..length - 4]).programs().collect();
    let [ProgramDescriptor::Program { program_number: 1, pid }] = programs[..] else {
        panic!("{programs:?}")
    };
    assert_eq!(u16::from(pid), 0x1000);
}

fn read_start(packet: &Packet<'_>, pid: u16, payload: &[u8]) -> Pes {
    let header = ReadHeader::from_bytes(payload).expect("a PES header");
    let field = packet.adaptation_field();
    let PesContents::Parsed(Some(contents)) = header.contents() else { panic!("a PES without times") };
    let (pts, dts) = match contents.pts_dts().unwrap() {
        PtsDts::PtsOnly(pts) => (pts.unwrap().value(), None),
        PtsDts::Both { pts, dts } => (pts.unwrap().value(), Some(dts.unwrap().value())),
        other => panic!("{other:?}"),
    };
    let times = if dts.is_some() { 13 } else { 8 };
    Pes {
        pid,
        pts,
        dts,
        pcr: field.as_ref().and_then(|field| field.pcr().ok()).map(|pcr| (pcr.base(), pcr.extension())),
        random_access: field.is_some_and(|field| field.random_access_indicator()),
        length: match header.pes_packet_length() {
            PesLength::Bounded(length) => Some(usize::from(length.get()) - times),
            PesLength::Unbounded => None,
        },
        payload: contents.payload().to_vec(),
    }
}

const BOTH: Tracks = Tracks { video: Some(Video::Avc), audio: Some(Audio::Aac) };
const KEY: Timing = Timing { dts: 900, pts: 900, random_access: true };

fn patterned(length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

#[test]
fn every_payload_size_fills_whole_packets_and_comes_back() {
    let audio_only = Tracks { video: None, ..BOTH };
    for size in 1..=400 {
        let payload = patterned(size);
        for (tracks, clock) in [(BOTH, 0x100), (audio_only, 0x101)] {
            let (mut muxer, mut out, mut demux) = (Muxer::new(tracks), Vec::new(), Demux::default());
            muxer.tables(&mut out);
            muxer.audio(900, &payload, &mut out);
            if tracks.video.is_some() {
                muxer.video(KEY, &payload, &mut out);
                muxer.video(Timing { pts: 990, random_access: false, ..KEY }, &payload, &mut out);
            }
            let packets = demux.read(&out);
            assert_eq!((demux.clock, packets.len()), (clock, if tracks.video.is_some() { 3 } else { 1 }));
            assert!(packets.iter().all(|pes| pes.payload == payload && pes.length == Some(size)), "{size}");
            assert!(packets.iter().all(|pes| pes.pcr.is_some() == (pes.pid == clock)));
        }
    }
}

#[test]
fn broken_counters_are_told_once_on_each_track() {
    let (mut muxer, mut out) = (Muxer::new(BOTH), Vec::new());
    muxer.break_counters();
    for _ in 0..2 {
        muxer.audio(900, &patterned(300), &mut out);
        muxer.video(KEY, &patterned(300), &mut out);
    }
    let told = |packet: &&[u8]| {
        let packet = Packet::try_new(packet).unwrap();
        packet.adaptation_field().is_some_and(|field| field.discontinuity_indicator())
    };
    let packets: Vec<_> = out.chunks(PACKET).collect();
    let breaks: Vec<_> = packets.iter().map(told).collect();
    assert_eq!(breaks, [true, false, true, false, false, false, false, false]);
}

#[test]
fn a_packet_is_no_longer_than_it_must_be() {
    // 8 bytes of field and 14 of header leave 162 in the first packet.
    for (size, packets) in [(1, 1), (161, 1), (162, 1), (163, 2), (162 + 184, 2), (162 + 185, 3)] {
        let (mut muxer, mut out) = (Muxer::new(BOTH), Vec::new());
        muxer.video(KEY, &patterned(size), &mut out);
        assert_eq!(out.len(), packets * PACKET, "{size}");
    }
}

#[test]
fn times_lie_behind_the_clock_and_a_dts_is_told_where_it_differs() {
    let (mut muxer, mut out) = (Muxer::new(BOTH), Vec::new());
    muxer.tables(&mut out);
    muxer.video(KEY, &[1], &mut out);
    muxer.video(Timing { dts: 1800, pts: 9000, random_access: false }, &[2], &mut out);
    muxer.video(Timing { dts: 2700, pts: 0, random_access: false }, &[3], &mut out);
    muxer.audio(950, &[4], &mut out);
    let packets = Demux::default().read(&out);
    let times: Vec<_> = packets.iter().map(|pes| (pes.pts, pes.dts, pes.pcr, pes.random_access)).collect();
    assert_eq!(times[0], (63_900, None, Some((900, 0)), true));
    assert_eq!(times[1], (72_000, Some(64_800), Some((1800, 0)), false));
    assert_eq!(times[2], (65_700, None, Some((2700, 0)), false));
    assert_eq!(times[3], (63_950, None, None, false));
}

#[test]
fn all_times_wrap_at_33_bits() {
    let (mut muxer, mut out) = (Muxer::new(BOTH), Vec::new());
    muxer.tables(&mut out);
    let last = (1 << 33) - 1;
    muxer.video(Timing { dts: last, pts: last + 1, random_access: true }, &[1], &mut out);
    muxer.video(Timing { dts: last + 91, pts: last + 91, random_access: true }, &[1], &mut out);
    muxer.audio(ticks(u64::MAX), &[1], &mut out);
    let packets = Demux::default().read(&out);
    assert_eq!((packets[0].pcr, packets[0].dts, packets[0].pts), (Some((last, 0)), Some(62_999), 63_000));
    assert_eq!((packets[1].pcr, packets[1].pts), (Some((90, 0)), 63_090));
    assert_eq!(packets[2].pts, ((1 << 33) - 90 + 63_000) & last);
}

#[test]
fn a_long_picture_has_no_length_and_the_longest_audio_has() {
    let (mut muxer, mut out) = (Muxer::new(BOTH), Vec::new());
    muxer.tables(&mut out);
    for size in [65_527, 65_528, 300_000] {
        muxer.video(KEY, &patterned(size), &mut out);
    }
    muxer.audio(0, &patterned(MAX_AUDIO_PAYLOAD), &mut out);
    let packets = Demux::default().read(&out);
    let lengths: Vec<_> = packets.iter().map(|pes| (pes.length, pes.payload.len())).collect();
    let expected = [
        (Some(65_527), 65_527),
        (None, 65_528),
        (None, 300_000),
        (Some(MAX_AUDIO_PAYLOAD), MAX_AUDIO_PAYLOAD),
    ];
    assert_eq!(lengths, expected);
}

#[test]
fn counters_run_on_over_fragments_and_other_tracks_are_another_version() {
    let (mut muxer, mut demux) = (Muxer::new(Tracks { audio: None, ..BOTH }), Demux::default());
    for fragment in 0..40 {
        let mut out = Vec::new();
        muxer.tables(&mut out);
        muxer.video(KEY, &patterned(1000), &mut out);
        demux.read(&out);
        assert_eq!((demux.maps, demux.version), (fragment + 1, 0));
        assert_eq!(demux.streams, [(0x1b, 0x100)]);
    }
    muxer.set_tracks(BOTH);
    muxer.set_tracks(BOTH);
    let mut out = Vec::new();
    muxer.tables(&mut out);
    demux.read(&out);
    assert_eq!((demux.version, demux.streams), (1, vec![(0x1b, 0x100), (0x0f, 0x101)]));
}

#[test]
fn clocks_come_every_100_ms_however_seldom_pictures_and_packets_of_sound_are() {
    for tracks in [BOTH, Tracks { video: None, ..BOTH }] {
        let (mut muxer, mut demux, mut out) = (Muxer::new(tracks), Demux::default(), Vec::new());
        muxer.tables(&mut out);
        // From before the wrap to after it: a picture a second, sound that is gathered for 300 ms, which
        // comes that much later; then sound goes on alone.
        let start = (1 << 33) - 10 * 90_000;
        for tenth in 0..300 {
            let time = start + tenth * 9000;
            if tenth % 10 == 0 && tenth < 200 && tracks.video.is_some() {
                muxer.video(Timing { dts: time, pts: time, random_access: true }, &[1], &mut out);
            }
            if tenth % 3 == 2 {
                muxer.audio(time - 2 * 9000 + 7, &[2], &mut out);
            }
        }
        let packets = demux.read(&out);
        let own = packets.iter().filter_map(|pes| pes.pcr);
        let mut clocks: Vec<u64> =
            own.chain(demux.fillers).map(|(base, _)| base.wrapping_sub(start) & TIME_MASK).collect();
        clocks.sort_unstable();
        assert!(clocks.windows(2).all(|pair| (1..=9000).contains(&(pair[1] - pair[0]))), "{clocks:?}");
        assert!(clocks.first().is_some_and(|first| *first < 9000) && clocks.last() > Some(&(290 * 9000)));
    }
}

#[test]
fn a_gap_and_a_jump_have_one_clock_behind_them() {
    let (mut muxer, mut demux, mut out) = (Muxer::new(BOTH), Demux::default(), Vec::new());
    muxer.tables(&mut out);
    for dts in [0, MAX_CLOCK_GAP + MAX_LEAD + 1, 100, 1 << 40, u64::MAX, 0, u64::MAX - 9001] {
        muxer.audio(dts, &[2], &mut out);
        muxer.video(Timing { dts, pts: dts, random_access: true }, &[1], &mut out);
    }
    // Four times forward: one, and three from there to the picture's.
    assert_eq!((demux.read(&out).len(), demux.fillers.len()), (14, 4 * (1 + 3)));
}

#[test]
fn tracks_of_every_codec_are_in_the_map_and_come_back() {
    let audio = [
        (Audio::Aac, 0x0f, 0xc0),
        (Audio::Mpeg1, 0x03, 0xc0),
        (Audio::Mpeg2, 0x04, 0xc0),
        (Audio::Ac3, 0x81, 0xbd),
        (Audio::Eac3, 0x87, 0xbd),
    ];
    for (video, video_type) in [(Video::Avc, 0x1b), (Video::Hevc, 0x24)] {
        for (audio, audio_type, stream_id) in audio {
            let tracks = Tracks { video: Some(video), audio: Some(audio) };
            let (mut muxer, mut out, mut demux) = (Muxer::new(tracks), Vec::new(), Demux::default());
            muxer.tables(&mut out);
            muxer.video(KEY, &patterned(500), &mut out);
            let sound = out.len();
            muxer.audio(900, &patterned(100), &mut out);
            let packets = demux.read(&out);
            assert_eq!(demux.streams, [(video_type, 0x100), (audio_type, 0x101)]);
            assert_eq!((packets[0].payload.len(), packets[1].payload.as_slice()), (500, &patterned(100)[..]));
            let start = out[sound..].windows(3).position(|bytes| bytes == [0, 0, 1]).unwrap();
            assert_eq!(out[sound + start + 3], stream_id, "{audio:?}");
        }
    }
}

#[test]
fn the_clock_never_goes_back_when_sound_is_ahead_of_the_picture() {
    let (mut muxer, mut out) = (Muxer::new(BOTH), Vec::new());
    muxer.tables(&mut out);
    for picture in 0..50 {
        let dts = picture * 3600;
        muxer.video(Timing { dts, pts: dts, random_access: picture == 0 }, &[1], &mut out);
        // 500 ms ahead.
        muxer.audio(dts + 45_000, &[2], &mut out);
    }
    let clocks: Vec<u64> = out
        .chunks(PACKET)
        .filter_map(|bytes| Packet::try_new(bytes)?.adaptation_field()?.pcr().ok())
        .map(|pcr| pcr.base())
        .collect();
    assert!(clocks.len() >= 50 && clocks.is_sorted(), "{clocks:?}");
}

#[test]
fn sound_that_goes_on_alone_behind_a_gap_has_clocks() {
    let (mut muxer, mut demux, mut out) = (Muxer::new(BOTH), Demux::default(), Vec::new());
    muxer.tables(&mut out);
    muxer.video(KEY, &[1], &mut out);
    for packet in 0..10 {
        muxer.audio(MAX_CLOCK_GAP * 2 + packet * 9000, &[2], &mut out);
    }
    demux.read(&out);
    assert!(demux.fillers.len() >= 9, "{:?}", demux.fillers);
}
