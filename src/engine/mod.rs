//! The engine: the whole server without sockets. Bytes and the time go in; queued bytes and actions come out.
//!
//! [`Engine`] owns the modules and the context, [`Ctx`], with sessions, streams and timers. They are disjoint fields,
//! so a hook gets the context while the engine iterates over the modules. Sessions are freed only by
//! [`Engine::step`]; ids carry serials, so a late answer to a freed session or stream finds nothing. This file has
//! what net and main call; it never blocks, reads a clock or opens a socket.

pub mod access_logs;
mod calls;
mod commands;
mod config;
mod ctx;
pub mod direction;
pub mod files;
mod http;
mod ids;
pub mod jobs;
mod limits;
mod memory;
mod module;
mod notice;
mod now;
mod operations;
mod panics;
mod peer;
pub mod quantities;
mod relay;
mod reload;
mod request;
mod rtmp;
mod session;
mod sink;
mod statistics;
mod stream;
pub mod time_zone;
mod timers;
mod tls;
mod viewing;
mod work;

#[cfg(test)]
mod tests;

pub use crate::media::flv::form::{Compat, FlvForm, FlvTimes, FlvTracks};
pub use crate::rtmp::Control;
pub use crate::rtmp::command::{After, Level, PublishType};
pub use crate::rtmp::shared_object::{Change, Encoding, RawValue, SharedObject};
pub use calls::call::{Call, CallError, CallKind, CallsFull};
pub use calls::destination::{ClientTls, Destination};
pub use calls::download::MAX_DOWNLOADS;
pub use calls::transfer::{Download, DownloadEvent, DownloadId, LONGEST_PART};
pub use commands::command::{
    Command, CommandEnd, CommandEnds, CommandEvent, CommandId, Redirection, RedirectionTarget,
};
pub use commands::machine::is_this_machine;
pub use config::by_id::ByApp;
pub use config::control::ControlSocket;
pub use config::error_log::{ErrorLog, LogTarget};
pub use config::features::{
    ApiFeature, Features, Guards, HlsFeature, HlsLayout, LinkScope, LocationAccess, LocationFiles,
    PlayerChecks, RecorderFeature,
};
pub use config::listen::options::{KeepAliveProbes, SocketOptions};
pub use config::listen_on::ListenOn;
pub use config::listener::{Listener, Protocol};
pub use config::network::Network;
pub use config::network::rules::{AddressRules, Asker, Judgement, Whom};
pub use config::probe::{Account, Probe, is_readable_by_all};
pub use config::real_address::TrustedProxies;
pub use config::suffix::SuffixPattern;
#[cfg(test)]
pub use config::tls::all_names as all_tls_names;
pub use config::tls::settings::{ClientVerification, ServerTls, SessionCache, TlsVersions, VerificationMode};
pub use config::{Application, Config};
pub use ctx::{AppFacts, Ctx};
pub use http::answer::{
    Answer, COMPOSED_AT_ONCE, Compose, Composed, HttpReply, Redirect, Route, SharedAnswer, SharedKey, Target,
};
pub use http::body::Body;
pub use http::by_location::ByLocation;
pub use http::exchange::Exchange;
pub use http::locations::{Location, LocationKind};
pub use http::lookup::{Findings, Lookup};
pub use http::playing::play::HttpPlay;
pub use http::playing::sight::{Api as SightApi, Entrance, Entry, OfferedApi, Sight};
pub use http::playing::urls::{FlvSites, FlvUrls};
pub use http::playlists::{Playlists, Served};
pub use http::request::HttpRequest;
pub use ids::{AppId, Endpoint, ListenerId, LocationId, SessionId, StreamId};
pub use jobs::buffers::{Buffers, SharedBuffers};
pub use jobs::chain::Chain;
pub use jobs::handle::Handle;
pub use jobs::{Failed, FinishedJob, Job, JobOwner, JobResult, Jobs, Lane, QueueFull};
pub use limits::bans::{Ban, Banned, Bans, MAX_BANS};
pub use limits::descriptors::Descriptors;
pub use limits::guesses::{Guesses, Purpose};
pub use limits::origin::Origin;
pub use limits::refusals::Refusals;
pub use limits::tokens::TokenRefusal;
pub use limits::tries::Try;
pub use memory::{Extent, Growth, MemoryFile, MemoryFiles, SHORTEST_READ_TIME};
pub use module::Module;
pub use notice::last_publishers::LastPublishers;
pub use notice::{Notice, Recording};
pub use now::Now;
pub use operations::operation::{Operation, OperationResult, RecordResult};
pub use panics::Panics;
pub use peer::Peer;
pub use relay::path::CIRCLE;
pub use relay::state::{
    Relay, RelayEvent, RelayId, RelayKind, RelayOrder, RelaySource, RelaySpec, RelayState, RelaySums, Trial,
    TrialResult, TrialsFull,
};
pub use relay::target::{Login, Target as RelayTarget};
pub use request::{Gate, Refusal, RefusalKind, Reply, Request, RequestKind, Ticket, Verdict};
pub use rtmp::address::stream_name;
pub use rtmp::file_play::FileNews;
pub use rtmp::file_play::piece::{Piece, PieceForm};
pub use session::Session;
pub use session::client::{Client, ClientProtocol};
pub use session::out_queue::{Allowance, FilePart, FileSource, OutQueue, Outgoing};
pub use session::player::{Player, PlayerQueue, TrackState};
pub use session::proxy_header::Header;
pub use session::roles::{Roles, SessionRole};
pub use session::sending::MAX_QUEUED_BYTES;
pub use sink::{Finish, Outlet, Sink};
pub use statistics::flv_players::FlvPlayers;
pub use statistics::histogram::Histogram;
pub use statistics::history::{History, StreamSecond};
pub use statistics::longest::Longest;
pub use statistics::present::{HttpActivity, MemoryUse};
pub use statistics::rate::Rate;
pub use statistics::states::{StreamCounts, StreamState};
pub use statistics::totals::{Counted, Totals};
pub use statistics::walk::{StreamRank, Visit, Walk};
pub use stream::awaited::Awaited;
pub use stream::gop::{Gop, GopLimits};
pub use stream::headers::StreamHeaders;
pub use stream::key_frames::{KeyFrames, LastPicture};
pub use stream::name::{NameError, StreamName};
pub use stream::outputs::{HlsStatus, RecordingState, RecordingStatus};
pub use stream::traffic::StreamTraffic;
pub use stream::warnings::{Warning, Warnings};
pub use stream::{Stream, StreamFacts, Streams};
pub use timers::TimerId;
pub use tls::counts::TlsCounts;
pub use tls::facts::{ClientCertificate, TlsFacts, Verification, Verifier};
pub use viewing::Viewing;
pub use viewing::admission::Admission;
pub use viewing::files::{HlsFile, HlsFileKind, HlsFiles};
pub use viewing::lists::HlsLists;
pub use viewing::marked::{MarkedLists, Version as MarkedVersion};
pub use viewing::marks::{Marker, Marks, leads_elsewhere};
pub use viewing::view::{View, ViewerId};
pub use viewing::viewers::{ViewerFacts, Viewers};
pub use work::Action;

