//! What of the live streams somebody may see who asks for the numbers.
//!
//! Decided once for a request, and asked by all that is composed for it. Two requests that see the same share an answer.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::engine::{AppId, ByApp, HttpRequest};

use super::numbers::site::App;

/// What is shown of the live streams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// Whether a token was shown: then it is everything.
    pub all: bool,
    /// Whether the other servers of relays are shown.
    pub targets: bool,
    /// The applications whose streams are not shown.
    hidden: BTreeSet<AppId>,
}

impl Sight {
    /// What a request may see of these applications without a token.
    pub fn of_request(request: &HttpRequest, apps: &ByApp<App>) -> Self {
        let targets = request.peer.ip().is_none_or(|ip| ip.is_loopback());
        let hidden = apps.iter().filter(|(_, app)| app.is_hidden).map(|(id, _)| id).collect();
        Self { all: false, targets, hidden }
    }

    /// Whether the streams of an application are shown.
    pub fn shows(&self, app: AppId) -> bool {
        self.all || !self.hidden.contains(&app)
    }

    /// By what an answer is shared: the same for all who see the same.
    pub fn key(&self) -> String {
        let mut key = String::from(if self.targets { "targets" } else { "streams" });
        if self.all {
            key.push_str(" all");
        }
        for app in self.hidden.iter().filter(|_| !self.all) {
            // Writing to a String cannot fail.
            let _ = write!(key, " {}", app.0);
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sees_the_same_shares_an_answer() {
        let hidden =
            |apps: &[usize]| Sight { hidden: apps.iter().copied().map(AppId).collect(), ..Sight::default() };
        let some = hidden(&[1, 3]);
        assert!(some.shows(AppId(0)) && !some.shows(AppId(3)));
        assert_eq!(some.key(), hidden(&[3, 1]).key());
        assert_ne!(some.key(), hidden(&[13]).key());
        let all = Sight { all: true, ..hidden(&[1]) };
        assert!(all.shows(AppId(1)));
        assert_eq!(all.key(), Sight { all: true, ..hidden(&[2]) }.key());
        assert_ne!(all.key(), Sight { targets: true, ..all.clone() }.key());
    }
}
