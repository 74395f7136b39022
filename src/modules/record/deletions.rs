//! When recordings are deleted: the checks of the disk, and one step after the other, each a job. `retention` knows
//! what is deleted.

use std::time::{Duration, Instant};

use super::disk::jobs::{DiskJobs, NAME, NO_STREAM};
use super::disk::{FileKey, SharedDisk};
use super::retention::{Retention, RetentionStatus};
use crate::engine::{Ctx, Now, TimerId};

/// The tokens of the timers for the check of the disk, and for the next step of a deletion there.
pub const CHECK: u64 = u64::MAX;
pub const STEP: u64 = u64::MAX - 1;
/// The pause after each deletion, and after each piece of one: where a journal is full, deleting waits.
const PAUSE_AFTER_DELETION: Duration = Duration::from_millis(10);
/// The pause after a job that has panicked.
const PAUSE_AFTER_PANIC: Duration = Duration::from_secs(1);
/// A timer set for this time from now expires in the next turn.
const NEXT_TURN: Duration = Duration::from_nanos(1);

#[derive(Debug, Default)]
pub struct Deletions {
    /// A recorder deletes.
    is_on: bool,
    /// The timer for the next check, and when it expires.
    check: Option<(Instant, TimerId)>,
    /// Jobs that are on their way. No step is taken before they are done.
    jobs: usize,
    /// The timer for the next step is set.
    has_timer: bool,
    /// The disk is to be checked when the job is done.
    is_check_due: bool,
}

impl Deletions {
    /// The server starts. `is_on` tells whether a recorder deletes.
    pub fn start(&mut self, cx: &mut Ctx, disk: &SharedDisk, is_on: bool) {
        self.is_on = is_on;
        self.check(cx, disk);
    }

    /// Takes new settings.
    pub fn adopt(&mut self, cx: &mut Ctx, disk: &SharedDisk, next: Retention) {
        let was_on = std::mem::replace(&mut self.is_on, !next.is_empty());
        if was_on || self.is_on {
            self.add(cx, disk, |mut jobs, now| jobs.adopt_retention(next, now));
        }
    }

    /// Begins to delete recordings, where that is due.
    pub fn check(&mut self, cx: &mut Ctx, disk: &SharedDisk) {
        if !self.is_on {
            return;
        }
        self.is_check_due = self.jobs > 0;
        if !self.is_check_due {
            self.add(cx, disk, |mut jobs, now| jobs.check_retention(now));
        }
    }

    /// Lets go of a file that another program has removed or truncated.
    pub fn release(&mut self, cx: &mut Ctx, disk: &SharedDisk, file: FileKey) {
        self.add(cx, disk, |mut jobs, now| jobs.release(file, now));
    }

    /// The timer for the check has expired.
    pub fn expire_check(&mut self, cx: &mut Ctx, disk: &SharedDisk) {
        self.check = None;
        self.check(cx, disk);
    }

    /// The timer for the next step has expired: takes it, unless a job is on its way. `awaited` are the identities of the
    /// recordings that streams wait to append to.
    pub fn step(&mut self, cx: &mut Ctx, disk: &SharedDisk, awaited: impl FnOnce(&Ctx) -> Vec<String>) {
        self.has_timer = false;
        if self.jobs == 0 {
            let awaited = awaited(cx);
            self.add(cx, disk, |mut jobs, now| jobs.step_retention(now, awaited));
        }
    }

    /// A job is done. The next step waits for a timer, so that a server that stops need not wait for the last one.
    pub fn report(&mut self, cx: &mut Ctx, disk: &SharedDisk, status: RetentionStatus) {
        self.jobs = self.jobs.saturating_sub(1);
        self.set_check(cx, status.next_check);
        if self.jobs > 0 {
            return;
        }
        if std::mem::take(&mut self.is_check_due) {
            return self.check(cx, disk);
        }
        if status.is_running && !std::mem::replace(&mut self.has_timer, true) {
            let pause = if status.has_deleted { PAUSE_AFTER_DELETION } else { NEXT_TURN };
            cx.set_module_timer(NAME, cx.now.instant + pause, STEP);
        }
    }

    /// A job has panicked: the next step, behind which the disk is checked, comes after a pause.
    pub fn recover(&mut self, cx: &mut Ctx) {
        self.jobs = self.jobs.saturating_sub(1);
        if !std::mem::replace(&mut self.has_timer, true) {
            cx.set_module_timer(NAME, cx.now.instant + PAUSE_AFTER_PANIC, STEP);
        }
    }

    fn add(&mut self, cx: &mut Ctx, disk: &SharedDisk, add: impl FnOnce(DiskJobs<'_>, Now)) {
        self.jobs += 1;
        add(DiskJobs { disk, jobs: &mut cx.jobs, stream: NO_STREAM }, cx.now);
    }

    fn set_check(&mut self, cx: &mut Ctx, next: Option<Instant>) {
        let Some(next) = next.filter(|next| self.check.is_none_or(|(earlier, _)| *next < earlier)) else {
            return;
        };
        let timer = cx.set_module_timer(NAME, next, CHECK);
        if let Some((_, later)) = self.check.replace((next, timer)) {
            cx.cancel_timer(later);
        }
    }
}
