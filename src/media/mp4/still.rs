//! A file of one picture, the key frame of a live stream, which browsers show as a video that does not move.

use std::rc::Rc;

use super::boxes::BoxWriter;
use super::entry::Entry;
use super::fragment::{Run, Sample, size_of_fragment, write_fragment};
use super::init::{Track, write_initialization};
use crate::media::codec::Codec;
use crate::media::frame::Frame;
use crate::media::nal::Unit;
use crate::media::pictures::Configuration;
use crate::media::{av1, vpx};

/// The most bytes of a picture, as it came.
pub const MAX_STILL: usize = 2 << 20;

/// Units of time in a second, and the time for which the picture is shown.
const TIMESCALE: u32 = 1000;
const DURATION: u32 = 1000;
const TRACK: u32 = 1;

/// Bytes of a VPCodecConfigurationRecord that has no data to initialize a codec, which VP9 never has.
const VP9_RECORD: usize = 8;
/// The version and flags of its box, which some senders put in front.
const VP9_VERSION: &[u8] = &[1, 0, 0, 0];

/// True if pictures of the codec can be in a file that browsers show.
pub fn has_still(codec: Codec) -> bool {
    matches!(codec, Codec::Avc | Codec::Hevc | Codec::Av1 | Codec::Vp9)
}

/// A file of the picture in some messages: one, or several that have a slice or more each. `configuration` is the one
/// that they were sent under. None if it cannot be read, of any other codec, and of more than [`MAX_STILL`].
pub fn still(configuration: Option<&Frame>, messages: &[Rc<Frame>]) -> Option<Vec<u8>> {
    let first = messages.first()?;
    let length: usize = messages.iter().map(|message| message.body().len()).sum();
    if length > MAX_STILL {
        return None;
    }
    let configuration = configuration.filter(|configuration| configuration.codec == first.codec);
    let record = configuration.map_or(&[][..], |configuration| configuration.body());
    match first.codec {
        Codec::Avc | Codec::Hevc => {
            let configuration = Configuration::parse(first.codec, record).ok()??;
            of_nal_units(configuration, messages)
        }
        // Of these a message has all of a picture; of several no file can be made.
        _ if messages.len() > 1 => None,
        Codec::Av1 => {
            let size = av1::size_of_record(record).ok()?;
            let size = size.or_else(|| av1::size(first.body()).ok().flatten())?;
            // AV1 in ISOBMFF 2.4: a sample has no temporal delimiters.
            file(Entry::Av1(record), size, &av1::without_delimiters(first.body()).ok()?)
        }
        Codec::Vp9 => {
            let record = record.strip_prefix(VP9_VERSION).unwrap_or(record);
            let (record, size) = (record.get(..VP9_RECORD)?, vpx::vp9_size(first.body()).ok()?);
            file(Entry::Vp9(record), size, &[first.body()])
        }
        _ => None,
    }
}

/// The file of a picture of H.264 or H.265.
fn of_nal_units(mut configuration: Configuration, messages: &[Rc<Frame>]) -> Option<Vec<u8>> {
    match &mut configuration {
        Configuration::Avc(config) => config.nal_length_size = LENGTH,
        Configuration::Hevc(config) => config.nal_length_size = LENGTH,
    }
    let (record, picture) = (configuration.record()?, configuration.picture()?);
    let held = configuration.rewriter().parameters;
    let is_held = |nal: &[u8]| held.iter().flat_map(|sets| sets.iter()).any(|set| set == nal);
    let (mut units, mut has_slice, mut has_sets) = (Vec::new(), false, false);
    for nal in messages.iter().flat_map(|message| message.nals()) {
        let nal = nal.ok()?;
        let unit = configuration.unit()(nal);
        has_slice |= unit.is_slice();
        // ISO 14496-15 5.3.2 and 8.3.2: the parameter sets of avc1 and hvc1 are in the record.
        let is_set = matches!(unit, Unit::Parameters(_));
        if !is_set || !is_held(nal) {
            has_sets |= is_set;
            units.push((u32::try_from(nal.len()).ok()?.to_be_bytes(), nal));
        }
    }
    let entry = match (configuration, has_sets) {
        (Configuration::Avc(_), false) => Entry::Avc(&record),
        (Configuration::Avc(_), true) => Entry::AvcInBand(&record),
        (Configuration::Hevc(_), false) => Entry::Hevc(&record),
        (Configuration::Hevc(_), true) => Entry::HevcInBand(&record),
    };
    let pieces: Vec<&[u8]> = units.iter().flat_map(|(length, nal)| [&length[..], nal]).collect();
    if has_slice { file(entry, (picture.width, picture.height), &pieces) } else { None }
}

/// Bytes of the length in front of a NAL unit.
const LENGTH: usize = 4;
/// Bytes of an initialization segment of one track, without the record of its entry, at the most.
const INITIALIZATION: usize = 1024;

/// The file of a picture of some pieces, written into one buffer.
fn file(entry: Entry<'_>, (width, height): (u32, u32), data: &[&[u8]]) -> Option<Vec<u8>> {
    let (width, height) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
    let samples = [Sample { duration: DURATION, composition: 0, is_key: true, data }];
    let runs = [Run { track: TRACK, time: 0, samples: &samples }];
    let size = INITIALIZATION + entry.record().len() + size_of_fragment(&runs);
    let mut out = BoxWriter::with_capacity(size);
    write_initialization(&[Track { id: TRACK, timescale: TIMESCALE, width, height, entry }], &mut out);
    write_fragment(1, &runs, &mut out);
    debug_assert!(out.len() <= size, "{} of {size}", out.len());
    out.into_bytes()
}
