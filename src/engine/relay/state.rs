//! A relay, and how it is: for statistics, and for the module that has started it.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::engine::calls::destination::Destination;
use crate::engine::ids::{AppId, SessionId, StreamId};
use crate::engine::relay::target::Target;
use crate::engine::statistics::rate::Rate;
use crate::engine::stream::name::StreamName;

/// A relay. No other has the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelayId(pub u64);

/// The direction of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayKind {
    /// A stream of this server is published to another one.
    Push,
    /// A stream of another server is published here.
    Pull,
}

impl RelayKind {
    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pull => "pull",
        }
    }

    /// The way that the stream goes, between the stream here and the other server.
    pub fn arrow(self) -> &'static str {
        match self {
            Self::Push => "->",
            Self::Pull => "<-",
        }
    }
}

/// Who has asked for a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelaySource {
    /// `push` or `pull` in the configuration.
    Configured,
    /// The answer of a backend.
    Callback,
    /// An operator, while the server runs.
    Operator,
    /// `edge`.
    Edge,
    /// `origin_lookup`.
    Lookup,
}

impl RelaySource {
    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Configured => "configuration",
            Self::Callback => "callback",
            Self::Operator => "operator",
            Self::Edge => "edge",
            Self::Lookup => "lookup",
        }
    }
}

/// What is to be relayed, and how.
#[derive(Debug, Clone)]
pub struct RelaySpec {
    /// The other ends, which are tried in order; one of them is used at a time.
    pub targets: Rc<[Target]>,
    /// Who has asked for it.
    pub source: RelaySource,
    /// The time before the first new try after a failure; it doubles up to 30 s.
    pub reconnect: Duration,
    /// How long a pull continues after its last player (`pull_linger`).
    pub linger: Duration,
    /// Whether a pull runs without players (`static`).
    pub is_static: bool,
    /// Whether a push outlives its stream until the publisher's connection is closed (`session_relay`).
    pub keeps_session: bool,
}

/// What a relay does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayState {
    /// It connects, or has asked the other server to publish or play.
    Connecting,
    /// It publishes or plays.
    Running,
    /// It has failed, and tries again at this time.
    Waiting(Instant),
    /// A publisher here has the stream that it would pull.
    Standby,
}

impl RelayState {
    /// The names of all states.
    pub const NAMES: [&'static str; 4] = ["connecting", "running", "waiting", "standby"];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Running => "running",
            Self::Waiting(_) => "waiting",
            Self::Standby => "standby",
        }
    }
}

/// A relay.
#[derive(Debug)]
pub struct Relay {
    /// The id.
    pub id: RelayId,
    /// The direction.
    pub kind: RelayKind,
    /// The application here.
    pub app: AppId,
    /// The stream here.
    pub name: StreamName,
    /// The stream here of a push.
    pub stream: Option<StreamId>,
    /// The stream here, for log lines: "live/cam".
    pub label: Rc<str>,
    /// What is relayed, and how.
    pub spec: RelaySpec,
    /// The position of the target that is used, or tried next.
    pub current: usize,
    /// What it does now.
    pub state: RelayState,
    /// Since when it does that.
    pub since: Instant,
    /// Since when there is this relay.
    pub started: Instant,
    /// The session that is the connection.
    pub session: Option<SessionId>,
    /// How often it has begun to run, but for the first time.
    pub reconnects: u64,
    /// Tries that have failed since it has run for 30 s.
    pub failures: u32,
    /// Why it has failed last: for people.
    pub last_error: Option<Box<str>>,
    /// Bytes that were sent to, or received from, the other server over all connections.
    pub bytes: u64,
    /// The same for each second.
    pub rate: Rate,
    /// Frames that were left out, as the other server was too slow.
    pub dropped: u64,
    /// What relays have counted that are over, and that nobody can tell from this one: the keys of their targets differ.
    pub(in crate::engine) inherited: RelaySums,
    /// What log lines show behind the other server, so that it is told from others: " (relay 3)".
    pub(in crate::engine) mark: Box<str>,
    pub(in crate::engine) progress: Progress,
}

/// What is counted of a relay, and never falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RelaySums {
    /// Bytes.
    pub bytes: u64,
    /// Frames that were left out.
    pub dropped: u64,
    /// How often it has begun to run again.
    pub reconnects: u64,
}

impl RelaySums {
    /// Adds those of another relay.
    pub fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.dropped += other.dropped;
        self.reconnects += other.reconnects;
    }
}

/// What only the engine needs to know of a relay.
#[derive(Debug)]
pub(in crate::engine) struct Progress {
    /// How often all targets have failed, one after the other, since it has run for long.
    pub rounds: u32,
    /// Whether it has ever run.
    pub has_run: bool,
    /// The session that publishes the stream of a push.
    pub publisher: Option<SessionId>,
    /// When a pull was last wanted, and when its stream was last live.
    pub wanted_at: Instant,
    pub live_at: Instant,
    /// The server to which the other one has sent it, for its next try.
    pub elsewhere: Option<Rc<Destination>>,
    /// When it was sent to another server first in this minute, and how often since.
    pub moves: (Instant, u32),
    /// The arguments for an authentication, for the next try, and how often it was asked for them.
    pub auth: (String, u8),
    /// Frames that its earlier connections have left out.
    pub dropped_before: u64,
    /// The failure of each target that the log has told last, and when.
    pub told: BTreeMap<usize, (Box<str>, Instant)>,
    /// When the last try has begun.
    pub tried_at: Instant,
    /// Other targets of a pull, that players have asked for since.
    pub others: VecDeque<RelaySpec>,
}

