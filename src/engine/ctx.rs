//! The context: the state of the engine without its modules, which every hook gets.
//!
//! Modules read its public fields and call its methods, which only queue: nothing here calls a module or a socket. The
//! fields are grouped: what modules use, configuration, bookkeeping, and the work that is left for later steps.

use crate::engine::now::Now;
use std::collections::{HashMap, HashSet};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::rtmp::chunk::DEFAULT_CHUNK_SIZE;

use crate::conf::Scope;
use crate::engine::calls::connection::HttpClientState;
use crate::engine::calls::destination::Destination;
use crate::engine::calls::pool::Calls;
use crate::engine::commands::running::Commands;
use crate::engine::config::by_id::{ByApp, ByServer};
use crate::engine::config::features::Guards;
use crate::engine::config::listen_on::ListenOn;
use crate::engine::config::listener::{Listener, Service};
use crate::engine::config::policy::Policy;
use crate::engine::config::server::RtmpServer;
use crate::engine::config::tls::settings::ServerTls;
use crate::engine::config::{Application, Config};
use crate::engine::http::connection::HttpState;
use crate::engine::http::hosts::Hosts;
use crate::engine::http::locations::Locations;
use crate::engine::ids::{AppId, Endpoint, ListenerId, LocationId, ServerId, SessionId, StreamId};
use crate::engine::jobs::Jobs;
use crate::engine::limits::bans::Bans;
use crate::engine::limits::budgets::Budgets;
use crate::engine::limits::connections::{ConnectionLimits, Connections};
use crate::engine::limits::descriptors::Descriptors;
use crate::engine::limits::guesses::Guesses;
use crate::engine::limits::refusals::Refusals;
use crate::engine::memory::MemoryFiles;
use crate::engine::notice::{MAX_NOTICES, Notice};
use crate::engine::panics::Panics;
use crate::engine::peer::Peer;
use crate::engine::relay::connection::RtmpClientState;
use crate::engine::relay::relays::Relays;
use crate::engine::request::RequestKind;
use crate::engine::rtmp::connection::RtmpState;
use crate::engine::session::log_limits::LogLimits;
use crate::engine::session::out_queue::{OutQueue, QueueLimits};
use crate::engine::session::{ProtocolState, STEP_DEADLINE, Session, Sessions};
use crate::engine::sink::Outlet;
use crate::engine::statistics::flv_players::FlvPlayers;
use crate::engine::statistics::totals::Totals;
use crate::engine::stream::Streams;
use crate::engine::stream::awaited::Awaited;
use crate::engine::stream::name::StreamName;
use crate::engine::timers::{TimerId, Timers};
use crate::engine::tls::counts::TlsCounts;
use crate::engine::tls::facts::Verifier;
use crate::engine::viewing::Viewing;
use crate::engine::work::Work;

/// The limits of an HTTP session's queue, which holds no frames.
const NO_FRAMES: QueueLimits = QueueLimits { messages: 0, cork: 0 };

/// An application, as the engine needs it while it serves.
#[derive(Debug, Clone)]
pub struct AppFacts {
    /// The name.
    pub name: String,
    /// Clients that are connected now.
    pub clients: usize,
    /// The most clients (`max_connections`).
    pub(super) most_clients: Option<usize>,
    pub(super) server: ServerId,
    pub(super) policy: Policy,
    /// `live`.
    pub(super) is_live: bool,
    /// `play`.
    pub(super) plays_files: bool,
    /// Bytes of media of files that its players have been sent.
    pub file_bytes: u64,
    pub(super) guards: Guards,
    pub(super) asks: Guards,
    /// The end of its sessions, since a reload.
    pub(super) end: Option<SessionsEnd>,
}

impl AppFacts {
    /// Whether files may be played, or have been.
    pub fn has_files(&self) -> bool {
        self.plays_files || self.file_bytes > 0
    }

    /// Whether players may wait for streams that nobody publishes (`idle_streams`).
    pub fn has_idle_streams(&self) -> bool {
        self.policy.idle_streams
    }
}

/// The end of the sessions of an application or a server after a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionsEnd {
    pub reason: EndReason,
    /// When the grace is over.
    pub at: Instant,
}

/// Why sessions end after a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndReason {
    /// The configuration does not have their application any more.
    AppGone,
    /// `live` is off now in their application; only those that publish or play end, but not those that play files if
    /// it still has some.
    NotLive,
    /// No files are played any more in their application; only those that play one end.
    NoFiles,
    /// The configuration does not have their server any more; only those that are not connected to an application end.
    ServerGone,
}

