//! `play`: files that are played over RTMP, FLV and MP4, from folders and other servers.
//!
//! A play of a name that nobody publishes is looked up in the folders by a reader ([`opening`]); a file of another server is
//! fetched ([`fetching`], [`remote`]). If a file is found, the engine grants the play, and this module sends what is in the file ([`player`]), ahead of the clock by what the client
//! buffers. What the kernel has in memory of a file is read by the loop, the rest by readers; [`reading`] is the same for
//! both.

mod clock;
mod directives;
mod fetching;
mod names;
mod opening;
mod player;
mod reading;
mod remote;
mod settings;
mod source;
mod task;

use std::any::Any;
use std::collections::HashMap;
use std::time::Duration;

use crate::conf::{self, Directive};
use crate::engine::{
    After, AppId, ByApp, ClientProtocol, Config, Control, Ctx, DownloadEvent, Endpoint, Failed, Gate,
    JobOwner, JobResult, Module, Notice, Probe, Refusal, RefusalKind, Relay, RelayState, Reply, Request,
    RequestKind, SessionId, Stream, StreamFacts, StreamId, StreamName, Ticket, Verdict,
};
use crate::media::file::{FileFacts, Window};

use fetching::Fetching;
use opening::{Asker, Opened, Opening, Outcome, Wanted};
use player::FilePlayer;
use remote::{Changed, Folder, Spools};
use settings::{NAME, Settings};

/// The time in which a reader must have looked for a file.
const LOOKUP_TIME: Duration = Duration::from_secs(10);
/// The same if it may have to be fetched from another server, as far as it takes to open it.
const FETCH_TIME: Duration = Duration::from_secs(30);
/// The start of a play that is to be of a live stream only: -1 s, which some clients send as -1.
const LIVE_ONLY: [i64; 2] = [-1000, -1];

/// The module.
#[derive(Default)]
pub struct Play {
    apps: ByApp<Settings>,
    /// Requests for which a file is looked for, by the tokens of their jobs. The engine bounds how many are suspended.
    opening: HashMap<u64, (Ticket, Endpoint)>,
    /// Files that have been opened for requests that are not granted yet; one for each suspended request at most.
    opened: HashMap<Endpoint, Opened>,
    /// Players of files of which those that have been opened take the place (`play2`).
    before: HashMap<Endpoint, FilePlayer>,
    /// Requests that wait for files of other servers, and these files.
    fetching: Fetching,
    players: HashMap<u64, FilePlayer>,
    tokens: HashMap<Endpoint, u64>,
    last_token: u64,
    /// What the loop has read last, and of which file of which player.
    window: Window,
    window_of: (u64, u32),
}

