//! Limits of what a publisher may send: its bitrate, its duration, the size of its picture, its codecs.
//!
//! A publisher beyond a limit is told so and ended, and its stream with it. The frame that shows it reaches neither
//! players nor files. The size of a picture is that in the decoder configuration, not in the metadata.

mod meter;
mod past_meters;
mod picture;
mod settings;

use std::any::Any;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::conf::value::Custom;
use crate::conf::{self, Acts, Context, Directive, Repeat, Takes};
use crate::engine::{
    AppId, ByApp, Config, Ctx, Gate, Module, Refusal, Request, RequestKind, StreamId, StreamName, TimerId,
    Verdict,
};
use crate::media::Frame;

use meter::BitrateMeter;
use past_meters::PastMeters;
use settings::{PublisherLimits, parse_bitrate, parse_codecs, parse_resolution};

/// The module's name, for its timers.
const NAME: &str = "limits";

const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "publish_max_bitrate",
        contexts: Context::APPLICATIONS,
        takes: Takes::Custom { syntax: "bitrate|off", parse: |args| Custom::of(parse_bitrate(args)) },
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The highest bit rate of a publisher, audio and video together, written as in encoders: 2500k is \
              2 500 000 bits per second. The average over ten seconds of media is compared.",
    },
    Directive {
        name: "publish_max_duration",
        contexts: Context::APPLICATIONS,
        takes: Takes::TimeOrOff,
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "How long a client may publish at a time. It may publish again afterwards.",
    },
    Directive {
        name: "publish_max_resolution",
        contexts: Context::APPLICATIONS,
        takes: Takes::Custom { syntax: "WIDTHxHEIGHT|off", parse: |args| Custom::of(parse_resolution(args)) },
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The largest video size that may be published, in either orientation: 1920x1080 allows 1080x1920, \
              too. The size is read from the codec headers of H.264, H.265, AV1, VP8 and VP9; codecs whose \
              size cannot be read are refused.",
    },
    Directive {
        name: "publish_codecs",
        contexts: Context::APPLICATIONS,
        takes: Takes::Custom { syntax: "all|codec ...", parse: |args| Custom::of(parse_codecs(args)) },
        default: "all",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The codecs that may be published. Video: h264, h265 (or hevc), vvc, av1, vp8, vp9, h263, screen, vp6. \
              Audio: aac, mp3, opus, flac, ac3, eac3, speex, nellymoser, g711, adpcm, pcm.",
    },
];

/// The shortest time between two checks of the length of publishes.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct PublishLimits {
    apps: ByApp<PublisherLimits>,
    /// Of streams whose bitrate is limited.
    meters: HashMap<StreamId, BitrateMeter>,
    /// Of streams that have ended: publishing again is no way to a new window.
    past: PastMeters,
    /// The timer for the next check of the length of publishes, and when it expires.
    check: Option<(Instant, TimerId)>,
}

