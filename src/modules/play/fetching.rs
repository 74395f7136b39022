//! Requests that wait for files of other servers, and the spools of those.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::{Ctx, JobOwner, Refusal, Reply};

use super::opening::{Opening, Outcome};
use super::remote::{Coming, Fetched, Spools};
use super::settings::NAME;

/// Requests that wait, by the tokens of their lookups.
#[derive(Debug, Default)]
pub struct Fetching {
    waiting: HashMap<u64, Waiting>,
    pub spools: Spools,
}

/// A request that waits.
#[derive(Debug)]
struct Waiting {
    /// None while a reader has it.
    opening: Option<Box<Opening>>,
    coming: Arc<Coming>,
    /// More has come since the reader began.
    has_news: bool,
}

/// Answers to requests, by their tokens.
pub type Replies = Vec<(u64, Reply)>;

impl Fetching {
    /// Goes on with a lookup that has come to another server. A reply if it cannot go on.
    pub fn go_on(&mut self, cx: &mut Ctx, token: u64, opening: Box<Opening>) -> Option<Reply> {
        let Some(waiting) = self.waiting.get_mut(&token) else { return self.fetch(cx, token, opening) };
        // Not enough of the file has come.
        waiting.opening = Some(opening);
        if waiting.has_news || !waiting.coming.may_grow() {
            return self.look(cx, token);
        }
        let spool = waiting.coming.spool;
        self.spools.nudge(cx, spool);
        None
    }

    /// A request waits no more. Whether it did.
    pub fn forget(&mut self, token: u64) -> bool {
        self.waiting.remove(&token).is_some()
    }

    /// The requests that wait for a spool of which there is news go on.
    pub fn spool_changed(&mut self, cx: &mut Ctx, spool: u64) -> Replies {
        let waits = self.waiting.iter().filter(|(_, waiting)| waiting.coming.spool == spool);
        let tokens: Vec<u64> = waits.map(|(token, _)| *token).collect();
        tokens.into_iter().filter_map(|token| Some((token, self.look(cx, token)?))).collect()
    }

    /// Has the next file fetched, or the next folder looked into.
    fn fetch(&mut self, cx: &mut Ctx, token: u64, mut opening: Box<Opening>) -> Option<Reply> {
        let Some((file, terms)) = opening.remote() else {
            return read(cx, token, move || opening.run());
        };
        match self.spools.want(cx, file, terms) {
            Ok(coming) => {
                self.waiting.insert(token, Waiting { opening: Some(opening), coming, has_news: false });
                self.look(cx, token)
            }
            Err(_) => Some(refuse("too many files are fetched already; try again soon")),
        }
    }

    /// Does what is next for a request, by what has come of its file.
    fn look(&mut self, cx: &mut Ctx, token: u64) -> Option<Reply> {
        let waiting = self.waiting.get_mut(&token)?;
        let Some(mut opening) = waiting.opening.take() else {
            waiting.has_news = true;
            return None;
        };
        waiting.has_news = false;
        match waiting.coming.fetched() {
            Fetched::Asked => {
                waiting.opening = Some(opening);
                None
            }
            Fetched::Begun | Fetched::Whole => {
                let coming = Arc::clone(&waiting.coming);
                read(cx, token, move || opening.open_coming(&coming))
            }
            Fetched::Missing => {
                self.waiting.remove(&token);
                opening.skip();
                self.fetch(cx, token, opening)
            }
            Fetched::Failed(_) => {
                self.waiting.remove(&token);
                opening.skip_failed();
                self.fetch(cx, token, opening)
            }
        }
    }
}

/// Has a reader do something for a request. A reply if none can.
fn read(cx: &mut Ctx, token: u64, work: impl FnOnce() -> Outcome + Send + 'static) -> Option<Reply> {
    let owner = JobOwner::Module { name: NAME, token };
    let added = cx.jobs.read(owner, move || Some(work()));
    added.err().map(|_| refuse("too many files are read already; try again soon"))
}

fn refuse(why: &'static str) -> Reply {
    Reply::Refuse(Refusal::of_request(why))
}