impl Progress {
    pub fn new(publisher: Option<SessionId>, now: Instant) -> Self {
        Self {
            rounds: 0,
            has_run: false,
            publisher,
            wanted_at: now,
            live_at: now,
            elsewhere: None,
            moves: (now, 0),
            auth: (String::new(), 0),
            dropped_before: 0,
            told: BTreeMap::new(),
            tried_at: now,
            others: VecDeque::new(),
        }
    }
}

impl Relay {
    /// The other end that is used, or tried next.
    pub fn target(&self) -> Option<&Target> {
        self.spec.targets.get(self.current)
    }

    /// Whether it has ever run.
    pub fn has_run(&self) -> bool {
        self.progress.has_run
    }

    /// What it has counted, with what it has inherited.
    pub fn sums(&self) -> RelaySums {
        let mut sums = RelaySums { bytes: self.bytes, dropped: self.dropped, reconnects: self.reconnects };
        sums.add(self.inherited);
        sums
    }

    /// Whether what is shown of another relay is the same.
    fn looks_like(&self, other: &Self) -> bool {
        let shown = |relay: &Self| relay.spec.targets.first().map(|target| target.shown.clone());
        (self.kind, self.app) == (other.kind, other.app)
            && self.name == other.name
            && shown(self) == shown(other)
    }

    /// Takes over what a relay has counted that is over.
    pub(in crate::engine) fn inherit(&mut self, ended: &Self) -> bool {
        let is_heir = self.looks_like(ended);
        if is_heir {
            self.inherited.add(ended.sums());
        }
        is_heir
    }

    /// The stream and the other server, for log lines: "live/cam -> a.example", and "<-" for a pull.
    pub fn ends(&self) -> String {
        let arrow = self.kind.arrow();
        let elsewhere = self.progress.elsewhere.as_deref();
        let own = || self.target().map(|target| &*target.destination);
        match elsewhere.or_else(own) {
            Some(Destination { host, port, tls, .. }) => {
                let is_usual = *port == if tls.is_some() { 443 } else { 1935 };
                let port = if is_usual { String::new() } else { format!(":{port}") };
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                format!("{} {arrow} {host}{port}{}", self.label, self.mark)
            }
            None => self.label.to_string(),
        }
    }

    /// The session, its stream and the other server, as a log line begins: "#12 live/cam -> a.example".
    pub(in crate::engine) fn head(&self) -> String {
        match self.session {
            Some(session) => format!("{session} {}", self.ends()),
            None => self.ends(),
        }
    }
}

/// What has happened to a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayEvent {
    /// It runs: the other server has accepted its publish or play.
    Began,
    /// A try has failed.
    Failed {
        /// The reason, for people.
        why: String,
        /// Whether the other server has refused it, rather than could not be reached or was lost.
        is_refusal: bool,
        /// Whether another target is tried at once.
        has_next: bool,
    },
    /// It is over.
    Ended,
}

/// What an operator asks for while the server runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayOrder {
    /// To publish a live stream to a URL, too.
    Push {
        /// The stream.
        stream: StreamId,
        /// The URL, as `push` has it.
        url: String,
    },
    /// To publish the stream of a URL here.
    Pull {
        /// The application.
        app: AppId,
        /// The name here.
        name: StreamName,
        /// The URL, as `pull` has it.
        url: String,
        /// Whether it runs until it is ended, rather than as long as somebody plays it.
        is_static: bool,
    },
    /// To end a relay.
    End(RelayId),
}

/// A question to another server.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The name of the module that gets the result.
    pub module: &'static str,
    /// The module's number for it.
    pub token: u64,
    /// What is asked: to publish there as a push, or to play as a pull.
    pub kind: RelayKind,
    /// The other end, with the client's arguments.
    pub target: Target,
    /// The application here.
    pub app: AppId,
    /// The client for which it is asked, if it has come by RTMP: a trial that travels in a circle is found as a relay is.
    pub client: Option<SessionId>,
}

/// The result of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialResult {
    /// The other server lets the client play or publish.
    Accepted,
    /// The other server refuses; its reason, for people.
    Refused(String),
    /// It could not be reached, or has not answered in time; why, for people.
    Unknown(String),
}

/// There are too many trials already, or the application is gone; nothing is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrialsFull;

/// A trial that is under way.
#[derive(Debug)]
pub(in crate::engine) struct RunningTrial {
    pub trial: Trial,
    /// What the other server has answered.
    pub result: Option<TrialResult>,
    /// The arguments that answered its question who connects, and how often it has asked.
    pub auth: (String, u8),
}

/// The result of a trial, for its module.
#[derive(Debug)]
pub(in crate::engine) struct TrialNews {
    pub module: &'static str,
    pub token: u64,
    pub result: TrialResult,
}