use std::time::Instant;

use crate::conf::{self, Directive, Scope, Table};
use config::known::Known;
use config::listener::AddressService;
use http::answering::pending::PendingRequests;
use http::answering::shared::SharedAnswers;
use operations::running::Running;
use request::Suspended;
use session::proxy_header::AwaitedHeader;
use session::{Life, ProtocolState};
use timers::Timer;
use work::{Composition, Task};

/// The closing reason of a session whose client has closed the connection.
const CLIENT_LEFT: &str = "the client has left";
/// The same for a session that was publishing.
const CONNECTION_LOST: &str = "the connection was lost";

/// The directives of the engine and of all modules, by section, in the order of the table.
pub fn sections(modules: &[Box<dyn Module>]) -> Vec<(&'static str, &'static [Directive])> {
    let own = [
        ("core", config::directives::DIRECTIVES),
        ("memory", limits::budgets::DIRECTIVES),
        ("connections", limits::connections::DIRECTIVES),
        ("addresses", config::real_address::DIRECTIVES),
        ("tls", config::tls::directives::DIRECTIVES),
        ("streams", config::policy::DIRECTIVES),
    ];
    let all = own.into_iter().chain(modules.iter().map(|module| (module.name(), module.directives())));
    all.filter(|(_, directives)| !directives.is_empty()).collect()
}

