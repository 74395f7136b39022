//! nginx-rtmp's statistics: `rtmp_stat`, for the tools that read those of nginx.
//!
//! A document in XML, or in JSON as nginx-http-flv-module has it; and the stylesheet with which a browser shows it, built
//! in for configurations whose file is not there. Numbers are those of the engine; nothing is counted here.

mod document;
mod facts;
mod json;
mod recorders;
mod relay;
mod settings;
mod stylesheet;
mod xml;

use std::any::Any;
use std::rc::Rc;

use crate::conf::{self, Acts, Context, Directive, Repeat, Takes};
use crate::engine::{
    Answer, ByApp, ByLocation, Config, Ctx, HttpRequest, Location, LocationId, Module, Probe, Route,
    SharedAnswer, SharedKey,
};
use crate::http::Method;

use document::Document;
use settings::{App, Settings, WORDS};

const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "rtmp_stat",
        contexts: &[Context::HttpServer, Context::Location],
        takes: Takes::AnyOf(WORDS),
        default: "",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Answers with statistics in the XML of nginx-rtmp: live lists the streams, clients the clients of each \
              stream, record (in JSON) its recordings, and all means everything. The totals of the server are \
              always there. The tools for nginx-rtmp read it. In a server it answers where no location does.",
    },
    Directive {
        name: "rtmp_stat_stylesheet",
        contexts: Context::LOCATIONS,
        takes: Takes::Text,
        default: "",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The URL of the stylesheet with which a browser shows the XML of rtmp_stat: XSLT, or CSS if the URL \
              ends with `.css`. If there is no file at that URL, the server has a stylesheet of its own.",
    },
    Directive {
        name: "rtmp_stat_format",
        contexts: Context::LOCATIONS,
        takes: Takes::OneOf(&["xml", "json"]),
        default: "xml",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The format of rtmp_stat: the XML of nginx-rtmp, or the JSON of nginx-http-flv-module.",
    },
];

#[derive(Debug, Default)]
pub struct Stat {
    apps: Rc<ByApp<App>>,
    /// None where there are no statistics.
    locations: ByLocation<Option<Rc<Settings>>>,
    /// The paths at which the stylesheet is looked for, of the server that each location is in.
    stylesheets: ByLocation<Rc<[String]>>,
}

impl Module for Stat {
    fn name(&self) -> &'static str {
        "stat"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        self.apps = Rc::new(config.applications.iter().map(|app| (app.id, App::new(app))).collect());
        let read = |location: &Location<'_>| (location.id, Settings::read(location).map(Rc::new));
        self.locations = config.locations.iter().map(read).collect();
        self.stylesheets = stylesheet::paths(&config.locations, &self.locations);
        Ok(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.apps = next.apps;
        self.locations.adopt(next.locations);
        self.stylesheets.adopt(next.stylesheets);
    }

    fn release_locations(&mut self, _cx: &mut Ctx, first: LocationId) {
        self.locations.release(first);
        self.stylesheets.release(first);
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        probe.warn_of_readers(
            config,
            "rtmp_stat",
            "the names of all streams and the addresses of all clients",
        );
    }

    fn on_http(&mut self, _cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        let settings = self.locations.get(request.location)?.as_ref()?;
        if self.wants_stylesheet(request) {
            return Some(Answer::Reply(stylesheet::reply(&request.head.path)));
        }
        let composer = Box::new(Document::new(Rc::clone(settings), Rc::clone(&self.apps)));
        let key = SharedKey { module: "stat", location: request.location, what: String::new() };
        Some(Answer::Shared(SharedAnswer { key, composer }))
    }

    fn on_http_error(&mut self, _cx: &mut Ctx, request: &HttpRequest, status: u16) -> Route {
        if status == 404 && self.wants_stylesheet(request) {
            return Route::Verbatim(stylesheet::reply(&request.head.path));
        }
        Route::Continue
    }
}

impl Stat {
    /// Whether a request is for the stylesheet of the statistics of its server.
    fn wants_stylesheet(&self, request: &HttpRequest) -> bool {
        let paths = self.stylesheets.get(request.location);
        matches!(request.method, Method::Get | Method::Head)
            && paths.is_some_and(|paths| paths.contains(&request.head.path))
    }
}