impl Module for PublishLimits {
    fn name(&self) -> &'static str {
        NAME
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let apps = config.applications.iter();
        self.apps = apps.map(|app| (app.id, PublisherLimits::new(&app.scope))).collect();
        Ok(())
    }

    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.apps.adopt(next.apps);
        let apps = &self.apps;
        self.meters.retain(|id, _| {
            let limits = cx.streams.get(*id).and_then(|stream| apps.get(stream.app));
            limits.is_some_and(|limits| limits.bitrate.is_some())
        });
        self.check_no_later_than(cx, cx.now.instant);
    }

    fn release_app(&mut self, _cx: &mut Ctx, app: AppId) {
        self.apps.release(app);
        self.past.forget(app);
    }

    fn on_stream_start(&mut self, cx: &mut Ctx, id: StreamId) {
        let Some(stream) = cx.streams.get(id) else { return };
        let limit = self.apps.get(stream.app).and_then(|limits| limits.duration.as_ref());
        if let Some(limit) = limit {
            self.check_no_later_than(cx, cx.now.instant + limit.value);
        }
    }

    fn gate(&mut self, cx: &mut Ctx, request: &mut Request, gate: Gate) -> Verdict {
        let limit = self.apps.get(request.app).and_then(|limits| limits.bitrate.as_ref());
        let (Some(limit), RequestKind::Publish { .. }, Gate::Service) = (limit, &request.kind, gate) else {
            return Verdict::Continue;
        };
        let Ok(name) = StreamName::new(&request.name) else { return Verdict::Continue };
        let now = cx.now.instant;
        match self.past.get(request.app, &name, now).filter(|meter| meter.is_over(limit.value)) {
            Some(meter) => {
                let seconds = meter.left(now).unwrap_or_default().as_secs_f32().ceil();
                let why = format!(
                    "it has sent more than {} bits a second (publish_max_bitrate), come again in {seconds} s",
                    limit.text
                );
                Verdict::Deny(Refusal::of_request(why))
            }
            None => Verdict::Continue,
        }
    }

    fn on_stream_end(&mut self, cx: &mut Ctx, id: StreamId) {
        if let (Some(meter), Some(stream)) = (self.meters.remove(&id), cx.streams.get(id)) {
            self.past.remember(stream.app, stream.name.clone(), meter, cx.now.instant);
        }
    }

    fn on_frame(&mut self, cx: &mut Ctx, id: StreamId, frame: &Rc<Frame>) {
        let Some(stream) = cx.streams.get(id) else { return };
        let (Some(limits), Some(publisher)) = (self.apps.get(stream.app), stream.publisher) else { return };
        let mut checked = limits.check(stream, frame);
        if let Some(limit) = &limits.bitrate {
            let now = cx.now.instant;
            let past = &self.past;
            let meter = self.meters.entry(id).or_insert_with(|| {
                let earlier = past.get(stream.app, &stream.name, now);
                earlier.map_or_else(
                    || BitrateMeter::new(publisher, frame, now),
                    |meter| meter.inherit(publisher, frame),
                )
            });
            if meter.publisher != publisher {
                *meter = meter.inherit(publisher, frame);
            }
            if meter.exceeds(limit.value, frame, now) {
                checked = Err(format!("more than {} bits a second (publish_max_bitrate)", limit.text));
            }
        }
        if let Err(why) = checked {
            cx.dismiss(id, &why);
        }
    }

    fn on_timer(&mut self, cx: &mut Ctx, _token: u64) {
        let now = cx.now.instant;
        self.check = None;
        let (mut over, mut next) = (Vec::new(), None);
        for stream in cx.streams.iter().filter(|stream| stream.is_live()) {
            let Some(limit) = self.apps.get(stream.app).and_then(|limits| limits.duration.as_ref()) else {
                continue;
            };
            // One that waits for a publisher may get another at any time.
            let since = stream.publisher_since.filter(|_| stream.publisher.is_some()).unwrap_or(now);
            let end = since + limit.value;
            if end <= now {
                over.push((stream.id, format!("longer than {} (publish_max_duration)", limit.text)));
            } else {
                next = Some(next.map_or(end, |next: Instant| next.min(end)));
            }
        }
        over.iter().for_each(|(stream, why)| cx.dismiss(*stream, why));
        if let Some(next) = next {
            self.check_no_later_than(cx, next.max(now + SHORTEST_WAIT));
        }
    }
}

impl PublishLimits {
    /// Sets the timer that checks the length of publishes, if it would expire later.
    fn check_no_later_than(&mut self, cx: &mut Ctx, at: Instant) {
        if self.check.is_some_and(|(earlier, _)| earlier <= at) {
            return;
        }
        let timer = cx.set_module_timer(NAME, at, 0);
        if let Some((_, later)) = self.check.replace((at, timer)) {
            cx.cancel_timer(later);
        }
    }
}

#[cfg(test)]
mod tests;
