//! Which streams are pulled: those that somebody wants to play and nobody publishes, and those that are static.

use std::rc::Rc;

use crate::engine::{
    AppId, Ctx, Refusal, RelayId, RelayKind, RelaySource, Request, RequestKind, Stream, StreamId, StreamName,
    Verdict,
};

use super::edge::EdgeAuth;
use super::line::url::RtmpUrl;
use super::lookup::{Found, Home, NoHome, stream_of};
use super::relayer::Relayer;
use super::settings::{Lookup, Wanted};

/// The most servers that an answer of a backend may name.
const MOST_URLS: usize = 16;

impl Relayer {
    /// Decides about a request that has its last name.
    pub fn decide(&mut self, cx: &mut Ctx, request: &mut Request) -> Verdict {
        // A file is here.
        let is_here = request.is_of_file || request.is_for_recordings();
        if matches!(request.kind, RequestKind::Connect(_)) || is_here {
            return Verdict::Continue;
        }
        if let Err(why) = self.check_urls(request) {
            return Verdict::Deny(Refusal::of_request(why));
        }
        if matches!(request.kind, RequestKind::View(_))
            && !cx.viewing.lists.knows(request.app, stream_of(request))
            && let Err(refusal) = self.views.check(cx, request)
        {
            return Verdict::Deny(refusal);
        }
        if let Some(lookup) = self.lookup_for(cx, request) {
            let found = self.lookups.find(cx, request, &lookup);
            return match found {
                Found::Known(home) => self.answered(cx, request, Ok(home)),
                Found::Failed(why) => self.answered(cx, request, Err(why)),
                Found::Asked(verdict) => verdict,
            };
        }
        self.relay(cx, request, None)
    }

    /// Has the origin of an edge asked about a client that wants to play, if it decides about clients.
    pub fn ask_origin(&mut self, cx: &mut Ctx, request: &Request) -> Verdict {
        let is_client = matches!(request.kind, RequestKind::Play { .. } | RequestKind::View(_));
        // Who is redirected has been let in already.
        let is_asked = is_client && !request.is_redirect && request.relays.is_empty();
        let Some(settings) = self.apps.get(request.app).filter(|_| is_asked) else {
            return Verdict::Continue;
        };
        if settings.edge_auth == EdgeAuth::Edge {
            return Verdict::Continue;
        }
        match settings.pull(stream_of(request), &request.args) {
            Some(Ok(wanted)) if wanted.source == RelaySource::Edge => {
                self.trials.ask(cx, request, wanted.targets)
            }
            Some(Err(why)) => Verdict::Deny(Refusal::of_request(why)),
            _ => Verdict::Continue,
        }
    }

    /// How the directory is asked about a request, if it is.
    fn lookup_for(&self, cx: &Ctx, request: &Request) -> Option<Lookup> {
        let settings = self.apps.get(request.app)?;
        // Another decides already: a backend, the configuration, or that the stream is here.
        let is_asked = match request.kind {
            RequestKind::Connect(_) => false,
            RequestKind::Publish { .. } => !request.is_relay && request.relays.is_empty(),
            RequestKind::Play { .. } | RequestKind::View(_) => {
                let name = StreamName::new(stream_of(request)).ok()?;
                request.relays.is_empty()
                    && settings.pull(name.as_str(), "").is_none()
                    && cx.pull_of(request.app, &name).is_none()
                    && !cx.streams.find(request.app, &name).is_some_and(Stream::is_live)
            }
        };
        settings.lookup.clone().filter(|_| is_asked)
    }

    /// Decides about a request when the directory has answered, or has not.
    pub fn answered(&mut self, cx: &mut Ctx, request: &Request, answer: Result<Home, NoHome>) -> Verdict {
        let lookup = self.apps.get(request.app).and_then(|settings| settings.lookup.as_ref());
        let home = match (answer, lookup) {
            (Ok(home), _) => Ok(home),
            (Err(_), None) => Ok(None),
            (Err(why), Some(lookup)) => self.lookups.judge_error(cx.now.instant, lookup, &why),
        };
        match home {
            Ok(home) => self.relay(cx, request, home.as_deref()),
            Err(refusal) => Verdict::Deny(refusal),
        }
    }

    /// Has the stream of a request be relayed, if it is to be.
    fn relay(&mut self, cx: &mut Ctx, request: &Request, home: Option<&str>) -> Verdict {
        match request.kind {
            RequestKind::Connect(_) => {}
            RequestKind::Publish { .. } => self.publishes.request(request, home),
            RequestKind::Play { .. } => self.pull(cx, request, home),
            RequestKind::View(_) => {
                self.pull(cx, request, home);
                return self.views.wait(cx, request);
            }
        }
        Verdict::Continue
    }

