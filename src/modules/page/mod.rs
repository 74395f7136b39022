//! A small page that shows what is live, plays it, and says how to publish.
//!
//! Below a location are the files of `web/`, and what their scripts ask for. All come from memory; nothing is fetched from
//! elsewhere. Whoever opens it is told what may be played at once from there, so it is off until a location turns it on.

mod assets;
mod directives;
mod document;
mod embed;
mod numbers;
mod qr;
mod thumbnail;

use std::any::Any;
use std::rc::Rc;

use crate::auth::query;
use crate::auth::secret::Hasher;
use crate::conf::{self, Directive};
use crate::engine::{
    Answer, AppId, ByApp, ByLocation, Compose, Config, Ctx, Endpoint, Entrance, History, HttpReply,
    HttpRequest, Location, LocationId, LocationKind, Module, Notice, Probe, RelayEvent, RelayId,
    SharedAnswer, SharedKey, Sight, SightApi, Stream, StreamId, StreamName, StreamRank,
};
use crate::http::{Method, path};
use crate::media::Frame;

use assets::Asset;
use embed::{Embedded, Embedders};
use numbers::detail::Detail;
use numbers::events::Events;
use numbers::list::StreamList;
use numbers::live::{Live, Wanted};
use numbers::process::ProcessMeter;
use numbers::selection::{self, Rows};
use numbers::site::{App, Beside, Numbers, Urls, View};

#[derive(Debug, Default)]
pub struct Page {
    apps: Rc<ByApp<App>>,
    entrances: ByApp<Entrance>,
    /// None where there is no page.
    pages: ByLocation<Option<Settings>>,
    /// Whether there is any page.
    has_pages: bool,
    events: Events,
    process: ProcessMeter,
    /// They stay when the configuration changes.
    numbers: Numbers,
}

#[derive(Debug)]
struct Settings {
    /// The page's path, ending with '/'.
    base: String,
    /// What this server has on the web.
    urls: Rc<ByApp<Urls>>,
    beside: Rc<Beside>,
    /// The same for who may not ask the API.
    beside_without_api: Rc<Beside>,
    /// The API of this server.
    api: Option<SightApi>,
    /// The policy of the pages that others may show in a frame.
    embed_policy: String,
}

