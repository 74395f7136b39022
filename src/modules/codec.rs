//! The facts of a stream: codec configurations, metadata, and the headers that players need first.
//!
//! Others read the facts and headers this module keeps in each stream. Nothing it cannot read is an
//! error: the frames go through as they are, and the log says once what was not understood.

use std::any::Any;
use std::collections::HashMap;
use std::mem;
use std::rc::Rc;
use std::time::Instant;

use crate::conf::{self, Acts, Context, Directive, Repeat, Scope, Takes};
use crate::engine::{AppId, ByApp, Config, Ctx, Module, Stream, StreamFacts, StreamId};
use crate::media::aac::{self, AudioConfig};
use crate::media::amf::{Object, Value, amf0};
use crate::media::flac::StreamInfo;
use crate::media::flv::{Codec, MAX_CONFIGURATION};
use crate::media::pictures::Configuration;
use crate::media::{Frame, Kind, Packet, Role, format, opus};

const DIRECTIVES: &[Directive] = &[Directive {
    name: "meta",
    contexts: Context::APPLICATIONS,
    takes: Takes::OneOf(&["on", "copy", "off"]),
    default: "on",
    repeat: Repeat::Once,
    acts: Acts::AtOnce,
    doc: "Which metadata (onMetaData) players get: on makes it from what the server knows about the \
              stream, copy passes on the publisher's own, off sends none.",
}];

/// The metadata that players get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meta {
    Rebuilt,
    Copied,
    Withheld,
}

impl Meta {
    fn read(scope: &Scope<'_>) -> Self {
        match scope.text("meta").as_str() {
            "copy" => Self::Copied,
            "off" => Self::Withheld,
            _ => Self::Rebuilt,
        }
    }
}

#[derive(Debug, Default)]
pub struct CodecFacts {
    apps: ByApp<Meta>,
    logged: HashMap<StreamId, LoggedWarnings>,
}

/// The warnings of a publisher's media that have been logged: once, and not for every frame.
#[derive(Debug, Default)]
struct LoggedWarnings {
    /// When the publisher began.
    publisher_since: Option<Instant>,
    /// Something could not be read.
    unread: bool,
    /// Frames of AAC have contradicted their header.
    contradicted: bool,
    /// The time of the first frame of AAC without a header, milliseconds.
    without_header: Option<u64>,
}

/// The time for which AAC may come without a header before that is logged, milliseconds: FFmpeg sends some frames
/// first.
const PATIENCE: u64 = 2000;

impl LoggedWarnings {
    /// The warnings of the present publisher of a stream.
    fn for_publisher(&mut self, stream: &Stream) -> &mut Self {
        if self.publisher_since != stream.publisher_since {
            *self = Self { publisher_since: stream.publisher_since, ..Self::default() };
        }
        self
    }
}

impl Module for CodecFacts {
    fn name(&self) -> &'static str {
        "codec"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        self.apps = config.applications.iter().map(|app| (app.id, Meta::read(&app.scope))).collect();
        Ok(())
    }

    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        for stream in cx.streams.iter_mut() {
            let metas = (self.apps.get(stream.app), next.apps.get(stream.app));
            if let (before, Some(now)) = metas
                && before != Some(now)
            {
                change_metadata(stream, *now);
            }
        }
        self.apps.adopt(next.apps);
    }

    fn release_app(&mut self, _cx: &mut Ctx, app: AppId) {
        self.apps.release(app);
    }

    fn on_stream_end(&mut self, _cx: &mut Ctx, stream: StreamId) {
        self.logged.remove(&stream);
    }

    fn on_frame(&mut self, cx: &mut Ctx, id: StreamId, frame: &Rc<Frame>) {
        let Some(stream) = cx.streams.get_mut(id) else { return };
        let Some(meta) = self.apps.get(stream.app).copied() else { return };
        let learnt = match (frame.kind, frame.role) {
            (Kind::Video | Kind::Audio, Role::Header) => learn_header(stream, frame),
            (Kind::Video, Role::Key) if stream.facts.video_codec == Codec::None => {
                stream.facts.video_codec = frame.codec;
                Ok(true)
            }
            (Kind::Audio, Role::Key) if frame.codec == Codec::Aac && aac::is_adts(frame.body()) => {
                Ok(self.take_adts(stream, frame))
            }
            (Kind::Audio, Role::Key) if stream.facts.sample_rate == 0 => self.take_bare_audio(stream, frame),
            (Kind::Data | Kind::DataAmf3, Role::Empty) => Ok(clear_metadata(stream, frame)),
            (Kind::Data | Kind::DataAmf3, _) if frame.is_metadata() => learn_metadata(stream, frame),
            (_, Role::Empty) => explain(frame),
            _ => Ok(false),
        };
        let news = learnt.unwrap_or_else(|why| {
            if !mem::replace(&mut self.logged(stream).unread, true) {
                log::warn!("{}: {why}", stream.label);
            }
            false
        });
        match meta {
            Meta::Rebuilt if news => {
                let metadata = stream.stamped(rebuilt(&stream.facts, frame.timestamp));
                stream.headers.set_metadata(Some(metadata));
            }
            Meta::Copied if frame.is_metadata() => stream.headers.set_metadata(Some(Rc::clone(frame))),
            _ => {}
        }
    }
}

