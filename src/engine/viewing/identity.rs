//! Who a viewer is. HLS has no connections: a viewer is known again by what it shows.

use std::hash::{BuildHasher, RandomState};

use crate::auth::{query, signature};
use crate::engine::config::features::LinkScope;
use crate::engine::http::request::HttpRequest;
use crate::engine::ids::AppId;
use crate::engine::viewing::files::HlsFile;

/// The most bytes of a header field that count.
pub(in crate::engine) const MAX_FIELD: usize = 1024;

/// A viewer of a stream, as a digest under a key that is made at each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::engine) struct ViewerKey(u64, u64);

/// The two entries that a viewer may have in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct ViewerKeys {
    /// For all variants of a stream: what it shows opens their base name.
    pub base: ViewerKey,
    /// For the stream alone that it asks for.
    pub own: ViewerKey,
}

/// What is looked at to know a viewer again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Shows {
    /// Nothing: the application is open to all.
    Nothing,
    /// The credentials in the query.
    Credentials,
    /// All of the query, by which a backend decides.
    Query,
}

/// Makes the digests.
#[derive(Debug, Default)]
pub(in crate::engine) struct Identities {
    /// Two, as each has 64 bits.
    keys: [RandomState; 2],
}

/// What a digest is made from.
#[derive(Hash)]
struct Identity<'a> {
    app: AppId,
    name: &'a str,
    shown: &'a str,
    place: &'a Place<'a>,
}

/// Where a viewer is.
#[derive(Hash)]
enum Place<'a> {
    /// Anywhere: its signature is its own.
    Anywhere,
    /// In this session of a player, which names it in each request (X-Playback-Session-Id).
    Playback(&'a str),
    /// At this address, with this program; for a link that is for one address, with any program.
    At(String, &'a str),
}

impl Identities {
    /// Bytes that nobody else knows.
    pub fn secret(&self) -> [u8; 16] {
        let [one, other] = &self.keys;
        (u128::from(one.hash_one(0)) << 64 | u128::from(other.hash_one(0))).to_be_bytes()
    }

    /// The viewer that makes a request for a file.
    pub fn of(
        &self,
        request: &HttpRequest,
        file: &HlsFile,
        (shows, links): (Shows, LinkScope),
    ) -> ViewerKeys {
        let shown = match shows {
            Shows::Nothing => String::new(),
            Shows::Credentials => query::only(&request.head.query, &query::CREDENTIALS),
            Shows::Query => carried(&request.head.query),
        };
        let [_, sig] = signature::ARGUMENTS;
        let field = |name| request.head.headers.get(name).map(|text| start_of(text, MAX_FIELD));
        let has_link = shows != Shows::Nothing && query::value(&shown, sig).is_some();
        let place = if has_link && links == LinkScope::OneAddress {
            Place::At(request.peer.host(), "")
        } else if has_link {
            Place::Anywhere
        } else if let Some(session) = field("x-playback-session-id") {
            Place::Playback(session)
        } else {
            Place::At(request.peer.host(), field("user-agent").unwrap_or_default())
        };
        let key = |name| self.digest(&Identity { app: file.app, name, shown: &shown, place: &place });
        ViewerKeys { base: key(file.base()), own: key(&file.name) }
    }

    fn digest(&self, identity: &Identity<'_>) -> ViewerKey {
        let [one, other] = &self.keys;
        ViewerKey(one.hash_one(identity), other.hash_one(identity))
    }
}

/// The part of a query that the URLs of a master playlist carry on: all arguments but those whose names begin with
/// "_", which players add to single requests.
pub(in crate::engine) fn carried(query: &str) -> String {
    let kept = query.split('&').filter(|part| !part.is_empty() && !part.starts_with('_'));
    kept.collect::<Vec<_>>().join("&")
}

/// The beginning of a text, at most so many bytes.
pub(in crate::engine) fn start_of(text: &str, most: usize) -> &str {
    (0..=most.min(text.len())).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}
