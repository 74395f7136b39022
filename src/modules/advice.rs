//! Warnings of streams, for those who publish or watch: key frames too far apart, codecs that HLS leaves out, HLS
//! without a URL.
//!
//! They stand among the stream's warnings, for the page. Those that no other line has are in the log, too, once for
//! each publisher. The module has no directives; it goes by those of HLS and of the GOP cache.

use std::any::Any;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::conf::{self, Directive};
use crate::engine::{
    AppId, Application, ByApp, Config, Ctx, KeyFrames, Module, Served, Stream, StreamId, Warning,
};
use crate::media::flv::Codec;
use crate::media::{Frame, Kind, Role, ts};

/// The key frame interval that encoders are advised to have; fragments that are shorter want a shorter one.
const ADVISED: Duration = Duration::from_secs(2);
/// The factor by which key frames may be further apart than `hls_fragment`: encoders are not exact.
const TOLERANCE: f64 = 1.25;
/// The longest key frame interval where there is no HLS. With x264's default of 250 pictures it is 10.4 s at 24
/// pictures a second.
const LONG_WITHOUT_HLS: Duration = Duration::from_secs(12);
/// A key frame is missed after this time, if not later.
const MISSED: Duration = Duration::from_secs(20);
/// The fragments by which most players of HLS are behind.
const FRAGMENTS_BEHIND: u32 = 3;

#[derive(Debug, Default)]
pub struct Advice {
    apps: ByApp<App>,
    streams: HashMap<StreamId, PublisherState>,
}

/// The features of an application that the warnings depend on.
#[derive(Debug)]
struct App {
    hls: Option<HlsFacts>,
    /// With it players join with the last key frame, unless the group behind that has grown too long to be kept.
    gop_cache: bool,
}

#[derive(Debug)]
struct HlsFacts {
    path: String,
    fragment: Duration,
    served: Served,
}

/// The state of a publisher.
#[derive(Debug, Default)]
struct PublisherState {
    publisher_since: Option<Instant>,
    video: Codec,
    audio: Codec,
    /// A key frame is overdue.
    misses_key_frame: bool,
    /// The log has a line on its key frames.
    is_logged: bool,
}

impl Module for Advice {
    fn name(&self) -> &'static str {
        "advice"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        self.apps = config.applications.iter().map(|app| (app.id, App::of(config, app))).collect();
        Ok(())
    }

    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.apps.adopt(next.apps);
        for stream in cx.streams.iter_mut().filter(|stream| stream.is_live()) {
            self.judge_url(stream);
        }
    }

    fn release_app(&mut self, _cx: &mut Ctx, app: AppId) {
        self.apps.release(app);
    }

    fn on_stream_start(&mut self, cx: &mut Ctx, id: StreamId) {
        if let Some(stream) = cx.streams.get_mut(id) {
            self.judge_url(stream);
        }
    }

    fn on_stream_end(&mut self, _cx: &mut Ctx, id: StreamId) {
        self.streams.remove(&id);
    }

    fn on_frame(&mut self, cx: &mut Ctx, id: StreamId, frame: &Rc<Frame>) {
        let Some(stream) = cx.streams.get_mut(id).filter(|_| !frame.kind.is_data()) else { return };
        // Nearly all frames tell nothing new.
        let is_news = frame.kind != Kind::Video || frame.role == Role::Header || frame.is_video_key();
        if !is_news && stream.key_frames.missing_for() < MISSED {
            return;
        }
        let Some(app) = self.apps.get(stream.app) else { return };
        let state = self.streams.entry(id).or_default();
        if state.publisher_since != stream.publisher_since {
            *state = PublisherState { publisher_since: stream.publisher_since, ..PublisherState::default() };
            for of_publisher in [Warning::HlsPicture, Warning::HlsSound, Warning::KeyFrames] {
                stream.warnings.set(of_publisher, None);
            }
        }
        state.judge_codecs(app, stream);
        if frame.kind == Kind::Video {
            state.judge_key_frames(app, stream, frame.is_video_key());
        }
    }
}

impl Advice {
    /// Warns of HLS that no location serves.
    fn judge_url(&self, stream: &mut Stream) {
        let hls = self.apps.get(stream.app).and_then(|app| app.hls.as_ref());
        let unserved = hls.filter(|hls| hls.served == Served::Nowhere);
        let text = unserved.map(|hls| format!("HLS has no URL: no location serves {}", hls.path));
        stream.warnings.set(Warning::HlsUnserved, text);
    }
}

impl App {
    fn of(config: &Config<'_>, application: &Application<'_>) -> Self {
        let features = &application.features;
        let hls = features.hls.as_ref().map(|hls| HlsFacts {
            path: hls.path.clone(),
            fragment: hls.fragment,
            served: Served::of(&config.sites, &hls.path, hls.layout),
        });
        Self { hls, gop_cache: features.gop_cache }
    }
}