impl CodecFacts {
    /// The warnings of a stream's present publisher that have been logged.
    fn logged(&mut self, stream: &Stream) -> &mut LoggedWarnings {
        self.logged.entry(stream.id).or_default().for_publisher(stream)
    }

    /// Learns the facts that frames of ADTS have, and warns if the header has others. True if they are news.
    fn take_adts(&mut self, stream: &mut Stream, frame: &Frame) -> bool {
        let learnt = learn_adts(stream, frame);
        if learnt == AdtsFacts::Contradicts && !mem::replace(&mut self.logged(stream).contradicted, true) {
            let (label, what) = (&stream.label, describe_audio(&stream.facts));
            log::warn!("{label}: the audio header says otherwise than its frames, which are {what}");
        }
        learnt != AdtsFacts::Known
    }

    /// Learns the facts of audio without a header; an error for AAC, which needs one. True if they are news.
    fn take_bare_audio(&mut self, stream: &mut Stream, frame: &Frame) -> Result<bool, String> {
        let news = learn_audio_frame(stream, frame);
        let first = *self.logged(stream).without_header.get_or_insert(frame.timestamp);
        let is_bare = frame.codec == Codec::Aac && frame.is_default_track();
        if is_bare && frame.timestamp >= first.saturating_add(PATIENCE) {
            return Err("the audio is AAC without a header; nobody can play it".into());
        }
        Ok(news)
    }
}

/// Changes the metadata that later players of a stream get. The publisher's own is not there before it sends it again.
fn change_metadata(stream: &mut Stream, meta: Meta) {
    match meta {
        Meta::Rebuilt if stream.is_live() => {
            let metadata = stream.stamped(rebuilt(&stream.facts, 0));
            stream.headers.set_metadata(Some(metadata));
        }
        Meta::Rebuilt | Meta::Copied => {}
        Meta::Withheld => stream.headers.set_metadata(None),
    }
    stream.gop.drop_opening();
}

/// Explains, for the log, why players miss a frame; no error if they do not miss it.
fn explain(frame: &Frame) -> Result<bool, String> {
    let is_header = matches!(frame.packet, Packet::Configuration | Packet::Description);
    if is_header && frame.payload().len() > MAX_CONFIGURATION {
        Err(format!("a decoder configuration longer than {MAX_CONFIGURATION} bytes is dropped"))
    } else {
        Ok(false)
    }
}

fn learn_header(stream: &mut Stream, frame: &Rc<Frame>) -> Result<bool, String> {
    if !stream.headers.keep(frame) {
        return Err("more configurations than are kept for players that come late".into());
    }
    if frame.packet != Packet::Configuration || !frame.is_default_track() {
        return Ok(false);
    }
    if frame.kind == Kind::Video { learn_video(stream, frame) } else { learn_audio(stream, frame) }
}

fn learn_video(stream: &mut Stream, frame: &Frame) -> Result<bool, String> {
    let facts = &mut stream.facts;
    if facts.video_codec != frame.codec {
        facts.video_codec = frame.codec;
        (facts.video_profile, facts.video_level) = ("", 0);
    }
    let configuration = Configuration::parse(frame.codec, frame.body());
    let configuration = configuration.map_err(|error| format!("video header: {error}"))?;
    match &configuration {
        Some(Configuration::Avc(config)) => {
            (facts.video_profile, facts.video_level) = (avc_profile(config.profile), config.level);
        }
        // `general_level_idc` is thirty times the level.
        Some(Configuration::Hevc(config)) => {
            (facts.video_profile, facts.video_level) = (hevc_profile(config.profile), config.level / 3);
        }
        None => {}
    }
    if let Some(picture) = configuration.as_ref().and_then(Configuration::picture) {
        (facts.width, facts.height) = (picture.width, picture.height);
        let frame_rate = picture.frame_rate.filter(|rate| *rate <= MAX_FRAME_RATE);
        if let Some(rate) = frame_rate.filter(|_| facts.frame_rate == 0.0) {
            facts.frame_rate = rate;
        }
    }
    Ok(true)
}

