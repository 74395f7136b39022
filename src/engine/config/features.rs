//! Features: the part of a module's directives that other modules have to know.
//!
//! A module reads only its own directives and the engine's. What several need stands here: the owner sets it in
//! [`Module::declare`](crate::engine::Module::declare), before any module is configured.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::tokens::TokenLine;
use crate::conf::Node;
use crate::engine::calls::destination::ClientTls;
use crate::engine::config::network::rules::{AddressRules, Asker, Judgement};

/// The features of an application.
#[derive(Debug, Clone, Default)]
pub struct Features<'t> {
    /// `live`: streams may be published and played.
    pub live: bool,
    /// `play`: files may be played.
    pub plays_files: bool,
    /// `gop_cache`: players begin with the last key frame, unless its group has become too long to be kept.
    pub gop_cache: bool,
    /// `record`: not off.
    pub record: bool,
    /// The recorders: that of the application itself, if it is not off, and its `recorder` blocks.
    pub recorders: Vec<RecorderFeature>,
    /// `hls`: none if it is off.
    pub hls: Option<HlsFeature<'t>>,
    /// Keys, signatures and passwords.
    pub guards: Guards,
    /// The links of players (`play_secret`).
    pub play_links: LinkScope,
    /// Callbacks that decide, to which the name of a stream may be a key.
    pub asks: Guards,
    /// What decides about players: who may not play at once is not told what is live.
    pub players: PlayerChecks,
    /// Streams may be pulled from other servers: the first player, of whatever kind, has to be noticed.
    pub pulls: bool,
    /// The settings of TLS towards other servers, without a certificate of our own (`ssl_verify`).
    pub client_tls: Arc<ClientTls>,
}

impl Features<'_> {
    /// Whether viewers of HLS have to show something, or a backend is asked about them.
    pub fn guards_viewers(&self) -> bool {
        let Some(hls) = &self.hls else { return false };
        self.guards.play || hls.sessions && self.asks.play
    }
}

/// What decides who may play in an application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlayerChecks {
    /// Keys, links or passwords have to be shown, or a backend is asked about players, or about all clients.
    pub are_asked: bool,
    /// A backend is asked about all clients that connect. There is no such question for who connects to nothing.
    pub clients_are_asked: bool,
    /// The rules by address for players.
    pub rules: AddressRules,
}

impl PlayerChecks {
    /// Whether everybody may play.
    pub fn are_none(&self) -> bool {
        !self.are_asked && self.rules.is_empty()
    }

    /// Whether a client may be admitted to what is no live stream, perhaps by what it shows.
    pub fn may_admit(&self, asker: Asker) -> bool {
        !self.clients_are_asked && self.rules.admit(asker)
    }

    /// Whether a client may play at once, without anything to show.
    pub fn admit(&self, asker: Asker) -> bool {
        !self.are_asked && self.rules.admit(asker)
    }
}

/// The actions for which a client shows a key, a signature or a password, or for which a backend is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Guards {
    /// Publishing.
    pub publish: bool,
    /// Playing.
    pub play: bool,
}

/// Where a link may be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LinkScope {
    /// There are no links.
    #[default]
    Nowhere,
    /// Anywhere.
    Anywhere,
    /// At the address that is signed in it.
    OneAddress,
}

/// The settings of a recorder.
#[derive(Debug, Clone)]
pub struct RecorderFeature {
    /// Its name; empty for that of the application itself.
    pub name: String,
    /// `record`: what is recorded, and whether only when an operator wants it, in nginx's words.
    pub flags: Vec<&'static str>,
    /// `record_unique`.
    pub unique: bool,
    /// `record_append`.
    pub append: bool,
    /// `record_lock`.
    pub lock: bool,
    /// `record_notify`.
    pub notify: bool,
    /// `record_path`.
    pub path: PathBuf,
    /// `record_max_size`; 0 for no limit.
    pub most_bytes: u64,
    /// `record_max_frames`; 0 for no limit.
    pub most_frames: u64,
    /// `record_interval`.
    pub interval: Option<Duration>,
    /// `record_suffix`.
    pub suffix: String,
}

/// The HLS of an application.
#[derive(Debug, Clone)]
pub struct HlsFeature<'t> {
    /// `hls_path`, as it is written; empty if it is missing.
    pub path: String,
    /// `hls_nested`.
    pub layout: HlsLayout,
    /// `hls_key_path`, as it is written; empty where keys are in `hls_path`, or there are none.
    pub key_path: String,
    /// The suffixes of `hls_variant`.
    pub suffixes: Vec<String>,
    /// `hls_max_viewers`.
    pub most_viewers: Option<usize>,
    /// `hls_max_viewers_per_address`.
    pub most_viewers_per_address: Option<usize>,
    /// `hls_sessions`: backends are asked about viewers, or told of them.
    pub sessions: bool,
    /// Where that is written, or else the application.
    pub sessions_node: &'t Node,
    /// `hls_fragment`.
    pub fragment: Duration,
    /// The directive `hls_path`, or else the application.
    pub node: &'t Node,
}

/// The layout of HLS files in `hls_path`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HlsLayout {
    /// All streams in one directory.
    Flat,
    /// A directory for each stream.
    Nested,
}

impl HlsLayout {
    /// The path of a stream's playlist below `hls_path`.
    pub fn playlist(self, name: &str) -> String {
        match self {
            Self::Flat => format!("{name}.m3u8"),
            Self::Nested => format!("{name}/index.m3u8"),
        }
    }
}

/// The folders of a location's files, as they are written.
#[derive(Debug, Clone, Default)]
pub struct LocationFiles {
    /// `root`, or empty.
    pub root: String,
    /// `alias`, or empty.
    pub alias: String,
}

/// Who may ask for a location.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocationAccess {
    /// `allow` and `deny`.
    pub rules: AddressRules,
    /// `auth_basic`: a password is asked for.
    pub asks_password: bool,
    /// `satisfy any`: an address that is let in needs no password, and who has one may be anywhere.
    pub either_suffices: bool,
}

impl LocationAccess {
    /// Whether a client may pass, perhaps with a password.
    pub fn may_pass(&self, asker: Asker) -> bool {
        self.rules.admit(asker) || self.asks_password && self.either_suffices
    }

    /// Whether a client passes without a password.
    pub fn passes_at_once(&self, asker: Asker) -> bool {
        let is_let_in = match self.rules.judge(asker) {
            Some(judgement) => judgement == Judgement::Allow,
            None => !self.asks_password,
        };
        is_let_in && (!self.asks_password || self.either_suffices)
    }
}

/// The API at a location (`millstream_api`).
#[derive(Debug, Clone)]
pub struct ApiFeature {
    /// Its tokens (`api_token`).
    pub tokens: Vec<TokenLine>,
}