impl Module for Play {
    fn name(&self) -> &'static str {
        NAME
    }

    fn directives(&self) -> &'static [Directive] {
        directives::DIRECTIVES
    }

    fn declare(&self, config: &mut Config<'_>) {
        for app in &mut config.applications {
            app.features.plays_files = settings::plays_files(&app.scope);
        }
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        self.apps = config.applications.iter().map(|app| (app.id, Settings::of(app))).collect();
        Ok(())
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        config.applications.iter().for_each(|app| settings::probe(app, probe));
    }

    fn adopt(&mut self, _cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.apps.adopt(next.apps);
    }

    fn release_app(&mut self, _cx: &mut Ctx, app: AppId) {
        self.apps.release(app);
    }

    fn on_start(&mut self, cx: &mut Ctx) {
        let mut folders: Vec<_> =
            self.apps.iter().filter_map(|(_, settings)| settings.terms.as_ref()).collect();
        folders.dedup_by(|one, other| one.folder == other.folder);
        for terms in folders {
            if let Folder::Lasting(folder) = &terms.folder {
                Spools::clean(cx, folder);
            }
        }
    }

    fn on_stop(&mut self, cx: &mut Ctx) {
        if cx.is_stopping() {
            self.fetching.spools.stop(cx);
        }
    }

    fn gate(&mut self, cx: &mut Ctx, request: &mut Request, gate: Gate) -> Verdict {
        let RequestKind::Play { msid, start, duration, after } = request.kind else {
            return Verdict::Continue;
        };
        let is_wanted = gate == Gate::Name && !request.is_redirect;
        let Some(settings) = self.apps.get(request.app).filter(|settings| is_wanted && !settings.is_empty())
        else {
            return Verdict::Continue;
        };
        // Or a backend has said that it comes from another server.
        let is_of_stream =
            start.is_some_and(|start| LIVE_ONLY.contains(&start)) || !request.relays.is_empty();
        if settings.is_live && is_of_stream {
            return Verdict::Continue;
        }
        let session = cx.sessions.get(request.session);
        if session.is_none_or(|session| session.client_protocol() != ClientProtocol::Rtmp)
            || is_live(cx, request.app, &request.name)
        {
            return Verdict::Continue;
        }
        let wanted = Wanted {
            start: start.and_then(|start| u64::try_from(start).ok()).unwrap_or_default(),
            duration: duration.map(u64::from),
        };
        let endpoint = Endpoint { session: request.session, msid };
        let takes_over = after == After::Transition && start.is_none_or(|start| start < 0);
        let before = self.tokens.get(&endpoint).filter(|_| takes_over);
        let behind = before.and_then(|token| self.players.get(token)).map(FilePlayer::sent_to);
        let address = session.and_then(|session| session.peer.ip()).map(|ip| ip.to_string());
        let app = cx.apps.get(request.app).map_or("", |app| &app.name);
        let label = format!("{} play {app}/{}", request.session, request.name);
        let asker = Asker { address: address.unwrap_or_default(), args: request.args.clone(), label };
        let time = if settings.terms.is_some() { FETCH_TIME } else { LOOKUP_TIME };
        let opening = Opening::new(settings, (request.path(), asker), (wanted, behind), cx.descriptors);
        self.last_token += 1;
        let token = self.last_token;
        let owner = JobOwner::Module { name: NAME, token };
        if cx.jobs.read(owner, move || Some(opening.run())).is_err() {
            return Verdict::Deny(Refusal::of_request("too many files are read already; try again soon"));
        }
        if behind.is_some() {
            self.hold(cx, endpoint, true);
        }
        self.opening.insert(token, (request.ticket, endpoint));
        Verdict::Suspend { until: cx.now.instant + time }
    }

    fn resume(&mut self, cx: &mut Ctx, request: &mut Request, reply: Reply) -> Verdict {
        let opened = request.endpoint().and_then(|endpoint| self.opened.remove(&endpoint));
        match (reply, opened) {
            (Reply::Grant, Some(opened)) if !is_live(cx, request.app, &request.name) => {
                request.is_of_file = true;
                self.opened.extend(request.endpoint().map(|endpoint| (endpoint, opened)));
                Verdict::Continue
            }
            // A live stream has begun meanwhile.
            (Reply::Grant, Some(_)) => Verdict::Continue,
            (Reply::Refuse(refusal), _) => {
                let is_live_app = self.apps.get(request.app).is_some_and(|settings| settings.is_live);
                let is_missing = refusal.kind == RefusalKind::NotFound;
                if is_live_app && is_missing { Verdict::Continue } else { Verdict::Deny(refusal) }
            }
            (Reply::TimedOut, _) => {
                let is_fetched = self.forget_openings(|endpoint| request.endpoint() == Some(endpoint));
                request.endpoint().into_iter().for_each(|endpoint| self.forget(endpoint));
                Verdict::Deny(Refusal::of_request(if is_fetched {
                    "not enough of the file has come from its server; try again soon"
                } else {
                    "the disk is too slow; try again soon"
                }))
            }
            _ => Verdict::Deny(Refusal::of_request("an error of the server; its log says more")),
        }
    }

    fn on_refused(&mut self, cx: &mut Ctx, request: &Request) {
        if let (Some(endpoint), RequestKind::Play { .. }) = (request.endpoint(), &request.kind) {
            self.forget(endpoint);
            self.hold(cx, endpoint, false);
        }
    }

    fn on_play_start(&mut self, cx: &mut Ctx, stream: StreamId, endpoint: Endpoint) {
        let Some(opened) = self.opened.remove(&endpoint) else { return };
        note_facts(cx, stream, endpoint.session, opened.demuxer.facts());
        let Some(form) = cx.piece_form(endpoint) else { return };
        self.last_token += 1;
        let token = self.last_token;
        self.tokens.insert(endpoint, token);
        let at = opened.at;
        let mut player = FilePlayer::new((token, endpoint), form, opened);
        if let Some(before) = self.before.remove(&endpoint) {
            player = player.taking_over(before, at, cx.now.instant);
        }
        self.players.insert(token, player);
        self.advance(cx, token);
    }

    fn on_play_end(&mut self, cx: &mut Ctx, _stream: StreamId, endpoint: Endpoint) {
        let player = self.tokens.remove(&endpoint).and_then(|token| self.players.remove(&token));
        let Some(mut player) = player else { return };
        player.stop(cx);
        if self.opened.get(&endpoint).is_some_and(|next| next.continues) {
            self.before.insert(endpoint, player);
        }
    }

    fn on_play_control(&mut self, cx: &mut Ctx, _stream: StreamId, endpoint: Endpoint, control: Control) {
        let Some(&token) = self.tokens.get(&endpoint) else { return };
        if let Some(player) = self.players.get_mut(&token) {
            player.apply(cx, control);
        }
        self.advance(cx, token);
    }

    fn on_drained(&mut self, cx: &mut Ctx, endpoint: Endpoint) {
        let Some(&token) = self.tokens.get(&endpoint) else { return };
        if let Some(player) = self.players.get_mut(&token) {
            player.drained();
        }
        self.advance(cx, token);
    }

    fn on_notice(&mut self, cx: &mut Ctx, notice: &Notice) {
        let Notice::Recorded(recording) = notice;
        let watching = self.players.iter_mut().filter_map(|(token, player)| {
            player.is_of(&recording.path).then(|| {
                player.finish_file(cx);
                (*token, player.session())
            })
        });
        for (token, session) in watching.collect::<Vec<_>>() {
            cx.contain_for(session, |cx| self.advance(cx, token));
        }
    }

    fn on_download(&mut self, cx: &mut Ctx, token: u64, event: DownloadEvent) {
        let changed = self.fetching.spools.take(cx, token, event);
        self.spool_changed(cx, changed);
    }

    fn on_timer(&mut self, cx: &mut Ctx, token: u64) {
        if Spools::has(token) {
            let changed = self.fetching.spools.timer_expired(cx, token);
            return self.spool_changed(cx, changed);
        }
        let Some(player) = self.players.get_mut(&token) else { return };
        player.timer_expired();
        let session = player.session();
        cx.contain_for(session, |cx| self.advance(cx, token));
    }

    fn on_job(&mut self, cx: &mut Ctx, token: u64, result: JobResult) {
        if Spools::has(token) {
            let changed = self.fetching.spools.job_done(cx, token, result);
            return self.spool_changed(cx, changed);
        }
        if self.opening.contains_key(&token) {
            return self.lookup_done(cx, token, result);
        }
        let Some(session) = self.players.get(&token).map(FilePlayer::session) else { return };
        cx.contain_for(session, |cx| self.read(cx, token, result));
    }

    fn on_close(&mut self, _cx: &mut Ctx, session: SessionId) {
        self.forget_openings(|endpoint| endpoint.session == session);
        self.opened.retain(|endpoint, _| endpoint.session != session);
        self.before.retain(|endpoint, _| endpoint.session != session);
    }
}

