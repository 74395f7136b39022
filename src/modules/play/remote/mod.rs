//! Files of other servers: `play http://...`. Each is fetched once for all who play it at the time, into a file without a
//! name, and is played while it comes.
//!
//! `site.rs` has the requests and `reply.rs` what the answers mean; `spool.rs` fetches a file, `storing.rs` writes it, and
//! `coming.rs` tells readers what has come. This file has all spools, and their limits.

mod coming;
mod reply;
mod site;
mod spool;
mod storing;
mod tokens;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Ctx, DownloadEvent, JobOwner, JobResult, MAX_DOWNLOADS};

pub use coming::{Coming, Fetched};
pub use site::RemoteFile;
pub use spool::Terms;
pub use storing::Folder;

use spool::{Room, Spool};

/// The most spools, with those whose file is whole.
const MAX_SPOOLS: usize = MAX_DOWNLOADS;
/// The most spools of one file, which differ by the arguments of clients.
const MAX_OF_FILE: usize = 8;
/// The most bytes of spools that wait for the writer, whose queue others need, too.
const MAX_WRITING: usize = 4 << 20;
/// How long a file is still fetched, and there, that nobody plays any more: who comes back finds it.
const GRACE: Duration = Duration::from_secs(10);
/// How often it is looked whether files are played.
const LOOK: Duration = Duration::from_secs(5);
/// The number of no spool, for the timer of all.
const ALL: u64 = 0;

/// All spools.
#[derive(Debug, Default)]
pub struct Spools {
    spools: HashMap<u64, Spool>,
    last: u64,
    /// Whether the timer is set.
    is_timed: bool,
}

/// Too many files are fetched already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// A spool of which its players should know.
pub type Changed = Option<u64>;

impl Spools {
    /// Whether a number of a job, timer or download is that of a spool.
    pub fn has(token: u64) -> bool {
        tokens::read(token).is_some()
    }

    /// Has the writer remove what an earlier run has left in the folder of kept files.
    pub fn clean(cx: &mut Ctx, folder: &Path) {
        let (path, owner) =
            (folder.to_owned(), JobOwner::Module { name: tokens::MODULE, token: tokens::of(ALL, 0) });
        cx.jobs.write_always(owner, 0, move || {
            if let Err(error) = storing::clean(&path) {
                log::warn!("play_local_path {}: {error}", path.display());
            }
            None::<()>
        });
    }

    /// Has a file fetched, unless that is done already.
    pub fn want(&mut self, cx: &mut Ctx, file: RemoteFile, terms: Terms) -> Result<Arc<Coming>, Full> {
        let is_it = |spool: &Spool| spool.file.key == file.key && spool.terms.folder == terms.folder;
        if let Some(spool) = self.spools.values_mut().find(|spool| is_it(spool) && spool.is_good()) {
            spool.unused_since = None;
            return Ok(Arc::clone(&spool.coming));
        }
        let is_of_file =
            |spool: &&Spool| spool.file.path == file.path && spool.file.key.host == file.key.host;
        while self.spools.len() >= MAX_SPOOLS
            || self.spools.values().filter(is_of_file).count() >= MAX_OF_FILE
        {
            let is_of_file = self.spools.len() < MAX_SPOOLS;
            let path = is_of_file.then_some(&*file.path);
            if !self.free_one(cx, path) {
                return Err(Full);
            }
        }
        self.set_timer(cx);
        self.last += 1;
        let spool = Spool::begin(cx, self.last, file, terms);
        let coming = Arc::clone(&spool.coming);
        self.spools.insert(self.last, spool);
        Ok(coming)
    }

    /// Something has come of a download.
    pub fn take(&mut self, cx: &mut Ctx, token: u64, event: DownloadEvent) -> Changed {
        let (number, attempt) = tokens::read(token)?;
        if let DownloadEvent::Head(head) = &event {
            let needed = head.length().unwrap_or_default();
            while self.room(number).bytes < needed && self.free_one(cx, None) {}
        }
        let room = self.room(number);
        let spool = self.spools.get_mut(&number)?;
        spool.take(cx, attempt, event, room).then_some(number)
    }

    /// The writer has done something for a spool.
    pub fn job_done(&mut self, cx: &mut Ctx, token: u64, result: JobResult) -> Changed {
        let (number, _) = tokens::read(token)?;
        let is_news = self.spools.get_mut(&number)?.job_done(cx, result);
        let waiting: Vec<u64> = self.spools.keys().copied().collect();
        for other in waiting {
            let room = self.room(other);
            self.spools.get_mut(&other)?.write_held(cx, room);
        }
        is_news.then_some(number)
    }

    /// A reader waits for more of a spool.
    pub fn nudge(&mut self, cx: &mut Ctx, number: u64) {
        if let Some(spool) = self.spools.get_mut(&number) {
            spool.nudge(cx);
        }
    }

    /// A timer of spools has expired.
    pub fn timer_expired(&mut self, cx: &mut Ctx, token: u64) -> Changed {
        let (number, _) = tokens::read(token)?;
        if number == ALL {
            self.look(cx);
            return None;
        }
        let room = self.room(number);
        let spool = self.spools.get_mut(&number)?;
        spool.timer_expired(cx, room);
        spool.has_ended().then_some(number)
    }

    /// Ends all, as the server stops.
    pub fn stop(&mut self, cx: &mut Ctx) {
        self.spools.drain().for_each(|(_, spool)| spool.stop(cx));
    }

    /// Ends the spools that nobody has played for a while.
    fn look(&mut self, cx: &mut Ctx) {
        let now = cx.now.instant;
        for spool in self.spools.values_mut() {
            spool.unused_since = if spool.is_used() { None } else { spool.unused_since.or(Some(now)) };
        }
        let is_over = |spool: &mut Spool| spool.unused_since.is_some_and(|since| now >= since + GRACE);
        self.spools.extract_if(|_, spool| is_over(spool)).for_each(|(_, spool)| spool.stop(cx));
        self.is_timed = false;
        if !self.spools.is_empty() {
            self.set_timer(cx);
        }
    }

    /// Frees a spool that nobody plays, of a file of this path if one is given. False if there is none.
    fn free_one(&mut self, cx: &mut Ctx, path: Option<&str>) -> bool {
        let may_go = |spool: &Spool| !spool.is_used() && path.is_none_or(|path| &*spool.file.path == path);
        let unused = self.spools.iter().filter(|(_, spool)| may_go(spool));
        let Some(number) = unused.map(|(number, spool)| (spool.is_good(), *number)).min() else {
            return false;
        };
        if let Some(spool) = self.spools.remove(&number.1) {
            spool.stop(cx);
        }
        true
    }

    /// What a spool may take.
    fn room(&self, number: u64) -> Room {
        let others = || self.spools.iter().filter(|(other, _)| **other != number).map(|(_, spool)| spool);
        let limit = self.spools.get(&number).map_or(0, |spool| spool.terms.limit);
        let bytes = limit.saturating_sub(others().map(Spool::reserved).sum());
        Room { bytes, may_write: others().map(Spool::writing).sum::<usize>() < MAX_WRITING }
    }

    fn set_timer(&mut self, cx: &mut Ctx) {
        if !std::mem::replace(&mut self.is_timed, true) {
            cx.set_module_timer(tokens::MODULE, cx.now.instant + LOOK, tokens::of(ALL, 0));
        }
    }
}