impl Module for Page {
    fn name(&self) -> &'static str {
        "page"
    }

    fn directives(&self) -> &'static [Directive] {
        directives::DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        self.apps = Rc::new(config.applications.iter().map(|app| (app.id, App::read(app))).collect());
        let mut faults = conf::Faults::default();
        let hasher = faults.keep(random_hasher(config));
        let mut read = |location: &Location<'_>| {
            faults.keep_or_default(read_page(config, location, (&self.apps, hasher.as_ref()?)))
        };
        self.pages = config.locations.iter().map(|location| (location.id, read(location))).collect();
        self.has_pages = self.pages.values().any(Option::is_some);
        self.numbers = hasher.map(Numbers::new).unwrap_or_default();
        self.entrances =
            config.applications.iter().map(|app| (app.id, Entrance::read(config, app))).collect();
        faults.into_result(())
    }

    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.apps = next.apps;
        self.entrances = next.entrances;
        self.pages.adopt(next.pages);
        self.has_pages = next.has_pages;
        cx.keeps_history = self.has_pages;
        if !self.has_pages {
            self.events = Events::default();
            cx.streams.iter_mut().for_each(|stream| {
                stream.key_frames.forget_last();
                stream.history = History::default();
            });
        }
    }

    fn on_stream_start(&mut self, cx: &mut Ctx, _stream: StreamId) {
        cx.keeps_history = self.has_pages;
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        for location in &config.locations {
            // Settings of a server are for all its locations.
            if location.scope.flag("page") || location.kind == LocationKind::Server {
                continue;
            }
            for node in location.scope.own("page_embed") {
                probe.warn(node, "\"page_embed\" has no effect in a location without \"page on\"");
            }
        }
    }

    fn release_locations(&mut self, _cx: &mut Ctx, first: LocationId) {
        self.pages.release(first);
    }

    fn on_publish_start(&mut self, cx: &mut Ctx, stream: StreamId, publisher: Endpoint) {
        if let Some(stream) = self.watched(cx, stream) {
            self.events.publisher_began(cx, stream, publisher);
        }
    }

    fn on_publish_end(&mut self, cx: &mut Ctx, stream: StreamId, publisher: Endpoint) {
        if let Some(stream) = self.watched(cx, stream) {
            self.events.publisher_ended(cx, stream, publisher);
        }
    }

    fn on_stream_end(&mut self, cx: &mut Ctx, stream: StreamId) {
        if let Some(stream) = self.watched(cx, stream) {
            self.events.stream_ended(cx, stream);
        }
    }

    fn on_frame(&mut self, cx: &mut Ctx, stream: StreamId, frame: &Rc<Frame>) {
        if self.has_pages {
            self.events.frame_came(cx, stream);
            thumbnail::keep(cx, stream, frame);
        }
    }

    fn on_notice(&mut self, cx: &mut Ctx, notice: &Notice) {
        match notice {
            Notice::Recorded(recording) => self.events.recorded(cx.now.instant, recording),
        }
    }

    fn on_relay(&mut self, cx: &mut Ctx, relay: RelayId, event: &RelayEvent) {
        self.events.relay(cx, relay, event);
    }

    fn on_http(&mut self, cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        let settings = self.pages.get(request.location)?.as_ref()?;
        let asset = Asset::at(&settings.base, &request.head.path)?;
        if !matches!(request.head.method, Method::Get | Method::Head) {
            return Some(Answer::Reply(HttpReply::error(405).with("Allow", "GET, HEAD")));
        }
        Some(match asset {
            Asset::File(file) => Answer::Reply(file.reply(request)),
            Asset::QrCode => qr::answer(request),
            Asset::Embed { app, name } => Answer::Reply(self.embed(settings, request, (app, name))),
            Asset::Redirect => {
                // With the query: a key may be in it.
                let (path, query) = (path::encode(&settings.base), &request.head.query);
                let mark = if query.is_empty() { "" } else { "?" };
                Answer::Reply(HttpReply::error(301).with("Location", format!("{path}{mark}{query}")))
            }
            Asset::Streams | Asset::Live | Asset::Thumbnail { .. } => {
                match Sight::of(cx, (&self.entrances, settings.api.as_ref()), request) {
                    Err(refusal) => Answer::Verbatim(refusal),
                    Ok(sight) => self.made(cx, request, asset, self.view(settings, sight)),
                }
            }
        })
    }
}

impl Page {
    /// The stream, if any page may tell of it.
    fn watched<'a>(&self, cx: &'a Ctx, stream: StreamId) -> Option<&'a Stream> {
        cx.streams.get(stream).filter(|_| self.has_pages)
    }

    /// The page with the player of a stream, whether there is one or not.
    fn embed(&self, settings: &Settings, request: &HttpRequest, (app, name): (&str, &str)) -> HttpReply {
        let found = self.apps.iter().find(|(_, found)| found.is_live && found.name == app);
        let (Some((id, _)), Ok(name)) = (found, StreamName::new(name)) else { return HttpReply::error(404) };
        let stream = Embedded { app, name: &name, urls: settings.urls.get(id) };
        embed::page(request, &settings.base, &settings.embed_policy, stream)
    }

    /// What is composed for who sees this.
    fn view(&self, settings: &Settings, sight: Sight) -> View {
        let beside = if sight.is_offered_api() { &settings.beside } else { &settings.beside_without_api };
        View {
            apps: Rc::clone(&self.apps),
            urls: Rc::clone(&settings.urls),
            beside: Rc::clone(beside),
            numbers: self.numbers.clone(),
            sight,
        }
    }

    /// What is made for this request alone, or for all that see the same.
    fn made(&mut self, cx: &Ctx, request: &HttpRequest, asset: Asset<'_>, view: View) -> Answer {
        match asset {
            Asset::Live => self.live(cx, request, view),
            Asset::Thumbnail { label } => Answer::Reply(thumbnail::reply(find(cx, &view, label))),
            _ => streams(request, view),
        }
    }

    /// `live.json`, with the detail of one stream if it is asked for.
    fn live(&mut self, cx: &Ctx, request: &HttpRequest, view: View) -> Answer {
        let (process, sight) = (self.process.read(cx.now.instant), view.sight.key());
        let Some(label) = query::value(&request.head.query, "of") else {
            let what = (Rows::All, Wanted::Nothing);
            return shared(request, format!("live {sight}"), Live::new(view, process, what));
        };
        let rows = family(cx, &view, &label);
        let (wanted, serial) = match find(cx, &view, &label) {
            None => (Wanted::Unknown, 0),
            Some(stream) => {
                let events = self.events.of(cx, stream, view.sight.targets);
                (Wanted::Stream(Box::new(Detail::new(stream.id, events))), stream.id.serial())
            }
        };
        let what = format!("live of {serial} {rows:?} {sight}");
        shared(request, what, Live::new(view, process, (rows, wanted)))
    }
}

