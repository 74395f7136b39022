//! The streams that have ended and whose publishers are waited for, found in steps, as there may be thousands.

use std::fmt::Write;
use std::vec;

use serde::Serialize;

use crate::engine::{AppId, COMPOSED_AT_ONCE, Ctx};

use super::site::View;
use super::{MAX_LISTED, milliseconds};

/// A stream that has ended and whose publisher is waited for.
#[derive(Debug, Serialize)]
pub struct WaitingStream {
    pub app: String,
    pub name: String,
    /// The rest of the wait, ms.
    pub ends_in_ms: u64,
}

/// Those that have been found so far.
#[derive(Debug)]
pub struct WaitingList {
    /// The applications that are left, by their names.
    apps: vec::IntoIter<(String, AppId)>,
    /// The one that is looked at, and the last name there.
    present: Option<(String, AppId, String)>,
    total: usize,
    /// Invariant: at most [`MAX_LISTED`].
    listed: Vec<WaitingStream>,
}

impl WaitingList {
    pub fn new(view: &View) -> Self {
        let apps: Vec<_> = view.by_name().into_iter().map(|(name, id)| (name.to_owned(), id)).collect();
        Self { apps: apps.into_iter(), present: None, total: 0, listed: Vec::new() }
    }

    /// Looks at some streams; true after the last step.
    pub fn step(&mut self, cx: &Ctx, view: &View) -> bool {
        let (now, mut left) = (cx.now.instant, COMPOSED_AT_ONCE);
        while left > 0 {
            let next = || self.apps.next().map(|(app, id)| (app, id, String::new()));
            let Some((app, id, after)) = self.present.take().or_else(next) else { return true };
            let mut last = None;
            for (name, until) in cx.awaited.after(id, &after, now).take(left) {
                left -= 1;
                last = Some(name.to_owned());
                if !view.sight.shows_stream(cx, (id, name)) {
                    continue;
                }
                self.total += 1;
                if self.listed.len() < MAX_LISTED {
                    let ends_in_ms = milliseconds(until.saturating_duration_since(now));
                    self.listed.push(WaitingStream { app: app.clone(), name: name.to_owned(), ends_in_ms });
                }
            }
            left = left.saturating_sub(1);
            self.present = last.filter(|_| left == 0).map(|last| (app, id, last));
        }
        self.present.is_none() && self.apps.as_slice().is_empty()
    }

    /// Writes them, each as `show` has it, and how many there are.
    pub fn write(&self, text: &mut String, show: impl Fn(&WaitingStream) -> String) {
        let (total, listed) = (self.total, self.listed.iter().map(show).collect::<Vec<_>>().join(","));
        // Writing to a String cannot fail.
        let _ = write!(text, r#","waiting_total":{total},"waiting":[{listed}]"#);
    }
}
