//! Finished recordings over HTTP (`record_browse`): lists of them, the files, and HLS that is made of these while it is
//! asked for.
//!
//! Whoever may play a stream may have its recordings, and hears of no others. Where keys, links, passwords or a backend
//! decide about players, they decide here, too; and a token of the API of the same server shows all. Files are only read.

mod address;
mod directives;
mod found;
mod head;
mod links;
mod list;
mod place;
mod probe;
mod recorders;
mod send;
mod vod;

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use crate::auth::query;
use crate::auth::secret::Hasher;
use crate::conf::{self, Directive};
use crate::engine::{
    Answer, AppId, ByApp, ByLocation, Config, Ctx, Entrance, Entry, HlsFile, HttpReply, HttpRequest,
    LocationId, Module, Probe, RecordingState, Sight, SightApi,
};
use crate::http::conditional::{self, Outcome};
use crate::http::{Method, ResponseHead};

use address::Address;
use found::{Finding, Found};
use links::{For, Links};
use list::{List, Wanted};
use place::Place;
use recorders::Recorders;
use vod::{KeyLists, Making};

#[derive(Debug, Default)]
pub struct Browse {
    /// Those that record.
    apps: ByApp<Option<Arc<Recorders>>>,
    entrances: ByApp<Entrance>,
    /// None where there are no recordings.
    locations: ByLocation<Option<Settings>>,
    /// They stay when the configuration changes.
    links: Option<Links>,
    key_lists: KeyLists,
}

#[derive(Debug)]
struct Settings {
    /// The path of the location, ending with '/'.
    base: String,
    api: Option<SightApi>,
}

/// Whether a request may have a recording.
enum Verdict {
    Granted,
    Refused,
    /// The gates are to be asked.
    Ask(HlsFile),
}

impl Module for Browse {
    fn name(&self) -> &'static str {
        "browse"
    }

    fn directives(&self) -> &'static [Directive] {
        directives::DIRECTIVES
    }

    fn declare(&self, config: &mut Config<'_>) {
        for location in &mut config.locations {
            location.shows_recordings = location.scope.flag("record_browse");
        }
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let mut faults = conf::Faults::default();
        let shown = config.locations.iter().find(|location| location.shows_recordings);
        let hasher = shown.and_then(|location| {
            let random = Hasher::random()
                .map_err(|why| conf::Error::in_place(location.scope.place("record_browse"), why));
            faults.keep(random)
        });
        // What one hasher makes of a fixed text is as random as its key.
        self.links =
            hasher.as_ref().map(|hasher| Links::new(hasher.digest("recordings").to_hex().as_bytes()));
        let shared = recorders::shared_folders(config);
        let apps = config.applications.iter();
        self.apps = apps
            .map(|app| {
                let records = !app.features.recorders.is_empty();
                (app.id, records.then(|| Arc::new(Recorders::read(app, &shared))))
            })
            .collect();
        self.entrances =
            config.applications.iter().map(|app| (app.id, Entrance::read(config, app))).collect();
        let mut read = |location: &crate::engine::Location<'_>| {
            let hasher = hasher.as_ref().filter(|_| location.shows_recordings)?;
            if let (false, Some(node)) = (location.kind.is_prefix(), location.scope.find("record_browse")) {
                let why = "recordings need a location with the beginning of a path, for there is more than one file";
                faults.push(conf::Error::at(node, why));
            }
            let base = format!("{}/", location.path.trim_end_matches('/'));
            Some(Settings { base, api: SightApi::of_server(config, location.server, hasher) })
        };
        self.locations = config.locations.iter().map(|location| (location.id, read(location))).collect();
        faults.into_result(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.apps = next.apps;
        self.entrances = next.entrances;
        self.locations.adopt(next.locations);
        self.links = self.links.take().or(next.links);
    }

    fn release_locations(&mut self, _cx: &mut Ctx, first: LocationId) {
        self.locations.release(first);
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        probe::check(config, probe);
    }

    fn on_http(&mut self, cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        let settings = self.locations.get(request.location)?.as_ref()?;
        let address = Address::of(&settings.base, &request.head.path)?;
        if !matches!(request.head.method, Method::Get | Method::Head) {
            return Some(Answer::Reply(HttpReply::error(405).with("Allow", "GET, HEAD")));
        }
        let sight = match Sight::of(cx, (&self.entrances, settings.api.as_ref()), request) {
            Err(refusal) => return Some(Answer::Verbatim(refusal)),
            Ok(sight) => sight,
        };
        Some(match address {
            Address::List => self.list(cx, request, settings, sight),
            Address::File(path) | Address::Playlist(path) | Address::Segment(path, _) => {
                self.recording(cx, request, &sight, (path, address))
            }
        })
    }
}

