//! What a file's first tags tell of it: the codecs, the picture's size, the format of sound.

use super::script::Script;
use crate::media::aac::{self, AudioConfig};
use crate::media::file::FileFacts;
use crate::media::flac::StreamInfo;
use crate::media::flv::Tag;
use crate::media::pictures::Configuration;
use crate::media::{Codec, Kind, Packet, Role, format, opus};

/// The longest side of a picture that is believed.
const MAX_SIDE: f64 = 65_535.0;
/// The longest file that is believed, seconds: three hundred years.
const MAX_SECONDS: f64 = 1e10;

/// Takes what a message tells. Of several configurations, the first counts.
pub fn learn(facts: &mut FileFacts, kind: Kind, tag: &Tag, payload: &[u8]) {
    let body = payload.get(tag.body.clone()).unwrap_or_default();
    let is_media = matches!(tag.role, Role::Header | Role::Key | Role::Inter | Role::Disposable);
    if !is_media || tag.codec == Codec::None || !tag.tracks.contains(0) {
        return;
    }
    match kind {
        Kind::Video => {
            if facts.video_codec == Codec::None {
                facts.video_codec = tag.codec;
            }
            if tag.packet == Packet::Configuration && facts.width == 0 {
                learn_size(facts, tag.codec, body);
            }
        }
        Kind::Audio => {
            if facts.audio_codec == Codec::None {
                facts.audio_codec = tag.codec;
            }
            if facts.sample_rate == 0 && facts.audio_codec == tag.codec {
                learn_sound(facts, tag, payload, body);
            }
        }
        Kind::Data | Kind::DataAmf3 => {}
    }
}

/// Takes what the metadata says and nothing else has told.
pub fn learn_script(facts: &mut FileFacts, script: &Script) {
    let side = |number: f64| if (1.0..=MAX_SIDE).contains(&number) { number as u32 } else { 0 };
    if facts.width == 0 || facts.height == 0 {
        (facts.width, facts.height) = (side(script.width), side(script.height));
    }
    let seconds = script.duration().filter(|seconds| *seconds <= MAX_SECONDS);
    facts.duration = seconds.map(|seconds| (seconds * 1000.0).round() as u64).or(facts.duration);
}

fn learn_size(facts: &mut FileFacts, codec: Codec, record: &[u8]) {
    let configuration = Configuration::parse(codec, record).ok().flatten();
    if let Some(picture) = configuration.as_ref().and_then(Configuration::picture) {
        (facts.width, facts.height) = (picture.width, picture.height);
    }
}

fn learn_sound(facts: &mut FileFacts, tag: &Tag, payload: &[u8], body: &[u8]) {
    let format = if tag.packet == Packet::Configuration {
        configured(tag.codec, body)
    } else {
        of_frame(tag.codec, payload, body)
    };
    if let Some((sample_rate, channels)) = format {
        (facts.sample_rate, facts.channels) = (sample_rate, channels);
    }
}

fn configured(codec: Codec, record: &[u8]) -> Option<(u32, u8)> {
    match codec {
        Codec::Aac => of_aac(&AudioConfig::parse(record).ok()?),
        Codec::Opus => {
            let head = opus::Head::parse(record).ok();
            Some((opus::SAMPLE_RATE, head.map_or(0, |head| head.channels)))
        }
        Codec::Flac => StreamInfo::parse(record).ok().map(|info| (info.sample_rate, info.channels)),
        _ => None,
    }
}

fn of_aac(config: &AudioConfig) -> Option<(u32, u8)> {
    let channels = config.channels().and_then(|count| u8::try_from(count).ok());
    Some((config.output_rate(), channels.unwrap_or_default()))
}

/// Frames of AAC may bring their own header (ADTS).
fn of_frame(codec: Codec, payload: &[u8], body: &[u8]) -> Option<(u32, u8)> {
    match codec {
        Codec::Aac => of_aac(&aac::Frames::parse(body).ok()??.adts.config()),
        codec => format::of_frame(codec, payload, body),
    }
}
