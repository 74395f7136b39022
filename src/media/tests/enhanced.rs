//! The tag headers of Enhanced RTMP v2: ModEx, Multitrack, FourCCs, composition times and HDR metadata.

use super::*;
use crate::media::flv::{self, Codec, Tag};

/// A header to write.
#[derive(Clone, Copy)]
struct Shape {
    kind: Kind,
    packet_type: u32,
    /// `AvMultitrackType`, of a message of several tracks.
    multitrack: Option<u32>,
    four_cc: &'static [u8; 4],
}

const fn video(packet_type: u32, multitrack: Option<u32>, four_cc: &'static [u8; 4]) -> Shape {
    Shape { kind: Kind::Video, packet_type, multitrack, four_cc }
}

const fn audio(packet_type: u32, multitrack: Option<u32>, four_cc: &'static [u8; 4]) -> Shape {
    Shape { kind: Kind::Audio, packet_type, multitrack, four_cc }
}

const SHAPES: [Shape; 12] = [
    video(0, None, b"avc1"),
    video(1, None, b"hvc1"),
    video(1, None, b"vp09"),
    video(3, None, b"av01"),
    // HDR metadata.
    video(4, None, b"hvc1"),
    video(1, Some(0), b"avc1"),
    video(1, Some(1), b"hvc1"),
    video(3, Some(2), b"vvc1"),
    audio(0, None, b"mp4a"),
    audio(1, None, b"Opus"),
    audio(4, Some(0), b"fLaC"),
    audio(1, Some(1), b"ec-3"),
];

/// The parts of a plain header: its codec, track and composition time.
type Meant = (Codec, u32, i32);

/// Nothing is meant where a changed field makes another form of it.
fn write_message(s: &mut Syntax, shape: Shape) -> Option<Meant> {
    let multitrack_type = if shape.kind == Kind::Video { 6 } else { 5 };
    // A bit that says so, and a frame type; or, of sound, the format 9.
    s.fixed(1, 1);
    let is_key = s.u("frame type", 3, 1) == 1;
    let mut forms = vec![s.u("packet type ModEx", 4, 7) == 7];
    write_mod_ex(s, 7, false, &mut forms);
    let next = shape.multitrack.map_or(shape.packet_type, |_| multitrack_type);
    write_mod_ex(s, next, true, &mut forms);
    if let Some(layout) = shape.multitrack {
        forms.push(s.u("AvMultitrackType", 4, layout) == layout);
        forms.push(s.u("packet type", 4, shape.packet_type) == shape.packet_type);
    }
    if shape.multitrack != Some(2) {
        s.fixed_bytes(shape.four_cc);
    }
    let (mut track, mut time) = (0, 0);
    for part in 0..if matches!(shape.multitrack, Some(1 | 2)) { 3 } else { 1 } {
        if shape.multitrack == Some(2) {
            s.fixed_bytes(shape.four_cc);
        }
        let number = shape.multitrack.map_or(0, |_| s.u("track", 8, part));
        if matches!(shape.multitrack, Some(1 | 2)) {
            forms.push(s.u("size", 24, 4) == 4);
        }
        let bits = s.u("composition time", 24, 80);
        s.u("body", 8, 7);
        // The default track tells, or else the first.
        if part == 0 || number == 0 {
            (track, time) = (number, (bits << 8).cast_signed() >> 8);
        }
    }
    let codec = Codec::of_four_cc(*shape.four_cc);
    let has_time = shape.packet_type == 1 && codec.has_composition_time();
    let is_meant = is_key && forms.iter().all(|form| *form);
    is_meant.then_some((codec, track, if has_time { time } else { 0 }))
}

/// One extension, and the packet type behind it.
fn write_mod_ex(s: &mut Syntax, next: u32, is_long: bool, forms: &mut Vec<bool>) {
    if is_long {
        s.fixed(8, 0xff);
        forms.push(s.u("modExDataSize UI16", 16, 255) == 255);
        (0..253).for_each(|_| s.fixed(8, 1));
    } else {
        forms.push(s.u("modExDataSize", 8, 2) == 2);
    }
    s.u("nanoseconds", 24, 999_999);
    s.u("ModEx type", 4, 0);
    forms.push(s.u("packet type behind ModEx", 4, next) == next);
}

fn check(kind: Kind, meant: Option<Meant>, payload: &[u8], changed: &[(&str, i64)]) {
    let Tag { codec, composition_time, nanoseconds, tracks, body, .. } = flv::inspect(kind, payload);
    assert!(body.start <= body.end && body.end <= payload.len() && nanoseconds < 1_000_000, "{changed:?}");
    if let Some(alone) = flv::default_track(kind, payload) {
        assert!(alone.len() <= payload.len(), "{changed:?}");
    }
    let _ = flv::is_multitrack(kind, payload);
    if let Some((meant, track, time)) = meant {
        assert_eq!((codec, composition_time), (meant, time), "{changed:?}");
        assert!(tracks.contains(track as u8), "{changed:?}");
    }
}

#[test]
fn every_field_is_read_as_it_was_written_or_does_no_harm() {
    for shape in SHAPES {
        each_edge(|s| {
            let meant = write_message(s, shape);
            let changed = s.changed.clone();
            check(shape.kind, meant, &s.take().into_bytes(), &changed);
        });
    }
}

proptest! {
    #[test]
    fn any_edges_together_are_read_as_they_were_written_or_do_no_harm(
        shape in 0..SHAPES.len(),
        changes in some_edges(),
    ) {
        let mut s = Syntax::new(changes);
        let meant = write_message(&mut s, SHAPES[shape]);
        let changed = s.changed.clone();
        check(SHAPES[shape].kind, meant, &s.into_bytes(), &changed);
    }
}

pub fn messages(out: &mut Vec<(Kind, Vec<u8>)>) {
    for shape in SHAPES {
        each_edge(|s| {
            write_message(s, shape);
            out.push((shape.kind, s.take().into_bytes()));
        });
    }
}