impl Play {
    /// A reader has looked for the file of a request.
    fn lookup_done(&mut self, cx: &mut Ctx, token: u64, result: JobResult) {
        let reply = match result.take::<Outcome>() {
            Ok(Outcome::Opened(opened)) => {
                let endpoint = self.opening.get(&token).map(|(_, endpoint)| *endpoint);
                self.opened.extend(endpoint.map(|endpoint| (endpoint, *opened)));
                Some(Reply::Grant)
            }
            Ok(Outcome::Refused(refusal)) => Some(Reply::Refuse(refusal)),
            Ok(Outcome::Remote(opening)) => self.fetching.go_on(cx, token, opening),
            Ok(Outcome::Skipped(opening)) => {
                self.fetching.forget(token);
                self.fetching.go_on(cx, token, opening)
            }
            Err(_) => Some(Reply::Refuse(Refusal::of_request("an error of the server; its log says more"))),
        };
        if let Some(reply) = reply {
            self.answer(cx, token, reply);
        }
    }

    /// Answers a request for which a file was looked for.
    fn answer(&mut self, cx: &mut Ctx, token: u64, reply: Reply) {
        self.fetching.forget(token);
        if let Some((ticket, _)) = self.opening.remove(&token) {
            cx.answer(ticket, reply);
        }
    }

