//! HTTP-FLV and WebSocket-FLV (`flv_live`): which request is for which live stream, in which form that is sent, and which web
//! pages may have it.
//!
//! The engine asks the gates and sends the answer (`engine/http/playing`); the live module decides about frames. A stream
//! that is live goes before a file of its path. If there is neither, a player waits for the stream.

mod address;
mod advice;
mod directives;
mod handshake;
mod origin;

use std::any::Any;

use crate::conf::{self, Directive};
use crate::engine::{
    Answer, Body, ByLocation, Compat, Config, Ctx, FlvForm, FlvTimes, HttpPlay, HttpReply, HttpRequest,
    Location, LocationId, Module, Probe, Route,
};
use crate::http::{Method, ResponseHead};

use address::{Address, Apps, StreamAddress};
use origin::Origins;

/// The methods of a live stream.
const ALLOWED: &str = "GET, HEAD, OPTIONS";

/// How long a browser may remember the answer to its preflight request, in seconds.
const PREFLIGHT_SECONDS: &str = "86400";

/// The most bytes of the fields that a page asks to send, which its browser is told that it may.
const MAX_FIELDS_ASKED: usize = 1024;

#[derive(Debug, Default)]
pub struct FlvLive {
    /// None where it is off.
    locations: ByLocation<Option<Settings>>,
    apps: Apps,
}

#[derive(Debug, PartialEq, Eq)]
struct Settings {
    compat: Compat,
    times: FlvTimes,
    origins: Origins,
}

impl Module for FlvLive {
    fn name(&self) -> &'static str {
        "flv_live"
    }

    fn directives(&self) -> &'static [Directive] {
        directives::DIRECTIVES
    }

    fn declare(&self, config: &mut Config<'_>) {
        for location in &mut config.locations {
            location.sends_flv = location.scope.flag("flv_live");
            if let (true, Origins::These(_)) = (location.sends_flv, location.scope.custom("flv_origin")) {
                location.flv_origins = location.scope.words("flv_origin");
            }
        }
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        self.locations =
            config.locations.iter().map(|location| (location.id, Settings::read(location))).collect();
        self.apps = Apps::read(config);
        Ok(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.locations.adopt(next.locations);
        self.apps = next.apps;
    }

    fn release_locations(&mut self, _cx: &mut Ctx, first: LocationId) {
        self.locations.release(first);
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        advice::probe(config, probe);
    }

    fn on_http_location(&mut self, cx: &mut Ctx, request: &mut HttpRequest) -> Route {
        let is_for_stream = match self.meant(request) {
            Some((_, Address::Stream(address))) => address.is_first(cx, request),
            _ => false,
        };
        request.is_for_stream = is_for_stream;
        Route::Continue
    }

    fn on_http(&mut self, cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        let (settings, Address::Stream(address)) = self.meant(request)? else { return None };
        let is_first = address.is_first(cx, request);
        match request.head.method {
            Method::Get | Method::Head if address.is_of_file && !is_first => return None,
            Method::Get | Method::Head => {}
            Method::Options => return Some(Answer::Verbatim(settings.preflight(request))),
            Method::Other(_) => {
                let reply = HttpReply::error(405).with("Allow", ALLOWED);
                return Some(Answer::Reply(settings.told(request, reply)));
            }
        }
        if !settings.origins.admit(request) {
            return Some(Answer::Verbatim(settings.refuse_page(request)));
        }
        let websocket = match handshake::answer(&request.head) {
            Some(Err(fault)) => {
                log::info!("{} {}: {}", request.session, fault.status, fault.why);
                let reply = text(fault.status, fault.why).with("Sec-WebSocket-Version", "13");
                return Some(Answer::Verbatim(reply));
            }
            Some(Ok(head)) => Some(head),
            None => None,
        };
        // Else there may be a file.
        is_first.then(|| settings.send(request, &address, address.name_of_live(cx), websocket))
    }

    fn on_http_error(&mut self, cx: &mut Ctx, request: &HttpRequest, status: u16) -> Route {
        // Before the location has let a client pass, 404 is what it says to one that may not.
        if status != 404 || !request.is_admitted {
            return Route::Continue;
        }
        let Some((settings, address)) = self.meant(request) else { return Route::Continue };
        if !matches!(request.head.method, Method::Get | Method::Head) || !settings.origins.admit(request) {
            return Route::Continue;
        }
        match address {
            Address::NoStream(why) => Route::Verbatim(settings.told(request, none_there(&why))),
            Address::Stream(address) if request.head.method == Method::Get => {
                settings.send(request, &address, address.name_of_live(cx), None).into()
            }
            Address::Stream(address) => {
                if address.app.is_guarded || cx.may_wait(address.app.id, &address.name) {
                    return settings.send(request, &address, None, None).into();
                }
                Route::Verbatim(settings.told(request, none_there("nobody publishes this stream")))
            }
        }
    }
}