    /// Checks the servers that a backend has named.
    fn check_urls(&self, request: &Request) -> Result<(), String> {
        let Some(settings) = self.apps.get(request.app).filter(|_| !request.relays.is_empty()) else {
            return Ok(());
        };
        if request.relays.len() > MOST_URLS {
            return Err(format!("the backend names more than {MOST_URLS} servers"));
        }
        for url in &request.relays {
            let url = RtmpUrl::parse(url).map_err(|why| format!("the backend answers {why}"))?;
            if !settings.allowed.allow(&url.host) {
                return Err(format!(
                    "the backend names {}, to which \"relay_allow\" does not lead",
                    url.place()
                ));
            }
        }
        Ok(())
    }

    /// Has a stream be pulled that somebody wants to play.
    fn pull(&mut self, cx: &mut Ctx, request: &Request, home: Option<&str>) {
        let Request { app, args, .. } = request;
        let Ok(name) = StreamName::new(stream_of(request)) else { return };
        if cx.streams.find(*app, &name).is_some_and(Stream::is_live) {
            return;
        }
        let Some(settings) = self.apps.get(*app) else { return };
        let urls: Vec<&str> = request.relays.iter().map(|url| &**url).collect();
        let given =
            |urls: &[&str], source| Some(settings.given(RelayKind::Pull, urls, name.as_str(), source));
        let wanted = match (urls.is_empty(), home) {
            (false, _) => given(&urls, RelaySource::Callback),
            (true, Some(home)) => given(&[home], RelaySource::Lookup),
            (true, None) => settings.pull(name.as_str(), args),
        };
        self.start(cx, (*app, &name, args), wanted);
    }

    fn start(
        &mut self,
        cx: &mut Ctx,
        (app, name, args): (AppId, &StreamName, &str),
        wanted: Option<Result<Wanted, String>>,
    ) {
        let Some(settings) = self.apps.get(app).filter(|_| !cx.is_draining()) else { return };
        let wanted = match wanted {
            Some(Ok(wanted)) => wanted,
            Some(Err(why)) => return log::warn!("{}/{name} is not pulled: {why}", settings.name),
            None => return,
        };
        let targets = Rc::clone(&wanted.targets);
        let Some(id) = cx.start_pull(app, name, settings.spec(RelayKind::Pull, wanted)) else { return };
        // It may be the pull that somebody else has begun.
        if cx.relay(id).is_some_and(|relay| relay.spec.targets == targets) {
            self.pulled_with.insert(id, args.into());
        }
    }

    /// A relay is over.
    pub fn pull_ends(&mut self, id: RelayId) {
        self.pulled_with.remove(&id);
    }

    /// Nobody publishes a stream any more, of which players may be left.
    pub fn pull_for_players(&mut self, cx: &mut Ctx, stream: StreamId) {
        let Some(stream) = cx.streams.get(stream).filter(|stream| cx.players_of(stream) > 0) else { return };
        let (app, name) = (stream.app, stream.name.clone());
        let wanted = self.apps.get(app).and_then(|settings| settings.pull(name.as_str(), ""));
        self.start(cx, (app, &name, ""), wanted);
    }

    /// Starts the pulls that run without players.
    pub fn pull_statics(&mut self, cx: &mut Ctx) {
        let mut all = Vec::new();
        for (app, settings) in self.apps.iter() {
            let names = settings.statics().filter_map(|name| StreamName::new(name).ok());
            all.extend(names.map(|name| (app, settings.pull(name.as_str(), ""), name)));
        }
        for (app, wanted, name) in all {
            self.start(cx, (app, &name, ""), wanted);
        }
    }

    /// Has those pulls run that the settings want, after they have changed. One whose targets are others is started anew.
    pub fn pull_anew(&mut self, cx: &mut Ctx) {
        let pulls =
            cx.relays().filter(|relay| relay.kind == RelayKind::Pull && is_written(relay.spec.source));
        let pulls: Vec<_> =
            pulls.map(|relay| (relay.id, relay.app, relay.name.clone(), relay.spec.clone())).collect();
        for (id, app, name, spec) in pulls {
            let args = self.pulled_with.get(&id).cloned().unwrap_or_default();
            let settings = self.apps.get(app);
            let wanted = settings.and_then(|settings| settings.pull(name.as_str(), &args));
            if let (Some(settings), Some(Ok(wanted))) = (settings, &wanted)
                && wanted.is_that_of(&spec)
            {
                cx.renew_relay(id, &settings.spec(RelayKind::Pull, wanted.clone()));
                continue;
            }
            // If somebody plays it, or it is static, it goes on with the new target.
            let is_played = cx.relay(id).is_some_and(|relay| cx.is_wanted(relay));
            cx.end_relay(id, "the configuration has changed");
            if is_played {
                self.start(cx, (app, &name, &args), wanted);
            }
        }
        self.pull_statics(cx);
    }
}

/// Whether the configuration asks for a relay.
fn is_written(source: RelaySource) -> bool {
    matches!(source, RelaySource::Configured | RelaySource::Edge)
}
