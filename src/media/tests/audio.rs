//! Sound that says in its frames what it is (AC-3, E-AC-3, MPEG audio), and the headers of Opus and FLAC.

use super::*;
use crate::media::{ac3, flac, mp3, opus};

/// Room for the longest frame of all of them.
const ROOM: usize = 4096;
const CHANNELS: [u8; 8] = [2, 1, 2, 3, 3, 4, 4, 5];

/// Frequency and channels; nothing where it is no frame.
type Meant = Option<(u32, u8)>;

/// `syncinfo` and the beginning of `bsi` (ETSI TS 102 366 4.3).
fn write_ac3(s: &mut Syntax) -> Meant {
    s.fixed(16, 0x0b77);
    s.u("crc1", 16, 0);
    let rate = s.u_to("fscod", 2, 2, 0);
    s.u_to("frmsizecod", 6, 37, 20);
    let version = s.u_to("bsid", 5, 10, 8);
    s.u("bsmod", 3, 0);
    let mode = s.u("acmod", 3, 7);
    for is_there in [mode & 1 == 1 && mode != 1, mode & 4 == 4, mode == 2] {
        if is_there {
            s.u("mixlev", 2, 0);
        }
    }
    let has_lfe = s.flag("lfeon", true);
    let rate = *[48_000, 44_100, 32_000].get(rate as usize)? >> version.saturating_sub(8);
    (!s.is_faulty).then_some((rate, CHANNELS[mode as usize] + u8::from(has_lfe)))
}

/// The same of E-AC-3 (E.1.2).
fn write_eac3(s: &mut Syntax) -> Meant {
    s.fixed(16, 0x0b77);
    let stream_type = s.u_to("strmtyp", 2, 2, 0);
    let substream = s.u("substreamid", 3, 0);
    let words = s.u("frmsiz", 11, 639) + 1;
    let rate = s.u("fscod", 2, 0);
    let second = s.u("numblkscod_or_fscod2", 2, 2);
    let mode = s.u("acmod", 3, 7);
    let has_lfe = s.flag("lfeon", true);
    let version = s.u_to("bsid", 5, 16, 16);
    s.u("dialnorm", 5, 0);
    let rates = [48_000, 44_100, 32_000];
    let rate = if rate == 3 { *rates.get(second as usize)? / 2 } else { rates[rate as usize] };
    // A version up to 10 is one of AC-3; a frame is not shorter than its header.
    let is_frame = !s.is_faulty && version > 10 && words >= 3 && stream_type != 1 && substream == 0;
    is_frame.then_some((rate, CHANNELS[mode as usize] + u8::from(has_lfe)))
}

/// ISO 11172-3 2.4.1.3.
fn write_mp3(s: &mut Syntax) -> Meant {
    s.fixed(11, 0x7ff);
    let version = s.u("version", 2, 3);
    let layer = s.u("layer", 2, 1);
    s.flag("protection_bit", true);
    let bit_rate = s.u("bitrate_index", 4, 9);
    let rate = s.u_to("sampling_frequency", 2, 2, 0);
    s.flag("padding_bit", false);
    s.flag("private_bit", false);
    let mode = s.u("mode", 2, 1);
    s.u("extension_copyright_emphasis", 6, 0);
    let divisor = [4, 0, 2, 1][version as usize];
    let is_frame = !s.is_faulty && divisor > 0 && layer > 0 && bit_rate < 15;
    is_frame.then(|| ([44_100, 48_000, 32_000][rate as usize] / divisor, if mode == 3 { 1 } else { 2 }))
}

/// RFC 7845 5.1.
fn write_opus(s: &mut Syntax) -> Meant {
    s.fixed_bytes(b"OpusHead");
    let version = s.u("version", 8, 1);
    let channels = s.u("channel count", 8, 2);
    s.u("pre-skip", 16, 312);
    s.u("input sample rate", 32, 44_100);
    s.u("output gain", 16, 0);
    s.u("mapping family", 8, 0);
    (version <= 15 && channels > 0).then_some((opus::SAMPLE_RATE, channels as u8))
}

/// RFC 9639 8.2.
fn write_flac(s: &mut Syntax) -> Meant {
    s.fixed_bytes(b"fLaC\x80\0\0\x22");
    for (name, count) in [("min block", 16), ("max block", 16), ("min frame", 24), ("max frame", 24)] {
        s.u(name, count, 4096);
    }
    let rate = s.u("sample rate", 20, 48_000);
    let channels = s.u("channels - 1", 3, 1);
    s.u("bits per sample - 1", 5, 15);
    s.fixed(36 - 32, 0);
    s.u("samples", 32, 0);
    s.fixed_bytes(&[0; 16]);
    Some((rate, channels as u8 + 1))
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(ROOM, 0);
    bytes
}

fn read_ac3(bytes: &[u8]) -> Meant {
    let frames = ac3::Frames::parse(&padded(bytes)).ok()?;
    assert!(frames.length <= ROOM && frames.samples > 0);
    Some((frames.format.sample_rate, frames.format.channels))
}

fn read_mp3(bytes: &[u8]) -> Meant {
    let frames = mp3::Frames::parse(&padded(bytes)).ok()?;
    assert!(frames.length <= ROOM && frames.samples > 0);
    Some((frames.format.sample_rate, frames.format.channels))
}

fn read_opus(bytes: &[u8]) -> Meant {
    opus::Head::parse(bytes).ok().map(|head| (opus::SAMPLE_RATE, head.channels))
}

fn read_flac(bytes: &[u8]) -> Meant {
    flac::StreamInfo::parse(bytes).ok().map(|info| (info.sample_rate, info.channels))
}

/// The writer of a header, its reader, and the bytes before it in a message.
struct Sort {
    write: fn(&mut Syntax) -> Meant,
    read: fn(&[u8]) -> Meant,
    tag: &'static [u8],
}

const SORTS: [Sort; 5] = [
    Sort { write: write_ac3, read: read_ac3, tag: b"\x91ac-3" },
    Sort { write: write_eac3, read: read_ac3, tag: b"\x91ec-3" },
    Sort { write: write_mp3, read: read_mp3, tag: b"\x2f" },
    Sort { write: write_opus, read: read_opus, tag: b"\x90Opus" },
    Sort { write: write_flac, read: read_flac, tag: b"\x90fLaC" },
];

#[test]
fn every_field_is_read_as_it_was_written_or_refused() {
    for Sort { write, read, tag } in SORTS {
        each_edge(|s| {
            let meant = write(s);
            let changed = s.changed.clone();
            let read = read(&s.take().into_bytes());
            // With the other's version, AC-3 and E-AC-3 are read as the other.
            if meant.is_some() || !changed.iter().any(|(name, version)| *name == "bsid" && *version <= 16) {
                assert_eq!(read, meant, "{} {changed:?}", tag.escape_ascii());
            }
        });
    }
}

proptest! {
    #[test]
    fn any_edges_together_do_no_harm(sort in 0..SORTS.len(), changes in some_edges()) {
        let mut s = Syntax::new(changes);
        (SORTS[sort].write)(&mut s);
        (SORTS[sort].read)(&s.into_bytes());
    }
}

pub fn messages(out: &mut Vec<(Kind, Vec<u8>)>) {
    for Sort { write, tag, .. } in SORTS {
        each_edge(|s| {
            write(s);
            out.push((Kind::Audio, [tag, &padded(&s.take().into_bytes())].concat()));
        });
    }
}