impl PublisherState {
    /// Warns of codecs that HLS leaves out. The log has a line of HLS for it.
    fn judge_codecs(&mut self, app: &App, stream: &mut Stream) {
        let (video, audio) = (stream.facts.video_codec, stream.facts.audio_codec);
        if (video, audio) == (self.video, self.audio) || app.hls.is_none() {
            return;
        }
        (self.video, self.audio) = (video, audio);
        let left_out = |codec: Codec| codec != Codec::None && !ts::carries(codec);
        let picture = left_out(video).then(|| {
            let but = if ts::carries(audio) { ", only the sound" } else { "" };
            format!("HLS has no {}{but}: play over RTMP", name(video, Kind::Video))
        });
        let sound = left_out(audio).then(|| {
            let but = if ts::carries(video) { " and no sound" } else { "" };
            format!("HLS has no {}{but}: play over RTMP", name(audio, Kind::Audio))
        });
        stream.warnings.set(Warning::HlsPicture, picture);
        stream.warnings.set(Warning::HlsSound, sound);
    }

    /// Warns of key frames that are too far apart, at each of them and where one is missed.
    fn judge_key_frames(&mut self, app: &App, stream: &mut Stream, is_key: bool) {
        let hls = app.hls.as_ref().filter(|_| ts::carries(stream.facts.video_codec));
        let limit = hls.map_or(LONG_WITHOUT_HLS, |hls| hls.fragment.mul_f64(TOLERANCE));
        let frames = &stream.key_frames;
        let is_missed = frames.missing_for() >= MISSED.max(limit);
        if !is_key && is_missed == self.misses_key_frame {
            return;
        }
        self.misses_key_frame = is_missed;
        let what = if is_missed { Some(missed(app, hls, limit)) } else { far_apart(app, hls, frames, limit) };
        let advised = hls.map_or(ADVISED, |hls| hls.fragment.min(ADVISED));
        let advise = |what| format!("{what}; set the encoder's key frame interval to {} s", seconds(advised));
        let text = what.map(advise);
        if let (Some(text), false) = (&text, self.is_logged) {
            self.is_logged = true;
            let publisher = stream.publisher.map(|publisher| format!("{} ", publisher.session));
            log::warn!("{}{}: {text}", publisher.unwrap_or_default(), stream.label);
        }
        stream.warnings.set(Warning::KeyFrames, text);
    }
}

fn missed(app: &App, hls: Option<&HlsFacts>, limit: Duration) -> String {
    let what = format!("no key frame for more than {} s", seconds(MISSED.max(limit)));
    match hls {
        Some(_) => format!("{what}: HLS viewers are later than that"),
        None if app.gop_cache => format!("{what}: players that join are later than that, or wait for one"),
        None => format!("{what}: players that join wait for one"),
    }
}

fn far_apart(app: &App, hls: Option<&HlsFacts>, frames: &KeyFrames, limit: Duration) -> Option<String> {
    // Where each picture is a key frame, they come as seldom as the camera sends pictures.
    let interval = frames.interval().filter(|interval| *interval > limit && frames.has_other_pictures())?;
    let what = format!("key frames every {} s", seconds(interval));
    Some(match hls {
        Some(_) => {
            format!("{what}: HLS viewers are about {:.0} s late", (interval * FRAGMENTS_BEHIND).as_secs_f64())
        }
        None if app.gop_cache => format!("{what}: players that join are up to as late, or wait for the next"),
        None => format!("{what}: players that join wait for the next"),
    })
}

/// "2", "16.7".
fn seconds(time: Duration) -> String {
    let text = format!("{:.1}", time.as_secs_f64());
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// The name of a codec, or its number.
fn name(codec: Codec, kind: Kind) -> String {
    match (codec, codec.name(kind)) {
        (Codec::Unknown(four_cc), _) => format!("codec {}", four_cc.escape_ascii()),
        (Codec::Other(number), "unknown") => format!("FLV codec {number}"),
        (_, name) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_a_fraction_where_they_need_one() {
        for (time, text) in [(2000, "2"), (16_683, "16.7"), (500, "0.5"), (19_990, "20")] {
            assert_eq!(seconds(Duration::from_millis(time)), text);
        }
    }

    #[test]
    fn a_codec_without_a_name_has_its_number() {
        assert_eq!(name(Codec::Av1, Kind::Video), "AV1");
        assert_eq!(name(Codec::Other(7), Kind::Audio), "G711A");
        assert_eq!(name(Codec::Other(9), Kind::Video), "FLV codec 9");
        assert_eq!(name(Codec::Unknown(*b"abc\n"), Kind::Video), "codec abc\\n");
    }
}