    /// Forgets the requests of some endpoints. Whether any of them waited for another server.
    fn forget_openings(&mut self, is_it: impl Fn(Endpoint) -> bool) -> bool {
        let mut waited = false;
        let fetching = &mut self.fetching;
        self.opening.retain(|token, (_, endpoint)| {
            let stays = !is_it(*endpoint);
            waited |= !stays && fetching.forget(*token);
            stays
        });
        waited
    }

    /// More of a file has come from its server, or its end: who waits for it goes on.
    fn spool_changed(&mut self, cx: &mut Ctx, changed: Changed) {
        let Some(spool) = changed else { return };
        for (token, reply) in self.fetching.spool_changed(cx, spool) {
            self.answer(cx, token, reply);
        }
        let waits = self.players.iter().filter(|(_, player)| player.awaited_spool() == Some(spool));
        for token in waits.map(|(token, _)| *token).collect::<Vec<_>>() {
            let Some(player) = self.players.get_mut(&token) else { continue };
            player.wake(cx);
            let session = player.session();
            cx.contain_for(session, |cx| self.advance(cx, token));
        }
    }

    /// A request is over: what is found for it, also later, is of no use.
    fn forget(&mut self, endpoint: Endpoint) {
        self.opened.remove(&endpoint);
        self.forget_openings(|other| other == endpoint);
    }

    /// A reader has done its work for a player.
    fn read(&mut self, cx: &mut Ctx, token: u64, result: JobResult) {
        let Some(player) = self.players.get_mut(&token) else { return };
        match result.take::<Failed>() {
            Ok(Failed(error)) => player.fail(cx, &error.to_string()),
            Err(result) => {
                if let Ok(done) = result.take() {
                    player.job_done(cx, done);
                }
            }
        }
        self.advance(cx, token);
    }

    /// Has a player wait for a decision about the file that takes the place of its own, or go on.
    fn hold(&mut self, cx: &mut Ctx, endpoint: Endpoint, is_held: bool) {
        let Some(&token) = self.tokens.get(&endpoint) else { return };
        if let Some(player) = self.players.get_mut(&token) {
            player.is_held = is_held;
        }
        self.advance(cx, token);
    }

    /// Has a player send what is due.
    fn advance(&mut self, cx: &mut Ctx, token: u64) {
        let Some(player) = self.players.get_mut(&token) else { return };
        let file = (token, player.switches());
        if self.window_of != file {
            self.window.clear();
            self.window_of = file;
        }
        player.advance(cx, &mut self.window);
        if let Some(spool) = player.awaited_spool() {
            self.fetching.spools.nudge(cx, spool);
        }
    }
}

/// Writes into a stream what is known of the file that its players play.
fn note_facts(cx: &mut Ctx, stream: StreamId, session: SessionId, file: &FileFacts) {
    let Some(stream) = cx.streams.get_mut(stream) else { return };
    for (what, why) in ["pictures", "sound"].into_iter().zip(file.left_out) {
        if let Some(why) = why {
            log::warn!("{session} {}: the file is played without its {what}: {why}", stream.label);
        }
    }
    stream.file_duration = file.duration;
    stream.facts = StreamFacts {
        video_codec: file.video_codec,
        width: file.width,
        height: file.height,
        audio_codec: file.audio_codec,
        sample_rate: file.sample_rate,
        channels: file.channels,
        ..StreamFacts::default()
    };
}

/// Whether a live stream has this name, or comes already: it goes before a file.
fn is_live(cx: &Ctx, app: AppId, name: &str) -> bool {
    let Ok(name) = StreamName::new(name) else { return false };
    let comes = |relay: &Relay| matches!(relay.state, RelayState::Connecting | RelayState::Running);
    cx.streams.find(app, &name).is_some_and(Stream::is_live) || cx.pull_of(app, &name).is_some_and(comes)
}
