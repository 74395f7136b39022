//! A small page that shows what is live, plays it, and says how to publish.
//!
//! Below a location are the files of `web/`, and what their scripts ask for. All come from memory; nothing is fetched from
//! elsewhere. The page tells the names of all streams to whoever may open it, so it is off until a location turns it on.

mod assets;
mod json;
mod list;

use std::any::Any;
use std::rc::Rc;

use crate::conf::{self, Acts, Context, Directive, Repeat, Takes};
use crate::engine::{
    Answer, Application, ByApp, ByLocation, Config, Ctx, FlvSites, HttpReply, HttpRequest, Location,
    LocationId, Module, Playlists,
};
use crate::http::{Method, path};

use assets::Asset;
use json::App;
use list::{StreamList, Urls};

const DIRECTIVES: &[Directive] = &[Directive {
    name: "page",
    contexts: &[Context::Location],
    takes: Takes::Flag,
    default: "off",
    repeat: Repeat::Once,
    acts: Acts::AtOnce,
    doc: "Shows a web page at the location's path. It lists the live streams of all applications, plays \
              them, and shows how to publish. The same information for scripts is in `streams.json` below that \
              path.",
}];

#[derive(Debug, Default)]
pub struct Page {
    apps: Rc<ByApp<App>>,
    /// None where there is no page.
    pages: ByLocation<Option<Settings>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Settings {
    /// The page's path, ending with '/'.
    base: String,
    /// What this server has on the web.
    urls: Rc<ByApp<Urls>>,
}

impl Module for Page {
    fn name(&self) -> &'static str {
        "page"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        self.apps = Rc::new(config.applications.iter().map(|app| (app.id, read_app(app))).collect());
        let mut faults = conf::Faults::default();
        let mut read = |location: &Location<'_>| faults.keep_or_default(read_page(config, location));
        self.pages = config.locations.iter().map(|location| (location.id, read(location))).collect();
        faults.into_result(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.apps = next.apps;
        self.pages.adopt(next.pages);
    }

    fn release_locations(&mut self, _cx: &mut Ctx, first: LocationId) {
        self.pages.release(first);
    }

    fn on_http(&mut self, _cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        let settings = self.pages.get(request.location)?.as_ref()?;
        let asset = Asset::at(&settings.base, &request.head.path)?;
        if !matches!(request.head.method, Method::Get | Method::Head) {
            return Some(Answer::Reply(HttpReply::error(405).with("Allow", "GET, HEAD")));
        }
        Some(Answer::Reply(match asset {
            Asset::File(file) => file.reply(),
            Asset::Streams => {
                // Every viewer may see the page.
                let is_own = request.peer.ip().is_none_or(|ip| ip.is_loopback());
                let list = StreamList::new(Rc::clone(&self.apps), Rc::clone(&settings.urls), is_own);
                return Some(Answer::Later(Box::new(list)));
            }
            Asset::Redirect => HttpReply::error(301).with("Location", path::encode(&settings.base)),
        }))
    }
}

fn read_app(application: &Application<'_>) -> App {
    App {
        name: application.name.clone(),
        is_live: application.features.live,
        rtmp_port: application.ports.plain,
        rtmp_is_local: application.ports.is_plain_local,
        rtmps_port: application.ports.encrypted,
        has_hls: application.features.hls.is_some(),
    }
}

fn read_page(config: &Config<'_>, location: &Location<'_>) -> Result<Option<Settings>, conf::Error> {
    if !location.scope.flag("page") {
        return Ok(None);
    }
    if let (false, Some(node)) = (location.kind.is_prefix(), location.scope.find("page")) {
        return Err(conf::Error::at(
            node,
            "a page needs a location with the beginning of a path, for it has more than one file",
        ));
    }
    let playlists = |application: &Application<'_>| {
        let hls = application.features.hls.as_ref()?;
        Playlists::on_server(&config.sites, location.server, &hls.path, hls.layout)
    };
    let sites = FlvSites::new(config);
    let urls = |application: &Application<'_>| Urls {
        playlists: playlists(application),
        flv: sites.urls(config, location.server, application),
    };
    Ok(Some(Settings {
        base: format!("{}/", location.path.trim_end_matches('/')),
        urls: Rc::new(config.applications.iter().map(|app| (app.id, urls(app))).collect()),
    }))
}