impl AppFacts {
    fn new(app: &Application<'_>) -> Self {
        Self {
            name: app.name.clone(),
            clients: 0,
            most_clients: ConnectionLimits::of(&app.scope).clients(),
            server: app.server,
            policy: app.policy,
            is_live: app.features.live,
            plays_files: app.features.plays_files,
            file_bytes: 0,
            guards: app.features.guards,
            asks: app.features.asks,
            end: None,
        }
    }

    /// Whether a client shows a key, a signature or a password for such a request; the name that it sends may be the
    /// key itself. For a connect: whether it does for anything in the application.
    pub fn guards(&self, kind: &RequestKind) -> bool {
        match kind {
            RequestKind::Connect(_) => self.guards.publish || self.guards.play,
            RequestKind::Publish { .. } => self.guards.publish,
            RequestKind::Play { .. } | RequestKind::View(_) => self.guards.play,
        }
    }

    /// Whether a backend is asked about such a request for a stream.
    pub(super) fn asks(&self, kind: &RequestKind) -> bool {
        match kind {
            RequestKind::Connect(_) => false,
            RequestKind::Publish { .. } => self.asks.publish,
            RequestKind::Play { .. } | RequestKind::View(_) => self.asks.play,
        }
    }

    /// Whether it is gone since a reload.
    pub(super) fn is_gone(&self) -> bool {
        self.end.is_some_and(|end| end.reason == EndReason::AppGone)
    }
}

/// Whether the server serves, or is about to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Serving,
    /// It accepts nothing new and finishes what it has.
    Draining,
    /// It ends now.
    Stopping,
}

/// The engine's state, without the modules.
pub struct Ctx {
    // What modules use.
    /// The time of the current step.
    pub now: Now,
    /// All sessions.
    pub sessions: Sessions,
    /// All streams.
    pub streams: Streams,
    /// Streams that have ended and whose viewers still wait.
    pub awaited: Awaited,
    /// All applications.
    pub apps: ByApp<AppFacts>,
    /// Viewers of HLS, and the files that they watch.
    pub viewing: Viewing,
    /// Files in memory, which are served before those on the disk.
    pub memory: MemoryFiles,
    /// Work for the threads, such as calls on files.
    pub jobs: Jobs,
    /// The file descriptors of the process and their reserve.
    pub descriptors: Descriptors,
    /// The numbers of the whole server since its start.
    pub totals: Totals,
    /// Its players that take FLV.
    pub flv_players: FlvPlayers,
    /// Encrypted connections and handshakes.
    pub tls: TlsCounts,
    /// By what handshakes verify the certificates of clients, by the settings of their servers.
    pub(in crate::engine) verifiers: HashMap<Arc<ServerTls>, Arc<Verifier>>,
    /// When it started.
    pub started: Now,
    /// Whether streams keep their last minute, as a module shows it.
    pub keeps_history: bool,
    /// Counts of refused connections, clients and publishers.
    pub refusals: Refusals,
    /// Addresses that operators have banned.
    pub bans: Bans,
    /// Wrong keys, signatures and passwords by origin.
    pub guesses: Guesses,
    /// The handling of panics, with their count.
    pub panics: Panics,

    // The configuration of applications, servers and locations.
    /// The applications in the order of the configuration.
    pub(super) app_order: Vec<AppId>,
    pub(super) servers: ByServer<RtmpServer>,
    pub(super) listeners: Vec<Listener>,
    /// The virtual hosts of the HTTP listeners.
    pub(super) hosts: Vec<Hosts>,
    pub(super) locations: Rc<Locations>,
    /// The locations of earlier configurations, each with its first id, while requests have them.
    pub(super) old_locations: Vec<(LocationId, Weak<Locations>)>,
    /// The lowest id that no listener has had.
    pub(super) next_listener: u32,
    /// `reload_grace`.
    pub(super) reload_grace: Duration,

    // What the engine keeps for itself.
    pub(super) connections: Connections,
    /// Sessions that are connections to backends.
    pub(super) backend_connections: usize,
    pub(super) budgets: Budgets,
    pub(super) timers: Timers,
    pub(super) calls: Calls,
    pub(super) relays: Relays,
    pub(super) commands: Commands,
    pub(super) log_limits: LogLimits,
    /// The number of suspended requests.
    pub(super) suspended: usize,
    /// Publishers that have stopped and wait for their answers.
    pub(super) unanswered: HashSet<Endpoint>,
    pub(super) last_ticket: u64,
    /// Whether the server serves, or is about to end.
    pub(super) phase: Phase,
    /// When the timer for what is gone since a reload expires.
    pub(super) gone_check: Option<Instant>,
    /// The current second since 1970, and its date as HTTP writes it.
    pub(super) date: (u64, String),
    /// The seed for the random bytes of the next handshake.
    seed: u64,

