//! The messages that samples, configurations and what a file is known by are made into.

use super::description::Description;
use crate::media::amf::{Object, Value, amf0};
use crate::media::codec::Codec;
use crate::media::file::{FileFacts, Head};

/// The most that a composition time of FLV can be: 24 bits with a sign.
const MAX_COMPOSITION: i64 = (1 << 23) - 1;

/// The packet types of Enhanced RTMP.
const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;
const CODED_FRAMES_X: u8 = 3;
/// The first byte of an Enhanced message of sound, without its packet type.
const ENHANCED_SOUND: u8 = 0x90;

/// The tag header of a configuration message.
pub fn configuration_head(description: &Description) -> Head {
    match description.codec {
        Codec::Avc => Head::new(&[0x17, 0, 0, 0, 0]),
        Codec::Aac => Head::new(&[0xaf, 0]),
        Codec::Hevc | Codec::Av1 | Codec::Vp9 | Codec::Vp8 => {
            enhanced(0x90 | SEQUENCE_START, description.codec, &[])
        }
        codec => enhanced(ENHANCED_SOUND | SEQUENCE_START, codec, &[]),
    }
}

/// The tag header of a sample. `composition` is in milliseconds.
pub fn sample_head(description: &Description, is_key: bool, composition: i64) -> Head {
    let composition = composition.clamp(-MAX_COMPOSITION, MAX_COMPOSITION);
    let [.., high, middle, low] = composition.to_be_bytes();
    let frame_type: u8 = if is_key { 1 } else { 2 };
    let video = 0x80 | frame_type << 4;
    match description.codec {
        Codec::Avc => Head::new(&[frame_type << 4 | 7, 1, high, middle, low]),
        Codec::Hevc if composition == 0 => enhanced(video | CODED_FRAMES_X, description.codec, &[]),
        Codec::Hevc => enhanced(video | CODED_FRAMES, description.codec, &[high, middle, low]),
        Codec::Av1 | Codec::Vp9 | Codec::Vp8 => enhanced(video | CODED_FRAMES, description.codec, &[]),
        Codec::Aac => Head::new(&[0xaf, 1]),
        Codec::Mp3 => Head::new(&[mp3_head(description)]),
        codec => enhanced(ENHANCED_SOUND | CODED_FRAMES, codec, &[]),
    }
}

fn enhanced(first: u8, codec: Codec, rest: &[u8]) -> Head {
    let [a, b, c, d] = codec.four_cc().unwrap_or_default();
    let mut bytes = [first, a, b, c, d, 0, 0, 0];
    bytes.iter_mut().skip(5).zip(rest).for_each(|(place, byte)| *place = *byte);
    Head::new(bytes.get(..5 + rest.len().min(3)).unwrap_or_default())
}

/// The header of MP3 (FLV E.4.2.1): its format, its rate as well as FLV can say it, samples of 16 bits, and its channels.
fn mp3_head(description: &Description) -> u8 {
    let rate: u8 = match description.sample_rate {
        1..=8_000 => 0,
        8_001..=15_999 => 1,
        16_000..=31_999 => 2,
        _ => 3,
    };
    2 << 4 | rate << 2 | 1 << 1 | u8::from(description.channels != 1)
}

/// `onMetaData`, as recordings have it.
pub fn metadata(facts: &FileFacts, frame_rate: Option<f64>, length: u64) -> Vec<u8> {
    let mut object = Object::default();
    if let Some(duration) = facts.duration {
        object = object.with("duration", duration as f64 / 1000.0);
    }
    if facts.video_codec != Codec::None {
        object = object.with("width", f64::from(facts.width)).with("height", f64::from(facts.height));
        if let Some(frame_rate) = frame_rate {
            object = object.with("framerate", frame_rate);
        }
        object = object.with("videocodecid", f64::from(facts.video_codec.metadata_id()));
    }
    if facts.audio_codec != Codec::None {
        object = object.with("audiosamplerate", f64::from(facts.sample_rate));
        object = object.with("stereo", facts.channels > 1);
        object = object.with("audiocodecid", f64::from(facts.audio_codec.metadata_id()));
    }
    object = object.with("filesize", length as f64);
    amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(object)])
}
