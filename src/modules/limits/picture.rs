//! The size of a picture, as decoders go by it: in configurations, parameter sets and key frames.

use crate::media::flv::Codec;
use crate::media::nal::Picture;
use crate::media::{Frame, Packet, av1, avc, hevc, vpx};

/// Width and height of a picture.
pub type Size = (u32, u32);

/// Parameter sets of a frame that are looked at; as many as H.264 can tell apart.
const MAX_SETS: usize = 32;

/// What the parameter sets in a key frame say of the size of its pictures. None where one cannot be read, or there are
/// more than are looked at.
pub fn sizes_of_sets(configuration: &Frame, body: &[u8]) -> Option<Vec<Size>> {
    let limited = |pictures: &mut dyn Iterator<Item = Option<Picture>>| {
        let sizes: Vec<_> = pictures.take(MAX_SETS + 1).map(sides).collect::<Option<_>>()?;
        (sizes.len() <= MAX_SETS).then_some(sizes)
    };
    match configuration.codec {
        Codec::Avc => limited(&mut avc::DecoderConfig::parse(configuration.body()).ok()?.pictures_in(body)),
        Codec::Hevc => limited(&mut hevc::DecoderConfig::parse(configuration.body()).ok()?.pictures_in(body)),
        _ => Some(Vec::new()),
    }
}

fn sides(picture: Option<Picture>) -> Option<Size> {
    picture.map(|picture| (picture.width, picture.height))
}

/// What a frame's elementary data says of the size of its pictures; nothing if it need not say it. None where it should and
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
