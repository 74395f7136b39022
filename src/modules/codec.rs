//! What is in a stream: codec configurations, metadata, and the headers that players need first.
//!
//! Others read the facts and headers this module keeps in each stream. Nothing it cannot read is an
//! error: the frames go through as they are, and the log says once what was not understood.

use std::collections::HashSet;
use std::rc::Rc;

use crate::conf::{self, Context, Directive, Repeat, Takes};
use crate::engine::{Config, Ctx, Module, Stream, StreamFacts, StreamId, stamped};
use crate::media::aac::AudioConfig;
use crate::media::amf::{Object, Value, amf0};
use crate::media::avc::DecoderConfig;
use crate::media::flv::{Codec as Id, MAX_CONFIGURATION};
use crate::media::{Frame, Kind, Role};

const DIRECTIVES: &[Directive] = &[Directive {
    name: "meta",
    contexts: &[Context::Rtmp, Context::RtmpServer, Context::Application],
    takes: Takes::OneOf(&["on", "copy", "off"]),
    default: "on",
    repeat: Repeat::Once,
    doc: "The metadata players get: made anew from what is known of the stream, copied from the publisher, or none.",
}];

/// What players get for metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meta {
    Rebuilt,
    Copied,
    Withheld,
}

/// The module.
#[derive(Debug, Default)]
pub struct Codec {
    apps: Vec<Meta>,
    /// Streams of which something could not be read: it is said once, and not for every frame.
    unread: HashSet<StreamId>,
}

impl Module for Codec {
    fn name(&self) -> &'static str {
        "codec"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Error> {
        let meta =
            config.applications.iter().map(|application| match application.scope.text("meta").as_str() {
                "copy" => Meta::Copied,
                "off" => Meta::Withheld,
                _ => Meta::Rebuilt,
            });
        self.apps = meta.collect();
        Ok(())
    }

    fn on_stream_end(&mut self, _cx: &mut Ctx, stream: StreamId) {
        self.unread.remove(&stream);
    }

    fn on_frame(&mut self, cx: &mut Ctx, id: StreamId, frame: &Rc<Frame>) {
        let Some(stream) = cx.streams.get_mut(id) else { return };
        let Some(meta) = self.apps.get(stream.app.0).copied() else { return };
        let learnt = match (frame.kind, frame.role) {
            (Kind::Video, Role::Header) => learn_video(stream, frame),
            (Kind::Audio, Role::Header) => learn_audio(stream, frame),
            (Kind::Video, Role::Key) if stream.codec.video_codec.is_empty() => {
                stream.codec.video_codec = video_name(frame.codec);
                Ok(true)
            }
            (Kind::Audio, Role::Key) if stream.codec.audio_codec.is_empty() => {
                learn_audio_tag(stream, frame);
                Ok(true)
            }
            (Kind::Data, _) if frame.is_metadata() => learn_metadata(stream, frame),
            (_, Role::Empty) => explain(frame),
            _ => Ok(false),
        };
        let news = learnt.unwrap_or_else(|why| {
            if self.unread.insert(id) {
                log::warn!("stream {}: {why}", stream.name);
            }
            false
        });
        match meta {
            Meta::Rebuilt if news => stream.headers.metadata = Some(rebuilt(&stream.codec, frame.timestamp)),
            Meta::Copied if frame.is_metadata() => stream.headers.metadata = Some(Rc::clone(frame)),
            _ => {}
        }
    }
}

/// Why players will miss a frame that nothing depends on; no error if they will not miss it.
fn explain(frame: &Frame) -> Result<bool, String> {
    let first = frame.payload().first().copied().unwrap_or_default();
    if frame.payload().len() > MAX_CONFIGURATION {
        Err(format!("a decoder configuration longer than {MAX_CONFIGURATION} bytes is left out"))
    } else if frame.kind == Kind::Video && first & 0x80 != 0 {
        Err("Enhanced RTMP video is not understood yet; players get no picture".into())
    } else {
        Ok(false)
    }
}

fn learn_video(stream: &mut Stream, frame: &Rc<Frame>) -> Result<bool, String> {
    stream.headers.video = Some(Rc::clone(frame));
    let config = DecoderConfig::parse(frame.body()).map_err(|error| format!("video header: {error}"))?;
    let facts = &mut stream.codec;
    facts.video_codec = video_name(frame.codec);
    facts.video_profile = avc_profile(config.profile);
    facts.video_level = config.level;
    if let Some(picture) = config.picture() {
        (facts.width, facts.height) = (picture.width, picture.height);
        if let Some(rate) = picture.frame_rate.filter(|_| facts.frame_rate == 0.0) {
            facts.frame_rate = rate;
        }
    }
    Ok(true)
}

fn learn_audio(stream: &mut Stream, frame: &Rc<Frame>) -> Result<bool, String> {
    stream.headers.audio = Some(Rc::clone(frame));
    let config = AudioConfig::parse(frame.body()).map_err(|error| format!("audio header: {error}"))?;
    let facts = &mut stream.codec;
    facts.audio_codec = audio_name(frame.codec);
    facts.audio_profile = aac_profile(&config);
    facts.sample_rate = config.output_rate();
    facts.channels = config.channels().and_then(|count| u8::try_from(count).ok()).unwrap_or_default();
    Ok(true)
}

