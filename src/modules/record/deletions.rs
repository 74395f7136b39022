//! When recordings are deleted: the checks of the disk, and one step after the other, each a job. `retention` knows
//! what is deleted.

use std::time::{Duration, Instant};

use super::disk::jobs::{DiskJobs, NAME, NO_STREAM};
use super::disk::{Disk, FileKey};
use super::retention::{Retention, RetentionStatus};
use crate::engine::{Ctx, Handle, Now, TimerId};

/// The tokens of the timers for the check of the disk, and for the step that follows a deletion.
pub const CHECK: u64 = u64::MAX;
pub const STEP: u64 = u64::MAX - 1;
/// The pause after each deletion, and after each piece of one: where a journal is full, deleting waits.
const PAUSE_AFTER_DELETION: Duration = Duration::from_millis(10);

#[derive(Debug, Default)]
pub struct Deletions {
    /// A recorder deletes.
    is_on: bool,
    /// The timer for the next check, and when it expires.
    check: Option<(Instant, TimerId)>,
    /// Jobs that are on their way. No step is taken before they are done.
    jobs: usize,
    /// The timer for the next step is set.
    is_pausing: bool,
    /// The disk is to be checked when the job is done.
    is_check_due: bool,
}

impl Deletions {
    /// The server starts. `is_on` tells whether a recorder deletes.
    pub fn start(&mut self, cx: &mut Ctx, disk: &Handle<Disk>, is_on: bool) {
        self.is_on = is_on;
        self.check(cx, disk);
    }

    /// Takes new settings.
    pub fn adopt(&mut self, cx: &mut Ctx, disk: &Handle<Disk>, next: Retention) {
        self.is_on = !next.is_empty();
        self.add(cx, disk, |mut jobs, now| jobs.adopt_retention(next, now));
    }

    /// Begins to delete recordings, where that is due.
    pub fn check(&mut self, cx: &mut Ctx, disk: &Handle<Disk>) {
        if !self.is_on {
            return;
        }
        self.is_check_due = self.jobs > 0;
        if !self.is_check_due {
            self.add(cx, disk, |mut jobs, now| jobs.check_retention(now));
        }
    }

    /// Lets go of a file that another program has removed or truncated.
    pub fn release(&mut self, cx: &mut Ctx, disk: &Handle<Disk>, file: FileKey) {
        self.add(cx, disk, |mut jobs, now| jobs.release(file, now));
    }

    /// The timer for the check has expired.
    pub fn expire_check(&mut self, cx: &mut Ctx, disk: &Handle<Disk>) {
        self.check = None;
        self.check(cx, disk);
    }

    /// The timer for the next step has expired.
    pub fn expire_pause(
        &mut self,
        cx: &mut Ctx,
        disk: &Handle<Disk>,
        awaited: impl FnOnce(&Ctx) -> Vec<String>,
    ) {
        self.is_pausing = false;
        self.step(cx, disk, awaited);
    }

    /// A job is done.
    pub fn report(
        &mut self,
        cx: &mut Ctx,
        disk: &Handle<Disk>,
        status: RetentionStatus,
        awaited: impl FnOnce(&Ctx) -> Vec<String>,
    ) {
        self.jobs = self.jobs.saturating_sub(1);
        self.set_check(cx, status.next_check);
        if self.jobs > 0 {
            return;
        }
        if std::mem::take(&mut self.is_check_due) {
            return self.check(cx, disk);
        }
        match status {
            RetentionStatus { is_running: false, .. } => {}
            RetentionStatus { has_deleted: false, .. } => self.step(cx, disk, awaited),
            RetentionStatus { has_deleted: true, .. } => {
                if !std::mem::replace(&mut self.is_pausing, true) {
                    cx.set_module_timer(NAME, cx.now.instant + PAUSE_AFTER_DELETION, STEP);
                }
            }
        }
    }

    /// A job has panicked.
    pub fn recover(&mut self) {
        self.jobs = self.jobs.saturating_sub(1);
    }

    /// Takes the deletions one step further, unless a job is on its way or they pause.
    fn step(&mut self, cx: &mut Ctx, disk: &Handle<Disk>, awaited: impl FnOnce(&Ctx) -> Vec<String>) {
        if !self.is_pausing && self.jobs == 0 {
            let awaited = awaited(cx);
            self.add(cx, disk, |mut jobs, now| jobs.step_retention(now, awaited));
        }
    }

    fn add(&mut self, cx: &mut Ctx, disk: &Handle<Disk>, add: impl FnOnce(DiskJobs<'_>, Now)) {
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
