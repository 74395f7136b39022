//! What hostile peers publish: all of it may be valid, none of it is kind.

use super::wire::{self, AUDIO, VIDEO};

/// Message type of an aggregate (specification 7.1.6).
const AGGREGATE: u8 = 22;
/// A part of an aggregate without a payload, and its back pointer: an acknowledgement, of which no event comes.
const PART: [u8; 15] = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11];

/// AVCDecoderConfigurationRecord of a picture of 1280x720 with lengths of four bytes, behind its FLV tag header.
const VIDEO_HEADER: &[u8] = &[
    0x17, 0, 0, 0, 0, // key frame, sequence header
    1, 0x42, 0xc0, 0x1f, 0xff, // baseline profile, level 3.1
    0xe1, 0, 9, 0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xec, // SPS
    1, 0, 4, 0x68, 0xce, 0x3c, 0x80, // PPS
];
/// FLV tag header of a key frame, and of another one.
const KEY: &[u8] = &[0x17, 1, 0, 0, 0];
const INTER: &[u8] = &[0x27, 1, 0, 0, 0];
/// The shortest key frame of these attacks.
pub const SMALL: usize = 29;

/// Enhanced RTMP's tag header of coded frames of E-AC-3.
const EAC3: &[u8] = b"\x91ec-3";
/// A syncframe of E-AC-3 of 6 bytes: independent, six blocks at 48 kHz, two channels, bsid 16.
const SYNCFRAME: [u8; 6] = [0x0b, 0x77, 0x00, 0x02, 0x34, 0x80];

/// Appends the header of a stream's video.
pub fn write_header(out: &mut Vec<u8>, stream: u32) {
    wire::write_message(out, VIDEO, stream, 0, VIDEO_HEADER);
}

/// Appends a key frame of so many bytes.
pub fn write_key(out: &mut Vec<u8>, stream: u32, time: usize, size: usize) {
    write_picture(out, stream, time, KEY, [0x65, 0x88], size);
}

/// Appends another picture of so many bytes.
pub fn write_inter(out: &mut Vec<u8>, stream: u32, time: usize, size: usize) {
    write_picture(out, stream, time, INTER, [0x41, 0x9a], size);
}

fn write_picture(out: &mut Vec<u8>, stream: u32, time: usize, head: &[u8], unit: [u8; 2], size: usize) {
    let mut body = head.to_vec();
    let length = size.max(SMALL) - head.len() - 4;
    body.extend((length as u32).to_be_bytes());
    body.extend(unit);
    body.resize(head.len() + 4 + length, 0xaa);
    wire::write_message(out, VIDEO, stream, time as u32, &body);
}

/// A header and some key frames, so that HLS need not wait for sound any longer; how long they last.
pub fn opening() -> (Vec<u8>, usize) {
    let mut out = Vec::new();
    write_header(&mut out, 1);
    for time in [0, 600, 1200] {
        write_key(&mut out, 1, time, SMALL);
    }
    (out, 1240)
}

/// A key frame of so many bytes, of NAL units of one byte.
pub fn nal_units(time: usize, size: usize) -> Vec<u8> {
    message(VIDEO, time, KEY, &[0, 0, 0, 1, 0x65], size)
}

/// A picture of so many bytes behind a start code, in which start codes are looked for byte by byte.
pub fn start_codes(time: usize, size: usize) -> Vec<u8> {
    message(VIDEO, time, &[KEY, &[0, 0, 0, 1, 0x65, 0x88]].concat(), &[0, 1, 0], size)
}

/// A message of so many bytes, of the shortest syncframes.
pub fn syncframes(time: usize, size: usize) -> Vec<u8> {
    message(AUDIO, time, EAC3, &SYNCFRAME, size)
}

/// An aggregate of so many bytes, of parts without any.
pub fn aggregate(time: usize, size: usize) -> Vec<u8> {
    message(AGGREGATE, time, &[], &PART, size)
}

/// A message of a head and the same bytes as often as they fit.
fn message(kind: u8, time: usize, head: &[u8], part: &[u8], size: usize) -> Vec<u8> {
    let body = [head, &part.repeat((size - head.len()) / part.len())].concat();
    let mut out = Vec::new();
    wire::write_message(&mut out, kind, 1, time as u32, &body);
    out
}