/// The table against which a configuration is checked.
pub fn directive_table(modules: &[Box<dyn Module>]) -> Table {
    let parts: Vec<_> = sections(modules).into_iter().map(|(_, directives)| directives).collect();
    Table::new(&parts)
}

/// Reads a checked configuration, with the features that the modules declare.
fn read<'t>(
    root: &Scope<'t>,
    known: &Known,
    modules: &[Box<dyn Module>],
    faults: &mut conf::Faults,
) -> Config<'t> {
    let mut config = Config::read(root, known, faults);
    modules.iter().for_each(|module| module.declare(&mut config));
    config.collect_sites();
    config
}

/// The server without its sockets.
pub struct Engine {
    modules: Vec<Box<dyn Module>>,
    cx: Ctx,
    /// What the running server had when this configuration was read.
    known: Known,
    /// HTTP requests that wait for their answers; their sessions are held.
    pending: PendingRequests,
    /// Answers that many requests share.
    shared: SharedAnswers,
    /// Operations that requests wait for.
    running: Running,
}

impl Engine {
    /// An engine for a checked configuration; nothing is opened yet. `seed` is for what should differ from run to run.
    pub fn new(
        root: &Scope<'_>,
        modules: Vec<Box<dyn Module>>,
        seed: u64,
        now: Now,
    ) -> Result<Self, conf::Errors> {
        Self::read(root, Known::default(), modules, (seed, now))
    }

    /// An engine for a checked configuration, for a server that has what is `known`.
    fn read(
        root: &Scope<'_>,
        known: Known,
        mut modules: Vec<Box<dyn Module>>,
        (seed, now): (u64, Now),
    ) -> Result<Self, conf::Errors> {
        let mut faults = conf::Faults::default();
        let config = read(root, &known, &modules, &mut faults);
        for module in &mut modules {
            faults.keep(module.configure(&config));
        }
        faults.into_result(())?;
        let cx = Ctx::new(config, root, seed, now);
        let (pending, running) = (PendingRequests::default(), Running::default());
        Ok(Self { modules, cx, known, pending, running, shared: SharedAnswers::default() })
    }

    /// Checks whether the start would succeed, and adds to `probe` what would fail or surprise. `root` is the
    /// configuration of this engine.
    pub fn probe(&self, root: &Scope<'_>, probe: &mut Probe) {
        let config = read(root, &self.known, &self.modules, &mut conf::Faults::default());
        config::probe::check_file(root, &config, probe);
        config::tls::probe::check(&config, probe);
        for module in &self.modules {
            module.probe(&config, probe);
        }
        config::probe::drop_irrelevant_findings(root, probe);
    }

    /// Has the modules open their files, before the process goes into the background and changes its user.
    pub fn open(&mut self) -> Result<(), conf::Errors> {
        let mut faults = conf::Faults::default();
        for module in &mut self.modules {
            faults.keep(module.open());
        }
        faults.into_result(())
    }

    /// Starts serving: modules may continue what an earlier run has left. (A configuration that is only tested gets
    /// an engine, too, but no start.)
    pub fn start(&mut self, now: Now) {
        self.cx.now = now;
        for module in &mut self.modules {
            module.on_start(&mut self.cx);
        }
    }

