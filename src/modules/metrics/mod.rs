//! Numbers for monitoring: metrics for Prometheus, whether the server lives and is ready, and nginx's `stub_status`.
//!
//! All three are off unless a location has them, as they tell whoever may open it what the server does. What they show is
//! counted elsewhere. Metrics and `stub_status` are composed once for all who ask at the same time.

mod relay;
mod scrape;
mod server;
mod stream;
mod stub_status;
mod text;

use std::any::Any;

use crate::conf::value::Custom;
use crate::conf::{self, Acts, Context, Directive, Repeat, Takes};
use crate::engine::{
    Answer, ByLocation, Compose, Config, Ctx, HttpReply, HttpRequest, Location, LocationId, Module, Probe,
    SharedAnswer, SharedKey,
};
use crate::http::Method;

use scrape::Scrape;
use stub_status::StubStatus;

const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "metrics",
        contexts: &[Context::Location],
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Answers with metrics of the server and of its streams in the text format of Prometheus. Of each \
              kind there is a value for the first 500 live streams by name.",
    },
    Directive {
        name: "health",
        contexts: &[Context::Location],
        takes: Takes::OneOf(&["live", "ready", "off"]),
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Answers with 200 and \"ok\" as long as the server runs (live), or as long as it takes new clients \
              (ready); ready is answered with 503 while the server drains or stops.",
    },
    Directive {
        name: "stub_status",
        contexts: &[Context::HttpServer, Context::Location],
        takes: Takes::Custom { syntax: "[on|off]", parse: |args| Custom::of(parse_stub_status(args)) },
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Answers with the numbers of connections and requests, as nginx does. In a server it is for paths \
              of no location.",
    },
];

/// nginx takes any argument, or none.
fn parse_stub_status(args: &[String]) -> Result<bool, String> {
    match args {
        [] => Ok(true),
        [word] if word == "on" => Ok(true),
        [word] if word == "off" => Ok(false),
        _ => Err("on, off or nothing".to_owned()),
    }
}

#[derive(Debug, Default)]
pub struct Metrics {
    locations: ByLocation<Option<Kind>>,
}

/// What a location answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Metrics,
    Live,
    Ready,
    StubStatus,
}

impl Module for Metrics {
    fn name(&self) -> &'static str {
        "metrics"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let mut faults = conf::Faults::default();
        let mut read = |location: &Location<'_>| faults.keep_or_default(Kind::read(location));
        self.locations = config.locations.iter().map(|location| (location.id, read(location))).collect();
        faults.into_result(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, next: Box<dyn Any>) {
        if let Ok(next) = next.downcast::<Self>() {
            self.locations.adopt(next.locations);
        }
    }

    fn release_locations(&mut self, _cx: &mut Ctx, first: LocationId) {
        self.locations.release(first);
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        probe.warn_of_readers(config, "metrics", "the names of all streams");
    }

    fn on_http(&mut self, cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        let kind = (*self.locations.get(request.location)?)?;
        if !matches!(request.head.method, Method::Get | Method::Head) {
            return Some(Answer::Reply(HttpReply::error(405).with("Allow", "GET, HEAD")));
        }
        let share = |composer: Box<dyn Compose>| {
            let key = SharedKey { module: "metrics", location: request.location, what: String::new() };
            Answer::Shared(SharedAnswer { key, composer })
        };
        Some(match kind {
            Kind::Metrics => share(Box::<Scrape>::default()),
            Kind::StubStatus => share(Box::<StubStatus>::default()),
            Kind::Live => Answer::Reply(plain(200, "ok\n")),
            Kind::Ready if cx.is_draining() => Answer::Reply(plain(503, "draining\n")),
            Kind::Ready => Answer::Reply(plain(200, "ok\n")),
        })
    }
}

fn plain(status: u16, text: &str) -> HttpReply {
    HttpReply::made(status, "text/plain; charset=utf-8", "no-store", text)
}

impl Kind {
    fn read(location: &Location<'_>) -> Result<Option<Self>, conf::Error> {
        let scope = &location.scope;
        let health = match scope.text("health").as_str() {
            "live" => Some(("health", Self::Live)),
            "ready" => Some(("health", Self::Ready)),
            _ => None,
        };
        // What a server says is not for its locations.
        let stub_status = scope.own("stub_status").next().is_some_and(conf::Node::custom::<bool>);
        let all = [
            scope.flag("metrics").then_some(("metrics", Self::Metrics)),
            health,
            stub_status.then_some(("stub_status", Self::StubStatus)),
        ];
        let mut found = all.into_iter().flatten();
        let Some((first, kind)) = found.next() else { return Ok(None) };
        match found.next() {
            Some((other, _)) => {
                let node = scope.find(other).unwrap_or(scope.node());
                Err(conf::Error::at(node, format!("this location answers with {first} already")))
            }
            None => Ok(Some(kind)),
        }
    }
}