    // What is left for later steps.
    pub(super) work: Work,
}

impl Ctx {
    pub(super) fn new(config: Config<'_>, root: &Scope<'_>, seed: u64, now: Now) -> Self {
        let budgets = Budgets::new(root);
        Self {
            now,
            sessions: Sessions::default(),
            streams: Streams::new(&budgets.frames),
            awaited: Awaited::default(),
            apps: config.applications.iter().map(|app| (app.id, AppFacts::new(app))).collect(),
            app_order: config.applications.iter().map(|app| app.id).collect(),
            viewing: Viewing::new(&config.applications, seed),
            memory: MemoryFiles::default(),
            jobs: Jobs::default(),
            descriptors: Descriptors::default(),
            totals: Totals::default(),
            flv_players: FlvPlayers::default(),
            tls: TlsCounts::default(),
            verifiers: HashMap::new(),
            started: now,
            keeps_history: false,
            refusals: Refusals::default(),
            bans: Bans::default(),
            guesses: Guesses::default(),
            connections: Connections::new(&config.limits),
            backend_connections: 0,
            locations: Rc::new(Locations::new(config.ids.first_location(), &config.locations)),
            old_locations: Vec::new(),
            hosts: config.hosts,
            servers: config.servers,
            listeners: config.listeners,
            next_listener: config.ids.next_listener,
            reload_grace: root.time("reload_grace"),
            gone_check: None,
            timers: Timers::default(),
            calls: Calls::default(),
            relays: Relays::new(seed),
            commands: Commands::default(),
            budgets,
            log_limits: LogLimits::default(),
            work: Work::default(),
            suspended: 0,
            unanswered: HashSet::new(),
            last_ticket: 0,
            panics: Panics::default(),
            phase: Phase::Serving,
            date: (0, String::new()),
            seed,
        }
    }