impl Browse {
    /// The application of this name, if it records.
    fn app(&self, name: &str) -> Option<(AppId, &Arc<Recorders>)> {
        let mut apps = self.apps.iter().filter_map(|(id, app)| Some((id, app.as_ref()?)));
        apps.find(|(_, app)| app.app == name)
    }

    /// The list of the recordings of an application, or of one of its streams.
    fn list(&self, cx: &Ctx, request: &HttpRequest, settings: &Settings, sight: Sight) -> Answer {
        let argument = |name| query::value(&request.head.query, name).filter(|value| !value.is_empty());
        let (name, stream) = (argument("app").unwrap_or_default(), argument("stream"));
        let (Some((id, app)), Some(links)) = (self.app(&name), &self.links) else {
            return Answer::Reply(HttpReply::error(404));
        };
        let verdict = match &stream {
            Some(stream) => judge(cx, request, &sight, (id, stream)),
            None if sight.entry(id) == Entry::Open => Verdict::Granted,
            None => Verdict::Refused,
        };
        match verdict {
            Verdict::Granted => {}
            Verdict::Ask(file) => return Answer::View(file),
            Verdict::Refused => return Answer::Reply(list::empty(&name, stream.as_deref())),
        }
        let whose = match (sight.all, sight.entry(id)) {
            (true, _) => Some(For::Operator),
            (false, Entry::Open) => None,
            (false, _) => Some(For::Player),
        };
        let place = Place { base: settings.base.clone(), links: links.clone(), whose };
        let wanted = Wanted {
            recorders: Arc::clone(app),
            stream: stream.map(Into::into),
            written: written(cx).map(Path::to_owned).collect(),
            descriptors: cx.descriptors,
        };
        Answer::Later(Box::new(List::new(wanted, id, sight, place)))
    }

    /// A recording, in the form that is asked for.
    fn recording(
        &self,
        cx: &Ctx,
        request: &HttpRequest,
        sight: &Sight,
        (path, address): (&str, Address<'_>),
    ) -> Answer {
        let Some((id, app, file)) = self.locate(path) else { return Answer::Verbatim(HttpReply::error(404)) };
        let Some((recorder, name)) = app.find(file) else { return Answer::Verbatim(HttpReply::error(404)) };
        let linked = self.linked(cx, request, (id, file)).or(sight.all.then_some(For::Operator));
        if linked.is_none() && sight.entry(id) == Entry::Closed {
            // Before the disk is asked: how long that takes would tell whether it is there.
            return Answer::Verbatim(refusal());
        }
        let finding = request.findings.find(|finding: &Finding| finding.is_of(recorder, name));
        let Some(Finding { found, .. }) = finding else {
            return Answer::Wait(Finding::look_up(&app.app, recorder, name));
        };
        let is_written = || {
            let path = recorder.folder.join(name);
            written(cx).any(|other| other == path)
        };
        let found = match found {
            Ok(found) if !is_written() => found,
            // Who may not have it is not told whether it is there. No error page: a live stream of such a name is none
            // of these.
            _ if sight.entry(id) != Entry::Open && linked.is_none() => return Answer::Verbatim(refusal()),
            Ok(_) => return Answer::Verbatim(HttpReply::error(404)),
            Err(errno) => return Answer::Verbatim(send::failure(*errno)),
        };
        match judge_link(cx, request, sight, linked, (id, &found.stream)) {
            Verdict::Granted => self.send(cx, request, found, (id, file, address, linked)),
            Verdict::Ask(file) => Answer::View(file),
            Verdict::Refused => Answer::Verbatim(refusal()),
        }
    }

    /// The application of a path, and the file below it.
    fn locate<'a>(&'a self, path: &'a str) -> Option<(AppId, &'a Recorders, &'a str)> {
        self.apps.iter().find_map(|(id, app)| {
            let app = app.as_deref()?;
            let file = path.strip_prefix(app.app.as_str())?.strip_prefix('/')?;
            app.find(file).map(|_| (id, app, file))
        })
    }