    /// The addresses to listen on. [`Engine::accept`] takes the position of one.
    pub fn listeners(&self) -> &[Listener] {
        &self.cx.listeners
    }

    /// Accepts a connection at a listener; `local` is the server's address of it. One beyond a limit gets no session;
    /// the error is what may be sent to it at once.
    pub fn accept(
        &mut self,
        listener: usize,
        (peer, local): (Peer, impl Into<ListenOn>),
        now: Now,
    ) -> Result<SessionId, &'static [u8]> {
        self.cx.now = now;
        let local = local.into();
        let Some(listener) = self.cx.listeners.get(listener) else { return Err(&[]) };
        let (listener, is_control, AddressService { service, proxy_protocol, is_encrypted }) =
            (listener.id, listener.is_control, listener.served_at(&local));
        let header = proxy_protocol.then(|| AwaitedHeader::new(self.cx.trusts(service, peer)));
        let counted = Some(peer).filter(|_| !header.as_ref().is_some_and(AwaitedHeader::is_trusted));
        if !is_control {
            // Nothing can be said to a client before the handshake.
            let admitted = self.cx.admit(service, peer, counted);
            admitted.map_err(|refusal| if is_encrypted { &[][..] } else { refusal })?;
            self.cx.totals.count_connection(service.protocol());
        }
        let reached = local.ip().map(|ip| ip.to_canonical());
        let id = self.cx.open_session((listener, service), peer, local);
        if let Some(session) = self.cx.sessions.get_mut(id) {
            session.awaited_header = header.map(Box::new);
            session.is_control = is_control;
            session.local = reached;
            session.is_encrypted = is_encrypted;
        }
        log::debug!("{id} accepted from {peer}");
        Ok(id)
    }

    /// The peer has closed or reset the connection. Players leave in either way; a publisher that stops says so
    /// before, so this one is lost.
    pub fn lost(&mut self, id: SessionId, now: Now) {
        if self.cx.sessions.get(id).is_some_and(|session| session.http_client().is_some()) {
            self.cx.now = now;
            return self.backend_lost(id);
        }
        if let Some(state) = self.cx.sessions.get(id).and_then(Session::rtmp_client) {
            return self.disconnected(id, state.lost().unwrap_or(CONNECTION_LOST), now);
        }
        let suspended = self.cx.sessions.get(id).and_then(|session| session.suspended.as_deref());
        match suspended {
            Some(Suspended { request, module, .. }) => {
                let what = self.describe(request);
                self.disconnected(
                    id,
                    &format!("{CLIENT_LEFT} while {what} waited for an answer ({module})"),
                    now,
                );
            }
            None => {
                let why = if self.publishes(id) { CONNECTION_LOST } else { CLIENT_LEFT };
                self.disconnected(id, why, now);
            }
        }
    }

    /// The socket of a session has failed.
    pub fn disconnected(&mut self, id: SessionId, why: &str, now: Now) {
        self.cx.now = now;
        self.cx.close(id, why);
    }

    /// Whether a session has output that can be sent now.
    pub fn has_output(&self, id: SessionId) -> bool {
        let can_send = |session: &Session| session.out.can_send() && !session.is_throttled();
        self.cx.sessions.get(id).is_some_and(can_send)
    }

    /// Sends the front of a session's queue: `write` gets it and returns how many bytes it has sent. Without anything
    /// to send it is not called. Returns that number if there is more to send.
    #[inline]
    pub fn send<E>(
        &mut self,
        id: SessionId,
        now: Now,
        write: impl FnOnce(Outgoing<'_>) -> Result<usize, E>,
    ) -> Result<Option<usize>, E> {
        let is_draining = self.cx.is_draining();
        let found = self.cx.sessions.get_mut(id).filter(|session| session.out.can_send());
        let Some(session) = found else { return Ok(None) };
        let most = match &session.protocol {
            ProtocolState::Rtmp(_) | ProtocolState::HttpClient(_) | ProtocolState::RtmpClient(_) => None,
            ProtocolState::Http(_) if session.out.speaks_flv() => None,
            ProtocolState::Http(state) => state.most(now.instant),
        };
        let replies = session.out.reply_bytes();
        let count = match most {
            None => session.out.write(write)?,
            Some(0) => {
                self.cx.begin_throttle(id, now.instant);
                return Ok(None);
            }
            Some(most) => session.out.write_at_most(most, write)?,
        };
        session.bytes_out += count as u64;
        self.cx.totals.bytes_out.add(count as u64);
        session.last_output = now.instant;
        let next_due = match session.protocol {
            ProtocolState::Rtmp(_) | ProtocolState::HttpClient(_) => None,
            ProtocolState::RtmpClient(_) => {
                self.cx.relays.count_sent(session, count as u64, now.instant);
                None
            }
            // A live answer ends with its session.
            ProtocolState::Http(_) if session.out.speaks_flv() => None,
            ProtocolState::Http(_) => session.settle_exchanges(&mut self.cx.work.done_exchanges, now.instant),
        };
        // The rest of what an HTTP player takes is elsewhere in memory, and does not change.
        if !session.out.speaks_flv() || session.out.reply_bytes() != replies {
            self.cx.budgets.count_replies(session);
        }
        if session.out.is_waiting() {
            self.cx.begin_answer_wait(id);
            return Ok(None);
        }
        if !session.out.is_empty() {
            if let Some(due) = next_due {
                self.cx.wake_no_later_than(id, due);
            }
            return Ok(Some(count));
        }
        if std::mem::take(&mut session.awaits_drain) {
            self.cx.work.drained.push_back(id);
        }
        if session.life != Life::Open || session.backlogged || is_draining || session.is_last_answer() {
            self.cx.queue_emptied(id);
        }
        Ok(None)
    }

    /// Whether a queue is filling up, so that the queues should be written before more input is read.
    pub fn needs_flush(&self) -> bool {
        self.cx.work.needs_flush
    }

    /// Takes the sessions with new output, each once.
    pub fn take_dirty(&mut self) -> Vec<SessionId> {
        if std::mem::take(&mut self.cx.work.needs_flush) {
            self.cx.end_full_waits();
        }
        let dirty = std::mem::take(&mut self.cx.work.dirty);
        for &id in &dirty {
            if let Some(session) = self.cx.sessions.get_mut(id) {
                session.dirty = false;
            }
        }
        dirty
    }

    /// Whether a step has something to do, whatever sockets and timers say.
    pub fn has_work(&self) -> bool {
        self.cx.work.is_pending()
    }

    /// Whether notices, answers or ends of sessions wait for their steps; then nothing new should be started.
    pub fn is_ending(&self) -> bool {
        self.cx.work.is_ending()
    }

    /// The number of RTMP clients without a role whose input waits for its step.
    pub fn joining(&self) -> usize {
        self.cx.work.joining.len()
    }

    /// The time at which [`Engine::expire`] has to be called next.
    pub fn next_deadline(&mut self) -> Option<Instant> {
        self.cx.timers.next()
    }

    /// Handles one expired timer; false if there is none.
    pub fn expire(&mut self, now: Now) -> bool {
        self.cx.now = now;
        if let Some(id) = self.cx.timers.answer_waits.pop_expired(now.instant) {
            self.contain_for(id, |engine| engine.cx.end_expired_wait(id));
            return true;
        }
        let Some(timer) = self.cx.timers.pop_expired(now.instant) else { return self.end_throttle() };
        if self.contain(|engine| engine.handle_timer(timer)).is_some() {
            return true;
        }
        self.end_after_panic(timer);
        true
    }

    fn handle_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Session { id, at } => self.check_session(id, at),
            Timer::Stream(id) => self.check_stream(id),
            Timer::Gone => self.gone_timer_expired(),
            Timer::Relays => self.relay_timer_expired(),
            Timer::Viewers => self.check_viewers(),
            Timer::Shared => self.drop_shared(),
            Timer::Module { module, token, .. } => {
                for candidate in self.modules.iter_mut().filter(|m| m.name() == module) {
                    candidate.on_timer(&mut self.cx, token);
                }
            }
        }
    }

    /// Does one step of the work that is left, see `Work`; false if there is none. Between two steps net may serve
    /// other sessions.
    pub fn step(&mut self, now: Now) -> bool {
        self.cx.now = now;
        self.enforce_budgets();
        self.cx.reclaim_memory();
        let Some(task) = self.cx.work.next() else { return false };
        match task {
            Task::Announce(notice) => self.deliver_notice(&notice),
            Task::Deliver(job) => self.deliver_result(job),
            Task::Return(returned) => self.deliver_returned(*returned),
            Task::TellOfDownload(news) => self.deliver_download_news(news),
            Task::TellOfCommand(news) => self.deliver_command_news(*news),
            Task::TellOfTrial(news) => self.deliver_trial(*news),
            Task::TellOfRelay(id, event) => {
                self.each_module(|module, cx| module.on_relay(cx, id, &event));
            }
            Task::Try(id) => {
                if self.contain(|engine| engine.cx.begin_try(id)).is_none() {
                    self.contain(|engine| engine.cx.try_after_panic(id));
                }
            }
            Task::Answer(ticket, reply) => {
                self.contain_for(ticket.session, |engine| engine.resume_request(ticket, reply));
            }
            Task::Decide(id, status) => {
                self.contain_for(id, |engine| engine.continue_request(id, status));
            }
            Task::CarryOut(order) => self.carry_out(*order),
            Task::EndGone(id) => self.contain_for(id, |engine| engine.end_gone_session(id)),
            Task::Dismiss(publisher) => {
                self.contain_for(publisher.session, |engine| engine.end_dismissed(publisher));
            }
            Task::Complete(player) => {
                self.contain_for(player.session, |engine| engine.complete_play(player));
            }
            Task::Linger(id) => self.contain_for(id, |engine| engine.cx.linger(id)),
            Task::TellDrained(id) => self.contain_for(id, |engine| engine.tell_drained(id)),
            Task::Resume(id) => self.contain_for(id, |engine| engine.resume(id)),
            Task::Compose(Composition::Own(id)) => self.contain_for(id, |engine| engine.compose(id)),
            Task::Compose(Composition::Shared(id)) => {
                if self.contain(|engine| engine.compose_shared(id)).is_none() {
                    self.fail_shared(id);
                }
            }
            Task::Account(exchange) => {
                self.contain(|engine| engine.account(*exchange));
            }
            Task::End(id) => {
                if self.contain(|engine| engine.end_session(id)).is_none() {
                    self.free_after_panic(id);
                }
            }
        }
        self.release_old_locations();
        true
    }

    fn deliver_notice(&mut self, notice: &Notice) {
        self.each_module(|module, cx| module.on_notice(cx, notice));
    }

    /// Delivers all notices: for where many streams end in one step.
    fn deliver_notices(&mut self) {
        while let Some(notice) = self.cx.work.notices.pop_front() {
            self.deliver_notice(&notice);
        }
    }

    /// The number of actions that wait for net.
    pub fn actions(&self) -> usize {
        self.cx.work.actions.len()
    }

    /// The next action for net.
    pub fn next_action(&mut self) -> Option<Action> {
        self.cx.work.actions.pop_front()
    }

    /// Whether there is neither a session nor anything that the last one has left to do, files included.
    pub fn has_ended(&self) -> bool {
        self.cx.sessions.is_empty() && !self.cx.work.is_ending() && !self.has_writes()
    }

    /// The number of sessions.
    pub fn session_count(&self) -> usize {
        self.cx.sessions.len()
    }
}