impl FlvLive {
    /// What a request means, and the settings of its location; none where it is off, and if something else is meant.
    fn meant<'a>(&'a self, request: &'a HttpRequest) -> Option<(&'a Settings, Address<'a>)> {
        let settings = self.locations.get(request.location)?.as_ref()?;
        Some((settings, self.apps.address(request)?))
    }
}

impl StreamAddress<'_> {
    /// The name that is meant of those that are live.
    fn name_of_live(&self, cx: &Ctx) -> Option<&str> {
        let mut names = self.first_name.iter().chain([&self.name]);
        names.find(|name| cx.is_live(self.app.id, name)).map(String::as_str)
    }

    /// Whether the stream goes before the files of its location: it is live, or no file could be the answer.
    fn is_first(&self, cx: &Ctx, request: &HttpRequest) -> bool {
        let may_tell = match request.head.method {
            Method::Get => true,
            Method::Head => !self.app.is_guarded,
            Method::Options | Method::Other(_) => return true,
        };
        let is_live = || may_tell && !self.is_of_file && self.name_of_live(cx).is_some();
        handshake::is_meant(&request.head) || is_live()
    }
}

impl Settings {
    fn read(location: &Location<'_>) -> Option<Self> {
        let scope = &location.scope;
        scope.flag("flv_live").then(|| Self {
            compat: if scope.text("flv_compat") == "raw" { Compat::Raw } else { Compat::Browser },
            times: match scope.text("flv_timestamps").as_str() {
                "player" => FlvTimes::Player,
                "raw" => FlvTimes::Raw,
                _ => FlvTimes::Stream,
            },
            origins: scope.custom("flv_origin"),
        })
    }

    /// The answer with a stream, or its head for a HEAD; `websocket` is the head that accepts one.
    fn send(
        &self,
        request: &HttpRequest,
        address: &StreamAddress<'_>,
        name: Option<&str>,
        websocket: Option<ResponseHead>,
    ) -> Answer {
        let is_websocket = websocket.is_some();
        let head = websocket.unwrap_or_else(|| {
            let head = ResponseHead::new(200)
                .with("Content-Type", "video/x-flv")
                .with("Cache-Control", "no-store")
                // nginx would collect what it is sent.
                .with("X-Accel-Buffering", "no")
                .with("X-Content-Type-Options", "nosniff");
            self.origins.tell(request, head)
        });
        if request.head.method == Method::Head {
            return Answer::Reply(HttpReply { head, body: Body::Live });
        }
        Answer::Play(Box::new(HttpPlay {
            app: address.app.id,
            name: name.unwrap_or(&address.name).to_owned(),
            args: address.args.clone(),
            form: FlvForm { compat: self.compat, times: self.times, tracks: address.tracks },
            is_websocket,
            head,
        }))
    }

    /// The answer to a preflight request, by which a browser asks before it sends more than a plain GET.
    fn preflight(&self, request: &HttpRequest) -> HttpReply {
        if !self.origins.admit(request) {
            return self.refuse_page(request);
        }
        let asked = request.head.headers.get("access-control-request-headers").unwrap_or_default();
        let mut head = ResponseHead::new(204)
            .with("Allow", ALLOWED)
            .with_default("Access-Control-Allow-Methods", ALLOWED)
            .with_default("Access-Control-Max-Age", PREFLIGHT_SECONDS);
        if !asked.is_empty() && asked.len() <= MAX_FIELDS_ASKED {
            head = head.with_default("Access-Control-Allow-Headers", asked);
        }
        self.told(request, HttpReply { head, body: Body::Empty })
    }

    /// The answer to a page that may not play.
    fn refuse_page(&self, request: &HttpRequest) -> HttpReply {
        let origin = request.head.headers.get("origin").unwrap_or_default();
        let shown: String = origin.chars().take(MAX_ORIGIN_SHOWN).flat_map(char::escape_debug).collect();
        log::info!("{} 403: flv_origin does not name the page's origin, {shown}", request.session);
        self.told(request, text(403, "pages of this origin may not play here"))
    }

    /// A reply of which the browser tells the page what there is to know.
    fn told(&self, request: &HttpRequest, mut reply: HttpReply) -> HttpReply {
        reply.head = self.origins.tell(request, reply.head);
        reply
    }
}

/// The most characters of an origin that the log shows.
const MAX_ORIGIN_SHOWN: usize = 200;

/// There is no such stream, and why, which the log says as well.
fn none_there(why: &str) -> HttpReply {
    let mut reply = text(404, why);
    reply.head.why = Some(why.into());
    reply
}

/// A refusal with its reason.
fn text(status: u16, why: &str) -> HttpReply {
    HttpReply::made(status, "text/plain; charset=utf-8", "no-store", format!("{why}\n"))
}