    /// The surroundings of sinks, and of what works on their files.
    pub fn outlet(&mut self) -> Outlet<'_> {
        self.streams_and_outlet().1
    }

    /// The streams, the surroundings of their sinks, and how panics of sinks are handled.
    pub fn streams_and_outlet(&mut self) -> (&mut Streams, Outlet<'_>, &Panics) {
        let outlet = Outlet {
            now: self.now,
            memory: &mut self.memory,
            jobs: &mut self.jobs,
            lists: &mut self.viewing.lists,
            totals: &mut self.totals,
        };
        (&mut self.streams, outlet, &self.panics)
    }

    /// Bytes of replies from memory that wait for their clients.
    pub fn waiting_replies(&self) -> usize {
        self.budgets.media.used
    }

    /// Whether the server accepts nothing new and finishes what it has: another process may have its streams already.
    pub fn is_draining(&self) -> bool {
        self.phase != Phase::Serving
    }

    /// Whether the server ends now: what is not begun before the end of this turn never will be.
    pub fn is_stopping(&self) -> bool {
        self.phase == Phase::Stopping
    }

    /// The stream of this name, created if there is none.
    pub(super) fn find_or_create_stream(&mut self, app: AppId, name: &StreamName) -> StreamId {
        let app_name = self.apps.get(app).map_or("", |app| &app.name);
        self.streams.find_or_create(app, app_name, name)
    }

    /// All applications in the order of the configuration, behind them those that are gone and have not ended.
    pub(super) fn apps_in_order(&self) -> Vec<AppId> {
        let there = self.app_order.iter().copied().filter(|app| self.apps.get(*app).is_some());
        let gone = self.apps.iter().map(|(app, _)| app).filter(|app| !self.app_order.contains(app));
        there.chain(gone).collect()
    }

    /// The applications of an RTMP server, without those that are gone.
    pub(super) fn apps_of(&self, server: ServerId) -> impl Iterator<Item = (AppId, &AppFacts)> {
        self.apps.iter().filter(move |(_, app)| app.server == server && !app.is_gone())
    }

    /// The application of this name in an RTMP server.
    pub(super) fn find_app(&self, server: ServerId, name: &str) -> Option<AppId> {
        self.apps_of(server).find(|(_, app)| app.name == name).map(|(id, _)| id)
    }

    /// The application of this name in the server of another one.
    pub fn find_app_beside(&self, app: AppId, name: &str) -> Option<AppId> {
        self.find_app(self.apps.get(app)?.server, name)
    }

    /// The application of `stream_from_app`.
    pub(super) fn stream_from_app(&self, server: ServerId) -> Option<AppId> {
        self.servers.get(server).filter(|server| server.ends_at.is_none())?.stream_from_app
    }

    /// Whether the address of an RTMP session, or an HTTP player, is that of a proxy which its server trusts (`set_real_ip_from`), so that
    /// many clients may be behind it.
    pub fn is_trusted_proxy(&self, session: SessionId) -> bool {
        let Some(session) = self.sessions.get(session) else { return false };
        if let Some(player) = session.http_player() {
            return player.is_proxy;
        }
        let server = session.rtmp().and_then(|state| self.servers.get(state.server.server));
        !session.is_told && server.is_some_and(|server| server.trusted.contains(session.peer))
    }

    /// The virtual hosts for an HTTP connection that a listener has accepted at this address of the machine; none if
    /// the address is not served any more.
    pub(super) fn hosts_at(&self, listener: ListenerId, local: &ListenOn) -> Option<&Hosts> {
        let accepted = self.listeners.iter().find(|other| other.id == listener);
        let found = accepted.or_else(|| self.listeners.iter().find(|other| other.accepts(local)));
        match found?.service_at(local) {
            Service::Http(hosts) => self.hosts.get(hosts),
            Service::Rtmp(_) => None,
        }
    }

    /// Calls a module's `on_timer` with `token` at `at`.
    pub fn set_module_timer(&mut self, module: &'static str, at: Instant, token: u64) -> TimerId {
        self.timers.add_module(at, module, token)
    }

    /// Cancels a module's timer, unless it has expired.
    pub fn cancel_timer(&mut self, timer: TimerId) {
        self.timers.cancel(timer);
    }

    /// Tells all modules what has happened, in a step of its own.
    pub fn announce(&mut self, notice: Notice) {
        if self.work.notices.len() >= MAX_NOTICES {
            return log::error!("more than {MAX_NOTICES} notices wait; lost is {notice:?}");
        }
        self.work.notices.push_back(notice);
    }

    /// Creates the session of a new connection, with the time for its first step.
    pub(super) fn open_session(
        &mut self,
        (listener, service): (ListenerId, Service),
        peer: Peer,
        local: ListenOn,
    ) -> SessionId {
        let now = self.now.instant;
        let server = match service {
            Service::Rtmp(server) => self.servers.get(server).map(|server| Rc::clone(&server.settings)),
            Service::Http(_) => None,
        };
        let (chunking, limits) = server
            .as_ref()
            .map_or((DEFAULT_CHUNK_SIZE.into(), NO_FRAMES), |server| (server.rtmp.chunking, server.queue));
        let protocol = match server {
            Some(server) => ProtocolState::Rtmp(Box::new(RtmpState::new(self.next_seed(), server, now))),
            None => ProtocolState::Http(Box::new(HttpState::new(local, listener, (now, STEP_DEADLINE)))),
        };
        let out = OutQueue::new(chunking, limits);
        let id = self.sessions.insert(|id| Session::new(id, peer, protocol, out, now));
        self.reset_timer(id, now + STEP_DEADLINE);
        id
    }

    /// A number for what should differ each time.
    pub(super) fn next_seed(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        self.seed
    }

    /// Creates a session for a relay that net is to connect; its timer is to be set.
    pub(super) fn open_relay(&mut self, state: RtmpClientState) -> SessionId {
        let now = self.now.instant;
        let out = OutQueue::new(state.server.rtmp.chunking, state.server.queue);
        let protocol = ProtocolState::RtmpClient(Box::new(state));
        self.sessions.insert(|id| Session::new(id, Peer::UNKNOWN, protocol, out, now))
    }

    /// Creates a session that net is to connect; its timer is set with its first call.
    pub(super) fn open_client(&mut self, destination: Rc<Destination>) -> SessionId {
        let now = self.now.instant;
        let protocol = ProtocolState::HttpClient(Box::new(HttpClientState::new(destination, now)));
        let out = OutQueue::new(DEFAULT_CHUNK_SIZE, NO_FRAMES);
        self.backend_connections += 1;
        self.sessions.insert(|id| Session::new(id, Peer::UNKNOWN, protocol, out, now))
    }
}
