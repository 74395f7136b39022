//! The size of a picture, as decoders go by it: in configurations, parameter sets and key frames.

use crate::media::flv::Codec;
use crate::media::nal::{self, Picture};
use crate::media::{Frame, Packet, av1, avc, hevc, vpx};

/// Width and height of a picture.
pub type Size = (u32, u32);

/// Parameter sets of a frame that are looked at; as many as H.264 can tell apart.
const MAX_SETS: usize = 32;

/// Bytes of a NAL unit's length where no configuration says how many.
const LENGTH_SIZE: usize = 4;

/// Bytes of the length in front of each NAL unit, as a configuration says (ISO 14496-15: lengthSizeMinusOne).
fn length_size_of(codec: Codec, configuration: &[u8]) -> Option<usize> {
    let at = match codec {
        _ if nal::begins_with_start_code(configuration) => return None,
        Codec::Avc => 4,
        Codec::Hevc => 21,
        _ => return None,
    };
    configuration.get(at).map(|byte| usize::from(byte & 3) + 1)
}

/// True if a configuration has lengths of 4 bytes, or says none.
pub fn has_usual_length_size(codec: Codec, configuration: &[u8]) -> bool {
    length_size_of(codec, configuration).is_none_or(|size| size == LENGTH_SIZE)
}

/// Bytes of the length in front of each NAL unit of a frame. None if they cannot be told: which track a configuration
/// of several is of is not looked at, so all of those must have 4.
pub fn length_size(configuration: Option<&Frame>, frame: &Frame) -> Option<usize> {
    let known = configuration.filter(|header| header.codec == frame.codec);
    let known = known.and_then(|header| length_size_of(header.codec, header.body()));
    let size = known.unwrap_or(LENGTH_SIZE);
    (size == LENGTH_SIZE || !frame.is_multitrack()).then_some(size)
}

/// The sizes in the parameter sets of a frame. None where one cannot be read, or there are more
/// than are looked at.
pub fn sizes_of_sets(codec: Codec, length_size: usize, body: &[u8]) -> Option<Vec<Size>> {
    let limited = |pictures: &mut dyn Iterator<Item = Option<Picture>>| {
        let sizes: Vec<_> = pictures.take(MAX_SETS + 1).map(sides).collect::<Option<_>>()?;
        (sizes.len() <= MAX_SETS).then_some(sizes)
    };
    match codec {
        Codec::Avc => limited(&mut avc::pictures_in(body, length_size)),
        Codec::Hevc => limited(&mut hevc::pictures_in(body, length_size)),
        _ => Some(Vec::new()),
    }
}

/// The sizes in a frame that is not flagged as a key frame.
pub fn sizes_of_unflagged(codec: Codec, body: &[u8]) -> Vec<Size> {
    let size = match codec {
        Codec::Av1 => av1::size(body).ok().flatten(),
        Codec::Vp8 => vpx::vp8_size(body).ok(),
        Codec::Vp9 => vpx::vp9_size(body).ok(),
        _ => None,
    };
    size.into_iter().collect()
}

fn sides(picture: Option<Picture>) -> Option<Size> {
    picture.map(|picture| (picture.width, picture.height))
}

/// The sizes in a frame's elementary data; nothing if it need not say one. None where it should and
/// does not, or cannot be read.
pub fn sizes(codec: Codec, packet: Packet, body: &[u8]) -> Option<Vec<Size>> {
    match (codec, packet) {
        (Codec::Avc, Packet::Configuration) => {
            avc::DecoderConfig::parse(body).ok()?.pictures().map(sides).collect()
        }
        (Codec::Hevc, Packet::Configuration) => {
            hevc::DecoderConfig::parse(body).ok()?.pictures().map(sides).collect()
        }
        (Codec::Av1, Packet::Configuration) => Some(av1::size_of_record(body).ok()?.into_iter().collect()),
        (Codec::Av1, Packet::Frames) => Some(av1::size(body).ok()?.into_iter().collect()),
        (Codec::Vp8, Packet::Frames) => Some(vec![vpx::vp8_size(body).ok()?]),
        (Codec::Vp9, Packet::Frames) => Some(vec![vpx::vp9_size(body).ok()?]),
        (Codec::Avc | Codec::Hevc, Packet::Frames) | (Codec::Vp8 | Codec::Vp9, _) => Some(Vec::new()),
        _ => None,
    }
}
