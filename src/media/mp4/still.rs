//! A file of one picture, the key frame of a live stream, which browsers show as a video that does not move.

use std::rc::Rc;

use super::entry::Entry;
use super::fragment::{Run, Sample, fragment};
use super::init::{Track, initialization};
use crate::media::codec::Codec;
use crate::media::frame::Frame;
use crate::media::nal::Unit;
use crate::media::pictures::Configuration;
use crate::media::{av1, vpx};

/// The most bytes of a picture, as it came.
pub const MAX_STILL: usize = 4 << 20;

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
            of_nal_units(configuration, messages, length)
        }
        Codec::Av1 => {
            let size = av1::size_of_record(record).ok()?;
            let size = size.or_else(|| av1::size(first.body()).ok().flatten())?;
            file(Entry::Av1(record), size, first.body())
        }
        Codec::Vp9 => {
            let record = record.strip_prefix(VP9_VERSION).unwrap_or(record);
            file(Entry::Vp9(record.get(..VP9_RECORD)?), vpx::vp9_size(first.body()).ok()?, first.body())
        }
        _ => None,
    }
}

/// The file of a picture of H.264 or H.265. `length` is that of all messages.
fn of_nal_units(mut configuration: Configuration, messages: &[Rc<Frame>], length: usize) -> Option<Vec<u8>> {
    match &mut configuration {
        Configuration::Avc(config) => config.nal_length_size = LENGTH,
        Configuration::Hevc(config) => config.nal_length_size = LENGTH,
    }
    let (record, picture) = (configuration.record()?, configuration.picture()?);
    let held = configuration.rewriter().parameters;
    let is_held = |nal: &[u8]| held.iter().flat_map(|sets| sets.iter()).any(|set| set == nal);
    let mut sample = Vec::with_capacity(length + SPARE);
    let mut has_slice = false;
    for nal in messages.iter().flat_map(|message| message.nals()) {
        let nal = nal.ok()?;
        let unit = configuration.unit()(nal);
        has_slice |= unit.is_slice();
        // ISO 14496-15 5.3.2 and 8.3.2: the parameter sets of avc1 and hvc1 are in the record.
        if !matches!(unit, Unit::Parameters(_)) || !is_held(nal) {
            sample.extend(u32::try_from(nal.len()).ok()?.to_be_bytes());
            sample.extend_from_slice(nal);
        }
    }
    let entry = match configuration {
        Configuration::Avc(_) => Entry::Avc(&record),
        Configuration::Hevc(_) => Entry::Hevc(&record),
    };
    file(entry, (picture.width, picture.height), &sample).filter(|_| has_slice)
}

/// Bytes of the length in front of a NAL unit.
const LENGTH: usize = 4;
/// Bytes by which longer lengths may lengthen a picture of not many slices.
const SPARE: usize = 64;

fn file(entry: Entry<'_>, (width, height): (u32, u32), data: &[u8]) -> Option<Vec<u8>> {
    let (width, height) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
    let mut file = initialization(&[Track { id: TRACK, timescale: TIMESCALE, width, height, entry }])?;
    let sample = Sample { duration: DURATION, composition: 0, is_key: true, data };
    file.extend(fragment(1, &[Run { track: TRACK, time: 0, samples: &[sample] }])?);
    Some(file)
}
