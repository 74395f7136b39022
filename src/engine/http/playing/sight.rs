//! Who sees what: of which streams, and of whose recordings, a request is told.
//!
//! Without a token those that its client may play at once, by its address alone. With a token of the API of the same server
//! all. A client that may not play hears neither of the stream nor of how many there are.

use std::fmt::Write;

use serde::Serialize;

use crate::auth::secret::Hasher;
use crate::auth::tokens::{Shown, Tokens};
use crate::engine::config::by_id::ByApp;
use crate::engine::config::features::{LocationAccess, PlayerChecks};
use crate::engine::config::tls::settings::ClientVerification;
use crate::engine::config::{Application, Config};
use crate::engine::ctx::Ctx;
use crate::engine::http::answer::HttpReply;
use crate::engine::http::locations::Location;
use crate::engine::http::request::HttpRequest;
use crate::engine::ids::AppId;
use crate::engine::limits::tokens::TokenRefusal;
use crate::engine::peer::Peer;

/// What a client needs to play in an application.
#[derive(Debug)]
pub struct Entrance {
    checks: PlayerChecks,
    /// The certificate that its RTMP server wants of all its clients.
    certificate: Option<ClientVerification>,
}

/// The API of the page's server, whose tokens are good for the page, too.
#[derive(Debug)]
pub struct Api {
    /// Its path, ending with '/'.
    path: String,
    access: LocationAccess,
    tokens: Tokens,
}

/// An API that a script of the page can ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfferedApi {
    /// Its path, ending with '/'.
    pub path: String,
    /// Whether it takes tokens.
    pub tokens: bool,
}

/// How a request comes to the streams of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// It sees them at once.
    Open,
    /// The gates decide, by what it shows.
    Asked,
    /// It does not, whatever it shows.
    Closed,
}

/// What a request may see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// Whether a token was shown: it is everything.
    pub all: bool,
    /// Whether the other servers of relays are shown.
    pub targets: bool,
    /// The applications of which it sees nothing, in order.
    hidden: Vec<AppId>,
    /// Those of them of which it sees nothing whatever it shows, in order.
    closed: Vec<AppId>,
    /// Its client, if there is a ban on it.
    banned: Option<Peer>,
    /// Whether its client may ask the API.
    has_api: bool,
}

impl Entrance {
    /// That of an application.
    pub fn read(config: &Config<'_>, app: &Application<'_>) -> Self {
        Self { checks: app.features.players.clone(), certificate: config.certificates_of(app) }
    }

    fn entry(&self, request: &HttpRequest) -> Entry {
        let has_shown = |wanted| request.tls.as_deref().is_some_and(|facts| facts.satisfies(wanted));
        let asker = request.asker();
        if self.checks.admit(asker) && self.certificate.as_ref().is_none_or(has_shown) {
            Entry::Open
        } else if self.checks.may_admit(asker) && self.certificate.as_ref().is_none_or(has_shown) {
            Entry::Asked
        } else {
            Entry::Closed
        }
    }
}

impl Api {
    /// The first API of a server; that of the control socket is another one's.
    pub fn of_server(config: &Config<'_>, server: usize, hasher: &Hasher) -> Option<Self> {
        let is_it = |location: &&Location<'_>| {
            location.server == server
                && !location.is_control
                && location.kind.is_prefix()
                && location.api.is_some()
        };
        let location = config.locations.iter().find(is_it)?;
        let mut tokens = Tokens::new(hasher);
        for line in location.api.iter().flat_map(|api| &api.tokens) {
            // Two of one secret are a mistake, which the API tells.
            tokens.add(line.clone());
        }
        let path = format!("{}/", location.path.trim_end_matches('/'));
        Some(Self { path, access: location.access.clone(), tokens })
    }

    /// What the page is told of it.
    pub fn offered(&self) -> OfferedApi {
        OfferedApi { path: self.path.clone(), tokens: !self.tokens.is_empty() }
    }

    /// Whether a script of the page gets an answer: neither is its client turned away, nor is a password asked for in the
    /// header that the token stands in.
    fn is_open_to(&self, request: &HttpRequest) -> bool {
        let asker = request.asker();
        if self.tokens.is_empty() { self.access.may_pass(asker) } else { self.access.passes_at_once(asker) }
    }
}

impl Sight {
    /// What a request may see, or the answer if it shows a token that is not right.
    pub fn of(
        cx: &mut Ctx,
        (entrances, api): (&ByApp<Entrance>, Option<&Api>),
        request: &HttpRequest,
    ) -> Result<Self, HttpReply> {
        let api = api.filter(|api| api.is_open_to(request));
        let all = match (Shown::of(&request.head.headers), api) {
            (Shown::Nothing, _) => false,
            (_, Some(api)) if !api.tokens.is_empty() => {
                TokenRefusal::judge(&api.tokens, cx, request).map_err(TokenRefusal::into_reply)?;
                true
            }
            _ => return Err(TokenRefusal::Untaken.into_reply()),
        };
        let mut sight = Self { all, targets: all || request.is_local(), ..Self::default() };
        for (app, entrance) in entrances.iter().filter(|_| !all) {
            let entry = entrance.entry(request);
            sight.hidden.extend((entry != Entry::Open).then_some(app));
            sight.closed.extend((entry == Entry::Closed).then_some(app));
        }
        sight.banned = Some(request.peer).filter(|peer| !all && cx.is_banned_from_any(*peer));
        sight.has_api = api.is_some();
        Ok(sight)
    }

    /// How it comes to the streams of an application, bans aside.
    pub fn entry(&self, app: AppId) -> Entry {
        if self.shows(app) {
            Entry::Open
        } else if self.closed.binary_search(&app).is_err() {
            Entry::Asked
        } else {
            Entry::Closed
        }
    }

    /// Whether an operator has banned its client from a stream.
    pub fn is_banned_from(&self, cx: &Ctx, stream: (AppId, &str)) -> bool {
        self.banned.is_some_and(|peer| cx.is_banned(peer, stream))
    }

    /// Whether it sees the streams of an application.
    pub fn shows(&self, app: AppId) -> bool {
        self.hidden.binary_search(&app).is_err()
    }

    /// Whether it sees a stream.
    pub fn shows_stream(&self, cx: &Ctx, stream: (AppId, &str)) -> bool {
        self.shows(stream.0) && !self.is_banned_from(cx, stream)
    }

    /// Whether its client may ask the API.
    pub fn is_offered_api(&self) -> bool {
        self.has_api
    }

    /// By what an answer is shared: the same for all who see the same at a location.
    pub fn key(&self) -> String {
        let mut key = String::from(if self.targets { "targets" } else { "streams" });
        key.push_str(if self.all { " all" } else { "" });
        // Writing to a String cannot fail.
        for AppId(hidden) in &self.hidden {
            let _ = write!(key, " {hidden}");
        }
        if let Some(peer) = self.banned {
            let _ = write!(key, " but {}", peer.host());
        }
        key + if self.has_api { " api" } else { "" }
    }
}
