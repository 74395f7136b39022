//! Who a viewer is. HLS has no connections: a viewer is known again by what it shows.

use crate::auth::secret::Hasher;
use crate::auth::{query, signature};
use crate::engine::config::features::LinkScope;
use crate::engine::http::request::HttpRequest;
use crate::engine::viewing::files::HlsFile;
use crate::engine::viewing::guard::{Guard, Shows};

/// The most bytes of a header field that count.
pub(in crate::engine) const MAX_FIELD: usize = 1024;

/// A viewer of a stream, as a digest under a key that is made at each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::engine) struct ViewerKey(u128);

#[cfg(test)]
impl ViewerKey {
    /// A key for tests.
    pub fn for_test(number: u32) -> Self {
        Self(number.into())
    }
}

/// The two entries that a viewer may have in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct ViewerKeys {
    /// For all variants of a stream: what it shows opens their base name.
    pub base: ViewerKey,
    /// For the stream alone that it asks for.
    pub own: ViewerKey,
}

/// Makes the digests.
#[derive(Debug)]
pub(in crate::engine) struct Identities {
    hasher: Hasher,
}

impl Identities {
    /// Those of a run of the server, whose `seed` nobody else knows.
    pub fn new(seed: u64) -> Self {
        Self { hasher: Hasher::from_secret(&format!("viewers {seed}")) }
    }

    /// A text that nobody else knows.
    pub fn secret(&self) -> String {
        self.hasher.digest("tokens").to_hex()
    }

    /// The viewer that makes a request for a file.
    pub fn of(&self, request: &HttpRequest, file: &HlsFile, guard: &Guard) -> ViewerKeys {
        let shows = guard.shows();
        let shown = match shows {
            Shows::Nothing => String::new(),
            Shows::Credentials => query::only(&request.head.query, &query::CREDENTIALS),
            Shows::Query => carried(&request.head.query),
        };
        let [_, sig] = signature::ARGUMENTS;
        let field = |name| request.head.headers.get(name).map(|text| start_of(text, MAX_FIELD));
        let has_link = query::value(&shown, sig).is_some();
        let is_alone = !["key", "user"].iter().any(|name| query::value(&shown, name).is_some());
        // A link for one address is good there with any program, and any other link is its viewer's own. A backend may
        // decide by the address, too.
        let links = if has_link && is_alone && shows == Shows::Credentials {
            guard.links
        } else {
            LinkScope::Nowhere
        };
        let address = request.peer.host();
        let place = match (links, field("x-playback-session-id")) {
            (LinkScope::OneAddress, _) => ["of", &address, ""],
            (LinkScope::Anywhere, _) => ["anywhere", "", ""],
            (LinkScope::Nowhere, Some(session)) if shows != Shows::Query => ["in", session, ""],
            (LinkScope::Nowhere, Some(session)) => ["in", session, &address],
            (LinkScope::Nowhere, None) => ["at", &address, field("user-agent").unwrap_or_default()],
        };
        // Who watches an open application shows nothing, and is somebody else once it is guarded.
        let kind = format!("{shows:?} {}", file.app.0);
        let key = |name: &str| self.key(&kind, name, &shown, place);
        let base = key(file.base());
        ViewerKeys { base, own: if file.base() == file.name { base } else { key(&file.name) } }
    }

    fn key(&self, of: &str, name: &str, shown: &str, [kind, place, program]: [&str; 3]) -> ViewerKey {
        let mut text = String::with_capacity(256);
        for part in [of, name, shown, kind, place, program] {
            // With its length, so that no two identities are one text.
            text.push_str(&part.len().to_string());
            text.push(' ');
            text.push_str(part);
        }
        ViewerKey(self.hasher.digest(&text).short())
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