fn learn_audio(stream: &mut Stream, frame: &Frame) -> Result<bool, String> {
    let facts = &mut stream.facts;
    if facts.audio_codec != frame.codec {
        facts.audio_codec = frame.codec;
        (facts.audio_profile, facts.sample_rate, facts.channels) = ("", 0, 0);
    }
    match frame.codec {
        Codec::Aac => {
            let config =
                AudioConfig::parse(frame.body()).map_err(|error| format!("audio header: {error}"))?;
            facts.channels = 0;
            learn_config(facts, &config);
        }
        // Without a header, Opus has one or two channels.
        Codec::Opus => {
            let head = opus::Head::parse(frame.body());
            (facts.sample_rate, facts.channels) = (opus::SAMPLE_RATE, head.map_or(0, |head| head.channels));
        }
        Codec::Flac => {
            let info = StreamInfo::parse(frame.body()).map_err(|error| format!("audio header: {error}"))?;
            (facts.sample_rate, facts.channels) = (info.sample_rate, info.channels);
        }
        _ => {}
    }
    Ok(true)
}

/// The facts that frames of ADTS have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AdtsFacts {
    /// Those that are known already.
    Known,
    /// Something else than the frames before.
    New,
    /// The same, and it is not what the header says.
    Contradicts,
}

/// Frames of ADTS are what they say, whatever the header says, if there is one.
fn learn_adts(stream: &mut Stream, frame: &Frame) -> AdtsFacts {
    let (Ok(Some(frames)), true) = (aac::Frames::parse(frame.body()), frame.is_default_track()) else {
        return AdtsFacts::Known;
    };
    let header = stream.headers.configuration(Kind::Audio).filter(|header| header.codec == Codec::Aac);
    let promised = header.and_then(|header| AudioConfig::parse(header.body()).ok());
    if promised.and_then(|config| config.adts()).is_some_and(|adts| adts.agrees(&frames.adts)) {
        return AdtsFacts::Known; // the header says all that they say, and more
    }
    let facts = &mut stream.facts;
    let before = (facts.audio_codec, facts.audio_profile, facts.sample_rate, facts.channels);
    let is_contradicted = promised.is_some();
    learn_config(facts, &frames.adts.config());
    facts.audio_codec = Codec::Aac;
    match before == (facts.audio_codec, facts.audio_profile, facts.sample_rate, facts.channels) {
        true => AdtsFacts::Known,
        false if is_contradicted => AdtsFacts::Contradicts,
        false => AdtsFacts::New,
    }
}

/// Sets what a configuration of AAC says. Of channels it may say nothing, where that is only in some frames.
fn learn_config(facts: &mut StreamFacts, config: &AudioConfig) {
    let channels = config.channels().and_then(|count| u8::try_from(count).ok());
    facts.audio_profile = aac_profile(config);
    facts.sample_rate = config.output_rate();
    facts.channels = channels.unwrap_or(facts.channels);
}

/// "AAC LC, 48000 Hz, 2 channels", for the log.
fn describe_audio(facts: &StreamFacts) -> String {
    let (profile, rate, channels) = (facts.audio_profile, facts.sample_rate, facts.channels);
    format!("AAC {profile}, {rate} Hz, {channels} channels")
}

/// Audio without a header says what it is in each frame, or in each tag (FLV E.4.2.1). True if that is news.
fn learn_audio_frame(stream: &mut Stream, frame: &Frame) -> bool {
    let facts = &mut stream.facts;
    let is_new = facts.audio_codec == Codec::None;
    if is_new {
        facts.audio_codec = frame.codec;
    }
    let format = format::of_frame(frame.codec, frame.payload(), frame.body());
    (facts.sample_rate, facts.channels) = format.unwrap_or_default();
    is_new || format.is_some()
}

/// Takes from the publisher's metadata what the headers do not say (better).
fn learn_metadata(stream: &mut Stream, frame: &Frame) -> Result<bool, String> {
    let values = amf0::decode(frame.amf0()).map_err(|error| format!("metadata: {error}"))?;
    let Some(object) = values.iter().find_map(Value::as_object) else { return Ok(false) };
    // A number that is infinite, negative or none at all counts as missing.
    let number = |names: &[&str]| {
        names.iter().filter_map(|name| object.number(name)).find(|n| *n > 0.0 && n.is_finite())
    };
    let facts = &mut stream.facts;
    // The picture's size is in the headers of H.264 and H.265.
    if facts.video_level == 0 {
        let side = |name| number(&[name]).filter(|side| *side <= MAX_SIDE).map_or(0, |side| side as u32);
        (facts.width, facts.height) = (side("width"), side("height"));
    }
    let frame_rate = number(&["framerate", "fps"]).filter(|rate| *rate <= MAX_FRAME_RATE);
    facts.frame_rate = frame_rate.unwrap_or(facts.frame_rate);
    facts.video_rate = number(&["videodatarate"]).unwrap_or_default();
    facts.audio_rate = number(&["audiodatarate"]).unwrap_or_default();
    facts.encoder = object.str("encoder").unwrap_or_default().chars().take(MAX_ENCODER).collect();
    facts.track_maps = track_maps(object);
    Ok(true)
}