/// Audio without a header says what it is in each tag (FLV E.4.2.1).
fn learn_audio_tag(stream: &mut Stream, frame: &Frame) {
    let flags = frame.payload().first().copied().unwrap_or_default();
    stream.codec.audio_codec = audio_name(frame.codec);
    stream.codec.sample_rate = [5512, 11_025, 22_050, 44_100][usize::from(flags >> 2 & 3)];
    stream.codec.channels = 1 + (flags & 1);
}

/// Takes from the publisher's metadata what the headers do not say (better).
fn learn_metadata(stream: &mut Stream, frame: &Frame) -> Result<bool, String> {
    let values = amf0::decode(frame.payload()).map_err(|error| format!("metadata: {error}"))?;
    let Some(object) = values.iter().find_map(Value::as_object) else { return Ok(false) };
    let number = |names: &[&str]| names.iter().find_map(|name| object.number(name)).filter(|n| *n > 0.0);
    let facts = &mut stream.codec;
    if stream.headers.video.is_none() {
        facts.width = number(&["width"]).map_or(0, |n| n as u32);
        facts.height = number(&["height"]).map_or(0, |n| n as u32);
    }
    facts.frame_rate = number(&["framerate", "fps"]).unwrap_or(facts.frame_rate);
    facts.video_rate = number(&["videodatarate"]).unwrap_or_default();
    facts.audio_rate = number(&["audiodatarate"]).unwrap_or_default();
    facts.encoder = object.str("encoder").unwrap_or_default().chars().take(MAX_ENCODER).collect();
    Ok(true)
}

/// Characters kept of an encoder's name.
const MAX_ENCODER: usize = 128;

/// `onMetaData` as players get it.
fn rebuilt(facts: &StreamFacts, timestamp: u64) -> Rc<Frame> {
    let mut object = Object::default().with("Server", concat!("Millstream ", env!("CARGO_PKG_VERSION")));
    let mut add = |name: &str, number: f64| {
        if number > 0.0 {
            object.0.push((name.to_owned(), Value::Number(number)));
        }
    };
    add("width", f64::from(facts.width));
    add("height", f64::from(facts.height));
    add("displayWidth", f64::from(facts.width));
    add("displayHeight", f64::from(facts.height));
    add("framerate", facts.frame_rate);
    add("fps", facts.frame_rate);
    add("videodatarate", facts.video_rate);
    add("videocodecid", if facts.video_codec == "H.264" { 7.0 } else { 0.0 });
    add("level", f64::from(facts.video_level));
    add("audiodatarate", facts.audio_rate);
    add("audiosamplerate", f64::from(facts.sample_rate));
    add("audiochannels", f64::from(facts.channels));
    let audio_id = match facts.audio_codec {
        "AAC" => 10.0,
        "MP3" => 2.0,
        _ => 0.0,
    };
    add("audiocodecid", audio_id);
    if facts.channels > 0 {
        object.0.push(("stereo".to_owned(), Value::Boolean(facts.channels > 1)));
    }
    for (name, text) in [("profile", facts.video_profile), ("encoder", facts.encoder.as_str())] {
        if !text.is_empty() {
            object.0.push((name.to_owned(), Value::from(text)));
        }
    }
    let payload = amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(object)]);
    stamped(Frame::from_payload(Kind::Data, timestamp, &payload))
}

/// Names as nginx-rtmp's statistics have them.
fn video_name(codec: Id) -> &'static str {
    match codec {
        Id::Avc => "H.264",
        Id::Other(2) => "Sorenson-H263",
        Id::Other(3) => "ScreenVideo",
        Id::Other(4) => "On2-VP6",
        Id::Other(5) => "On2-VP6-Alpha",
        Id::Other(6) => "ScreenVideo2",
        _ => "unknown",
    }
}

fn audio_name(codec: Id) -> &'static str {
    match codec {
        Id::Aac => "AAC",
        Id::Mp3 => "MP3",
        Id::Other(0 | 3) => "PCM",
        Id::Other(1) => "ADPCM",
        Id::Other(4..=6) => "Nellymoser",
        Id::Other(7) => "G711A",
        Id::Other(8) => "G711U",
        Id::Other(11) => "Speex",
        _ => "unknown",
    }
}

fn avc_profile(profile: u8) -> &'static str {
    match profile {
        66 => "Baseline",
        77 => "Main",
        88 => "Extended",
        100 => "High",
        110 => "High 10",
        122 => "High 4:2:2",
        244 => "High 4:4:4",
        _ => "",
    }
}

fn aac_profile(config: &AudioConfig) -> &'static str {
    match (config.object_type, &config.extension) {
        (2, Some(extension)) if extension.parametric_stereo => "HEv2",
        (2, Some(_)) => "HE",
        (1, _) => "Main",
        (2, _) => "LC",
        (3, _) => "SSR",
        (4, _) => "LTP",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rebuilt_metadata_says_what_is_known_and_nothing_else() {
        let facts =
            StreamFacts { width: 640, height: 360, audio_codec: "AAC", channels: 2, ..Default::default() };
        let frame = rebuilt(&facts, 7);
        assert!(frame.is_metadata());
        let values = amf0::decode(frame.payload()).unwrap();
        let object = values[1].as_object().unwrap();
        assert_eq!(object.number("width"), Some(640.0));
        assert_eq!(object.number("audiocodecid"), Some(10.0));
        assert_eq!(object.get("videocodecid"), None);
        assert_eq!(object.get("stereo"), Some(&Value::Boolean(true)));
    }
}
