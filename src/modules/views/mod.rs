//! Read-only views of what is live, in the JSON of other servers, for tools that are made for those.
//!
//! Each file has one server's answers, with what such tools read of them. What they do not know of is in
//! nginx-rtmp's statistics and in the server's own API. Nothing can be changed here.

mod listing;
mod mediamtx;
mod node_media_server;
mod srs;

use std::any::Any;
use std::rc::Rc;

use crate::conf::{self, Acts, Context, Directive, Repeat, Takes};
use crate::engine::{
    Answer, ByLocation, Config, Ctx, HttpReply, HttpRequest, Location, LocationId, Module, Probe,
    SharedAnswer, SharedKey,
};
use crate::http::Method;

use listing::{Listing, Question};

const DIRECTIVES: &[Directive] = &[Directive {
    name: "api_views",
    contexts: &[Context::Location],
    takes: Takes::AnyOf(&["srs", "mediamtx", "node-media-server"]),
    default: "",
    repeat: Repeat::Once,
    acts: Acts::AtOnce,
    doc: "Answers as other servers do, for tools that are made for them, and only to be read: srs at \
          `/api/v1/versions`, `summaries`, `streams` and `clients`, mediamtx at `/v3/paths/list` and \
          `/v3/paths/get/APP/NAME`, node-media-server at `/api/streams` and `/api/streams/APP/NAME`. The paths are \
          those of the request, or what is below the location.",
}];

#[derive(Debug, Default)]
pub struct Views(ByLocation<Option<Settings>>);

/// The views of a location.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    /// The location's path, without a slash at its end.
    base: String,
    servers: Rc<[Server]>,
}

/// A server whose answers are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    Srs,
    MediaMtx,
    NodeMedia,
}

impl Module for Views {
    fn name(&self) -> &'static str {
        "views"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let read = |location: &Location<'_>| (location.id, Settings::read(location));
        self.0 = config.locations.iter().map(read).collect();
        Ok(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.0.adopt(next.0);
    }

    fn release_locations(&mut self, _cx: &mut Ctx, first: LocationId) {
        self.0.release(first);
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        probe.warn_of_readers(
            config,
            "api_views",
            "the names of all streams and the addresses of all clients",
        );
    }

    fn on_http(&mut self, cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        let settings = self.0.get(request.location)?.as_ref()?;
        let path = &request.head.path;
        let below = path.strip_prefix(&settings.base).filter(|below| below.starts_with('/'));
        let ask = |path: &str| settings.servers.iter().find_map(|server| server.question(path, cx));
        let question = ask(path).or_else(|| below.and_then(ask))?;
        if !matches!(request.head.method, Method::Get | Method::Head) {
            return Some(Answer::Reply(HttpReply::error(405).with("Allow", "GET, HEAD")));
        }
        Some(match question {
            Question::Reply(reply) => Answer::Reply(reply),
            Question::List(view, only) => {
                let composer = Box::new(Listing::new(view, only));
                let key = SharedKey { module: "views", location: request.location, what: path.clone() };
                Answer::Shared(SharedAnswer { key, composer })
            }
        })
    }
}

impl Server {
    /// What is asked for at a path of this server, if it is anything.
    fn question(self, path: &str, cx: &Ctx) -> Option<Question> {
        match self {
            Self::Srs => srs::question(path, cx),
            Self::MediaMtx => mediamtx::question(path),
            Self::NodeMedia => node_media_server::question(path),
        }
    }
}

impl Settings {
    fn read(location: &Location<'_>) -> Option<Self> {
        let node = location.scope.own("api_views").next()?;
        let server = |word: &String| match word.as_str() {
            "srs" => Server::Srs,
            "mediamtx" => Server::MediaMtx,
            _ => Server::NodeMedia,
        };
        let base = location.path.trim_end_matches('/').to_owned();
        Some(Self { base, servers: node.args.iter().map(server).collect() })
    }
}