/// Enhanced RTMP's metadata of further tracks, if it is of a sane size.
fn track_maps(object: &Object) -> Vec<(String, Value)> {
    let mut size = 0;
    let maps = ["videoTrackIdInfoMap", "audioTrackIdInfoMap"].iter().filter_map(|name| {
        let value =
            object.get(name).filter(|value| value.as_object().is_some() && !value.has_non_finite())?;
        let mut encoded = Vec::new();
        amf0::encode(&mut encoded, value);
        size += encoded.len();
        (size <= MAX_TRACK_MAPS).then(|| ((*name).to_owned(), value.clone()))
    });
    maps.collect()
}

/// Acts on `@clearDataFrame`: what the publisher had said of itself is no longer so.
fn clear_metadata(stream: &mut Stream, frame: &Frame) -> bool {
    let values = amf0::decode(frame.amf0()).unwrap_or_default();
    if values.get(1).and_then(Value::as_str) != Some("onMetaData") {
        return false;
    }
    stream.headers.set_metadata(None);
    let facts = &mut stream.facts;
    (facts.video_rate, facts.audio_rate) = (0.0, 0.0);
    facts.encoder.clear();
    facts.track_maps.clear();
    true
}

/// The most pictures a second, and the longest side of a picture, that are believed.
const MAX_FRAME_RATE: f64 = 1000.0;
const MAX_SIDE: f64 = 65_535.0;
/// Characters kept of an encoder's name.
const MAX_ENCODER: usize = 128;
/// Bytes kept of what is said of further tracks.
const MAX_TRACK_MAPS: usize = 8 * 1024;

/// `onMetaData` as players get it.
fn rebuilt(facts: &StreamFacts, timestamp: u64) -> Frame {
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
    add("videocodecid", facts.video_codec.metadata_id().into());
    add("level", f64::from(facts.video_level));
    add("audiodatarate", facts.audio_rate);
    add("audiosamplerate", f64::from(facts.sample_rate));
    add("audiochannels", f64::from(facts.channels));
    add("audiocodecid", facts.audio_codec.metadata_id().into());
    if facts.channels > 0 {
        object.0.push(("stereo".to_owned(), Value::Boolean(facts.channels > 1)));
    }
    for (name, text) in [("profile", facts.video_profile), ("encoder", facts.encoder.as_str())] {
        if !text.is_empty() {
            object.0.push((name.to_owned(), Value::from(text)));
        }
    }
    object.0.extend(facts.track_maps.iter().cloned());
    let payload = amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(object)]);
    Frame::from_payload(Kind::Data, timestamp, &payload)
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

fn hevc_profile(profile: u8) -> &'static str {
    match profile {
        1 => "Main",
        2 => "Main 10",
        3 => "Main Still Picture",
        4 => "Range Extensions",
        5 => "High Throughput",
        9 => "Screen Content",
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
        let facts = StreamFacts {
            width: 640,
            height: 360,
            audio_codec: Codec::Aac,
            channels: 2,
            ..Default::default()
        };
        let frame = rebuilt(&facts, 7);
        assert!(frame.is_metadata());
        let values = amf0::decode(frame.payload()).unwrap();
        let object = values[1].as_object().unwrap();
        assert_eq!(object.number("width"), Some(640.0));
        assert_eq!(object.number("audiocodecid"), Some(10.0));
        assert_eq!(object.get("videocodecid"), None);
        assert_eq!(object.get("stereo"), Some(&Value::Boolean(true)));
    }

    #[test]
    fn metadata_of_further_tracks_is_kept_if_it_is_not_too_large() {
        let map = |length: usize| Value::Object(Object::default().with("1", "x".repeat(length).as_str()));
        let mut object = Object::default().with("width", 640.0);
        object.0.push(("videoTrackIdInfoMap".into(), map(10)));
        object.0.push(("audioTrackIdInfoMap".into(), map(MAX_TRACK_MAPS)));
        let names: Vec<_> = track_maps(&object).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["videoTrackIdInfoMap"]);
    }
}