    /// Whom the link was made for that a request shows, if it is right.
    fn linked(&self, cx: &Ctx, request: &HttpRequest, of: (AppId, &str)) -> Option<For> {
        let shown = query::value(&request.head.query, "t")?;
        self.links.as_ref()?.verify(&shown, of, cx.now.wall)
    }

    fn send(
        &self,
        cx: &Ctx,
        request: &HttpRequest,
        found: &Found,
        (id, file, address, linked): (AppId, &str, Address<'_>, Option<For>),
    ) -> Answer {
        let is_same = query::value(&request.head.query, "v").is_none_or(|version| version == found.version());
        match address {
            Address::File(_) => Answer::Reply(send::file(found, &request.head, cx.descriptors)),
            // Another file has its name by now.
            Address::Segment(..) if !is_same => Answer::Verbatim(HttpReply::error(404)),
            Address::Segment(_, times) => {
                let etag = vod::etag(found, times);
                if conditional::evaluate(&request.head.headers, &etag, u64::MAX) == Outcome::NotModified {
                    let head = ResponseHead::new(304).with("ETag", etag).with("Cache-Control", vod::CACHE);
                    return Answer::Reply(HttpReply { head, body: crate::engine::Body::Empty });
                }
                Answer::Later(Box::new(Making::segment(found.clone(), times)))
            }
            Address::List | Address::Playlist(_) => {
                // Whoever has come without a link needs one for the segments, unless all may have them.
                let needs_link = !request.admission.files().is_empty() || linked.is_some();
                let whose = needs_link.then_some(linked.unwrap_or(For::Player));
                let link = whose.zip(self.links.as_ref());
                let link = link.map(|(whose, links)| links.link(whose, (id, file), cx.now.wall));
                let link = link.map(|link| format!("&t={link}")).unwrap_or_default();
                let query = format!("?v={}{link}", found.version());
                Answer::Later(Box::new(Making::playlist(found.clone(), query, self.key_lists.clone())))
            }
        }
    }
}

/// Whether a request may have a recording of a stream, to which it may show a link.
fn judge_link(
    cx: &Ctx,
    request: &HttpRequest,
    sight: &Sight,
    linked: Option<For>,
    stream: (AppId, &str),
) -> Verdict {
    match (linked, sight.entry(stream.0)) {
        _ if sight.is_banned_from(cx, stream) => Verdict::Refused,
        (Some(For::Operator), _) | (Some(For::Player), Entry::Asked) => Verdict::Granted,
        _ => judge(cx, request, sight, stream),
    }
}

/// Whether a request may have the recordings of a stream.
fn judge(cx: &Ctx, request: &HttpRequest, sight: &Sight, (app, stream): (AppId, &str)) -> Verdict {
    let file = HlsFile::recording(app, stream);
    match sight.entry(app) {
        _ if sight.is_banned_from(cx, (app, stream)) => Verdict::Refused,
        Entry::Open => Verdict::Granted,
        Entry::Asked if request.admission.admits(&file) => Verdict::Granted,
        Entry::Asked => Verdict::Ask(file),
        Entry::Closed => Verdict::Refused,
    }
}

fn refusal() -> HttpReply {
    HttpReply::error(403).with("Cache-Control", "no-store")
}

/// The files that are being written.
fn written(cx: &Ctx) -> impl Iterator<Item = &Path> {
    let recordings = cx.streams.iter().flat_map(|stream| &stream.recordings);
    let being_written = recordings.filter(|recording| recording.state == RecordingState::Recording);
    being_written.filter_map(|recording| recording.path.as_deref())
}
