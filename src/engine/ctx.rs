//! The context: the state of the engine without its modules, which every hook gets.
//!
//! Modules read its public fields and call its methods, which only queue: nothing here calls a module or a socket. The
//! fields are grouped: what modules use, configuration, bookkeeping, and the work that is left for later steps.

use crate::engine::now::Now;
use std::net::SocketAddr;
use std::time::Instant;

use crate::rtmp::chunk::DEFAULT_CHUNK_SIZE;

use crate::engine::config::Config;
use crate::engine::config::listener::{Listener, Protocol};
use crate::engine::config::policy::Policy;
use crate::engine::config::server::ServerSettings;
use crate::engine::http::hosts::Hosts;
use crate::engine::http::locations::Locations;
use crate::engine::ids::AppId;
use crate::engine::ids::SessionId;
use crate::engine::ids::StreamId;
use crate::engine::jobs::Jobs;
use crate::engine::limits::budgets::Budgets;
use crate::engine::limits::connections::{ConnectionLimits, Connections};
use crate::engine::limits::descriptors::Descriptors;
use crate::engine::limits::refusals::Refusals;
use crate::engine::memory::MemoryFiles;
use crate::engine::notice::{MAX_NOTICES, Notice};
use crate::engine::panics::Panics;
use crate::engine::session::log_limits::LogLimits;
use crate::engine::session::out_queue::{OutQueue, QueueLimits};
use crate::engine::session::{HttpState, ProtocolState, RtmpState, STEP_DEADLINE, Session, Sessions};
use crate::engine::stream::Streams;
use crate::engine::stream::awaited::Awaited;
use crate::engine::stream::name::StreamName;
use crate::engine::timers::{TimerId, Timers};
use crate::engine::work::Work;

/// The limits of an HTTP session's queue, which holds no frames.
const NO_FRAMES: QueueLimits = QueueLimits { messages: 0, cork: 0 };

/// An application, as the engine needs it while it serves.
#[derive(Debug, Clone)]
pub struct AppFacts {
    /// The name.
    pub name: String,
    /// The position of its RTMP server among the servers.
    pub server: usize,
    /// Clients that are connected now.
    pub clients: usize,
    /// The most clients (`max_connections`).
    pub(super) most_clients: Option<usize>,
    pub(super) policy: Policy,
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
    /// All applications, by [`AppId`].
    pub apps: Vec<AppFacts>,
    /// Files in memory, which are served before those on the disk.
    pub memory: MemoryFiles,
    /// Work for the threads, such as calls on files.
    pub jobs: Jobs,
    /// The file descriptors of the process and their reserve.
    pub descriptors: Descriptors,
    /// Counts of refused connections, clients and publishers.
    pub refusals: Refusals,
    /// The handling of panics, with their count.
    pub panics: Panics,

    // The configuration of servers and locations.
    pub(super) servers: Vec<ServerSettings>,
    /// The virtual hosts of each HTTP listener.
    pub(super) hosts: Vec<Hosts>,
    pub(super) locations: Locations,

    // What the engine keeps for itself.
    pub(super) connections: Connections,
    pub(super) budgets: Budgets,
    pub(super) timers: Timers,
    pub(super) log_limits: LogLimits,
    /// The number of suspended requests.
    pub(super) suspended: usize,
    pub(super) last_ticket: u64,
    /// Whether the server accepts nothing new and finishes what it has.
    pub(super) draining: bool,
    /// The current second since 1970, and its date as HTTP writes it.
    pub(super) date: (u64, String),
    /// The seed for the random bytes of the next handshake.
    seed: u64,

    // What is left for later steps.
    pub(super) work: Work,
}

impl Ctx {
    pub(super) fn new(config: &mut Config<'_>, budgets: Budgets, seed: u64, now: Now) -> Self {
        let apps = config.applications.iter();
        Self {
            now,
            sessions: Sessions::default(),
            streams: Streams::new(&budgets.frames),
            awaited: Awaited::default(),
            apps: apps
                .map(|app| AppFacts {
                    name: app.name.clone(),
                    server: app.server,
                    clients: 0,
                    most_clients: ConnectionLimits::of(&app.scope).clients(),
                    policy: app.policy,
                })
                .collect(),
            memory: MemoryFiles::default(),
            jobs: Jobs::default(),
            descriptors: Descriptors::default(),
            refusals: Refusals::default(),
            connections: Connections::new(&config.limits),
            locations: Locations::new(&config.locations),
            hosts: std::mem::take(&mut config.hosts),
            servers: config.servers.clone(),
            timers: Timers::default(),
            budgets,
            log_limits: LogLimits::default(),
            work: Work::default(),
            suspended: 0,
            last_ticket: 0,
            panics: Panics::default(),
            draining: false,
            date: (0, String::new()),
            seed,
        }
    }

    /// Whether the server accepts nothing new and finishes what it has: another process may have its streams already.
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// The stream of this name, created if there is none.
    pub(super) fn find_or_create_stream(&mut self, app: AppId, name: &StreamName) -> StreamId {
        let app_name = self.apps.get(app.0).map_or("", |app| &app.name);
        self.streams.find_or_create(app, app_name, name)
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
        listener: &Listener,
        peer: SocketAddr,
        local: SocketAddr,
    ) -> SessionId {
        let (now, server) = (self.now.instant, listener.server_at(local));
        let settings = self.servers.get(server).filter(|_| listener.protocol == Protocol::Rtmp);
        let (chunking, limits) =
            settings.map_or((DEFAULT_CHUNK_SIZE.into(), NO_FRAMES), |s| (s.rtmp.chunking, s.queue));
        let protocol = match listener.protocol {
            Protocol::Rtmp => {
                self.seed = self.seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                ProtocolState::Rtmp(Box::new(RtmpState::new(self.seed, server, now)))
            }
            Protocol::Http => ProtocolState::Http(Box::new(HttpState::new(local, server, now))),
        };
        let out = OutQueue::new(chunking, limits);
        let id = self.sessions.insert(|id| Session::new(id, peer, protocol, out, now));
        self.reset_timer(id, now + STEP_DEADLINE);
        id
    }
}