/// `streams.json`, of all streams or of those whose numbers are asked for.
fn streams(request: &HttpRequest, view: View) -> Answer {
    let ids = query::value(&request.head.query, "ids");
    let rows = ids.map_or(Rows::All, |ids| Rows::Numbered(selection::numbers(&ids)));
    let what = format!("streams {rows:?} {}", view.sight.key());
    shared(request, what, StreamList::new(view, rows))
}

/// An answer for all who ask for the same.
fn shared(request: &HttpRequest, what: String, composer: impl Compose + 'static) -> Answer {
    let key = SharedKey { module: "page", location: request.location, what };
    Answer::Shared(SharedAnswer { key, composer: Box::new(composer) })
}

/// The rows of the stream of a label like "live/cam", and of its variants: it need not be live itself.
fn family(cx: &Ctx, view: &View, label: &str) -> Rows {
    let of_app = |(id, app): (AppId, &App)| {
        let name = label.strip_prefix(app.name.as_str())?.strip_prefix('/')?;
        let name = StreamName::new(name).ok()?;
        let app = view.app_of(cx, (id, name.as_str()))?;
        Some(Rows::Family { app: id, base: app.family(name.as_str()).to_owned() })
    };
    match find(cx, view, label) {
        Some(stream) => view.app(stream.app).and_then(|app| of_app((stream.app, app))),
        None => view.apps.iter().find_map(of_app),
    }
    .unwrap_or(Rows::None)
}

/// The live stream of a label like "live/cam", if it is shown.
fn find<'a>(cx: &'a Ctx, view: &View, label: &str) -> Option<&'a Stream> {
    let of_app = |(id, app): (AppId, &App)| {
        let name = label.strip_prefix(app.name.as_str())?.strip_prefix('/')?;
        let stream = cx.streams.find(id, &StreamName::new(name).ok()?)?;
        view.app_of(cx, (id, stream.name.as_str()))?;
        Some(stream).filter(|stream| stream.is_live())
    };
    view.apps.iter().filter_map(of_app).min_by_key(|stream| StreamRank::of(cx, stream))
}

fn read_page(
    config: &Config<'_>,
    location: &Location<'_>,
    (apps, hasher): (&ByApp<App>, &Hasher),
) -> Result<Option<Settings>, conf::Error> {
    if !location.scope.flag("page") {
        return Ok(None);
    }
    if let (false, Some(node)) = (location.kind.is_prefix(), location.scope.find("page")) {
        return Err(conf::Error::at(
            node,
            "a page needs a location with the beginning of a path, for it has more than one file",
        ));
    }
    let api = SightApi::of_server(config, location.server, hasher);
    let embedders = location.scope.custom::<Embedders>("page_embed").sources();
    let beside = |api: Option<&SightApi>| {
        let api = api.map(SightApi::offered);
        Rc::new(Beside::new(apps.values(), api.as_ref(), (&embedders, location.shows_recordings)))
    };
    Ok(Some(Settings {
        base: format!("{}/", location.path.trim_end_matches('/')),
        urls: Rc::new(Urls::read_all(config, location)),
        beside: beside(api.as_ref()),
        beside_without_api: beside(None),
        api,
        embed_policy: document::policy(&embedders),
    }))
}

/// A hasher under a random key.
fn random_hasher(config: &Config<'_>) -> Result<Hasher, conf::Error> {
    Hasher::random().map_err(|why| {
        let place = config.locations.first().map(|location| location.scope.place("page"));
        conf::Error::in_place(place.unwrap_or_else(conf::Place::command_line), why)
    })
}
