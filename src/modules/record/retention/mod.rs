//! The deletion of old recordings: by their age (`record_keep`), and while the disk has room (`record_min_free`).
//!
//! Each folder is gone through for all the recorders that have their files in it, so the oldest of all goes first.
//! Deleted is what a recorder has finished, by its name and by its head; never what is being written or locked, or is
//! about to be appended to, and nothing else. A pass is made in short steps, each a job, so that what is recorded
//! meanwhile is written between them.

mod age;
mod pass;
mod pending;
mod release;
mod signature;
pub(super) mod space;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::engine::Now;
use crate::engine::files::with_path;
use crate::modules::record::file::examination::script_of;
use crate::modules::record::file::open::{OpenFiles, id_of, is_locked};
use crate::modules::record::file::script::Script;
use age::Clock;
use pass::{Candidate, Next, Pass};
use pending::PendingSpace;
use release::Releases;
pub use signature::Signature;
use space::Space;

/// The time after which the room on the disk is looked at again, while anything is recorded.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// The passes over a folder for what is too old: sixteen in `record_keep`, within these bounds.
const PASS_EVERY: (u32, Duration, Duration) = (16, Duration::from_secs(1), Duration::from_secs(600));
/// For each step in which a pass has looked at something, the next one comes so much later: twenty times what such a
/// step takes.
const PAUSE: Duration = Duration::from_millis(4);
/// A file that was written this recently may be another program's to write.
const FRESH: Duration = Duration::from_secs(10);
/// Candidates that are passed over in a step, because they need not go any more.
const PASSED_OVER_A_STEP: usize = 64;
/// The time after which it is logged again that something cannot be deleted, or that nothing is left to delete.
const REPEAT: Duration = Duration::from_secs(60);

/// The recordings that a recorder keeps.
#[derive(Debug, PartialEq)]
pub struct Rule {
    /// Recognizes its files.
    pub signature: Signature,
    /// `record_keep`.
    pub keep: Option<Duration>,
    /// `record_min_free`; 0 is off.
    pub min_free: u64,
    /// Its files end before their stream does.
    pub ends: bool,
}

/// The deletion of old recordings in all folders.
#[derive(Debug, Default)]
pub struct Retention {
    folders: Vec<RecordingFolder>,
    clock: Clock,
    /// Deleted files, also those that another program has deleted while they were recorded. No pass continues before
    /// they are gone.
    releases: Releases,
}

#[derive(Debug)]
struct RecordingFolder {
    path: PathBuf,
    rules: Vec<Rule>,
    pass: Option<Running>,
    /// When it is to be gone through for what is too old.
    due: Option<Instant>,
    /// No pass before that is of use.
    rests_until: Option<Instant>,
    /// The space of deleted files that is not seen to be free yet.
    pending: PendingSpace,
    complained_at: Option<Instant>,
}

/// A pass that has begun.
#[derive(Debug)]
struct Running {
    pass: Pass,
    /// It began for lack of room, so all files are candidates.
    is_for_room: bool,
    /// The steps in which something was looked at and not deleted.
    steps: u32,
    has_deleted: bool,
}

/// The recordings that must not be deleted.
pub struct InUse<'a> {
    /// The files that are being written.
    pub files: &'a OpenFiles,
    /// True if a stream waits for a picture or a repair, to append to the recording with this head.
    pub is_awaited: &'a dyn Fn(&Script) -> bool,
}

/// A moment: how old files are, and how much is free.
#[derive(Debug)]
struct Moment<'a> {
    clock: &'a Clock,
    now: Now,
    free: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Names or a file were looked at.
    Looked,
    /// A file, or a piece of one, has been deleted.
    Deleted,
}

/// What the loop has to know of the deletions.
#[derive(Debug, Clone, Copy)]
pub struct RetentionStatus {
    /// There are steps to do.
    pub is_running: bool,
    /// The last step has deleted something.
    pub has_deleted: bool,
    /// When the disk is to be checked again.
    pub next_check: Option<Instant>,
}

/// A recording that has no name any more.
#[derive(Debug)]
struct Deleted {
    file: File,
    /// The bytes that it took up on the disk.
    bytes: u64,
    /// The stream that it was of, "live/cam".
    stream: String,
    why: Reason,
}

/// The reason for which a recording is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// It is older than `record_keep`.
    Age(Duration, Duration),
    /// Less is free than `record_min_free`, bytes.
    Room(u64, u64),
}

impl Retention {
    /// Adds a recorder with its folder.
    pub fn add(&mut self, path: &Path, rule: Rule) {
        if let Some(folder) = self.folders.iter_mut().find(|folder| folder.path == path) {
            return folder.rules.push(rule);
        }
        let (path, rules) = (path.to_owned(), vec![rule]);
        let (pending, complained_at) = (PendingSpace::default(), None);
        self.folders.push(RecordingFolder {
            path,
            rules,
            pass: None,
            due: None,
            rests_until: None,
            pending,
            complained_at,
        });
    }

    /// True if no recorder deletes anything.
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty()
    }

    /// The server starts: everything is due. Returns warnings of settings that cannot be kept.
    pub fn start(&mut self, now: Now) -> Vec<String> {
        self.folders.iter_mut().flat_map(|folder| folder.start(now)).collect()
    }

    /// Takes the rules of a new configuration, which act at once. Returns warnings of settings that cannot be kept.
    pub fn adopt(&mut self, next: Self, now: Now) -> Vec<String> {
        let mut before = std::mem::replace(&mut self.folders, next.folders);
        let mut warnings = Vec::new();
        for folder in &mut self.folders {
            match before.iter().position(|old| old.path == folder.path).map(|place| before.swap_remove(place))
            {
                Some(old) if old.rules == folder.rules => *folder = old,
                old => {
                    warnings.extend(folder.start(now));
                    folder.pass = old.and_then(|old| old.pass);
                }
            }
        }
        warnings
    }

    /// Begins the passes that are due: for the age of files, or because the disk has too little room.
    pub fn begin_passes(&mut self, now: Now) {
        self.clock.look(now);
        self.folders.iter_mut().for_each(|folder| folder.begin_pass(now.instant));
    }

    /// What there is to do, while these files are written.
    pub fn status(&self, now: Now, files: &OpenFiles) -> RetentionStatus {
        let next_check = self.next_check(now.instant, files);
        RetentionStatus { is_running: self.is_running(), has_deleted: false, next_check }
    }

    /// When [`begin_passes`](Self::begin_passes) is to be called again. The end of a pass may change that.
    fn next_check(&self, now: Instant, files: &OpenFiles) -> Option<Instant> {
        let by_room = self.folders.iter().any(RecordingFolder::needs_room) && !files.is_empty();
        let by_room = by_room.then(|| now + LOOK_EVERY);
        self.folders.iter().filter_map(RecordingFolder::next_pass).chain(by_room).min()
    }

    /// Closes a file that somebody has removed.
    pub fn release(&mut self, file: File) {
        self.releases.add(file);
    }

    /// True if there are steps to do.
    pub fn is_running(&self) -> bool {
        !self.releases.is_empty() || self.folders.iter().any(|folder| folder.pass.is_some())
    }

    /// Goes one step further, with a file that has been deleted or with one pass; the folders take turns. Returns what
    /// that was.
    pub fn step(&mut self, now: Now, in_use: &InUse<'_>) -> Step {
        if !self.releases.is_empty() {
            self.releases.step();
            return Step::Deleted;
        }
        let Some(next) = self.folders.iter().position(|folder| folder.pass.is_some()) else {
            return Step::Looked;
        };
        self.folders.rotate_left(next + 1);
        let Some(folder) = self.folders.last_mut() else { return Step::Looked };
        folder.step((&self.clock, now), in_use, &mut self.releases)
    }
}

impl RecordingFolder {
    /// Everything is due. Returns warnings of settings that cannot be kept.
    fn start(&mut self, now: Now) -> Vec<String> {
        self.due = self.deletes_by_age().then_some(now.instant);
        [self.unmeetable_warning(), self.endless_warning()].into_iter().flatten().collect()
    }

    fn deletes_by_age(&self) -> bool {
        self.rules.iter().any(|rule| rule.keep.is_some())
    }

    /// When the next pass is due for the age of files; that under way has to end first.
    fn next_pass(&self) -> Option<Instant> {
        let due = self.due.filter(|_| self.pass.is_none())?;
        Some(self.rests_until.map_or(due, |until| until.max(due)))
    }

    fn needs_room(&self) -> bool {
        self.rules.iter().any(|rule| rule.min_free > 0)
    }

    /// The bytes that are free, if a rule needs to know; deleted files count before their space is seen.
    fn room(&mut self, now: Instant) -> Option<u64> {
        let free = Space::of(&self.path).filter(|_| self.needs_room())?.free;
        self.pending.look(now, free);
        Some(free.saturating_add(self.pending.bytes()))
    }

    /// The free bytes and the wanted ones, where there are fewer.
    fn shortage(&mut self, now: Instant) -> Option<(u64, u64)> {
        let free = self.room(now)?;
        let wanted = self.rules.iter().map(|rule| rule.min_free).max()?;
        (free < wanted).then_some((free, wanted))
    }

    /// The warning of a limit that its file system can never meet.
    fn unmeetable_warning(&self) -> Option<String> {
        let wanted = self.rules.iter().map(|rule| rule.min_free).max().filter(|wanted| *wanted > 0)?;
        let total = Space::of(&self.path)?.total;
        let (path, all, least) = (self.path.display(), size(total), size(wanted));
        let why = "every recording there will be deleted as soon as it is finished";
        (wanted > total)
            .then(|| format!("{path} is on a disk of {all}, and record_min_free is {least}: {why}"))
    }

    /// The warning of recordings that end with their stream only, and so may never be deleted.
    fn endless_warning(&self) -> Option<String> {
        let path = self.path.display();
        let why = "record_keep and record_min_free delete finished recordings only, and without record_interval and \
                   record_max_size one ends with its stream";
        self.rules.iter().any(|rule| !rule.ends).then(|| format!("{path}: {why}"))
    }

    fn begin_pass(&mut self, now: Instant) {
        if self.pass.is_some() || self.rests_until.is_some_and(|until| now < until) {
            return;
        }
        let is_due = self.due.is_some_and(|due| due <= now);
        let is_for_room = self.shortage(now).is_some();
        if !is_due && !is_for_room {
            return;
        }
        match Pass::new(&self.path) {
            Ok(pass) => self.pass = Some(Running { pass, is_for_room, steps: 0, has_deleted: false }),
            Err(error) => {
                if error.kind() != ErrorKind::NotFound {
                    self.complain_of_folder(now, &error);
                }
                self.end(now);
            }
        }
    }

    /// The pass has ended, or could not begin.
    fn end(&mut self, now: Instant) {
        let ended = self.pass.take();
        let pause = PAUSE.saturating_mul(ended.as_ref().map_or(0, |pass| pass.steps));
        let (often, least, most) = PASS_EVERY;
        let keeps = self.rules.iter().filter_map(|rule| rule.keep).min();
        self.due = keeps.map(|keep| now + (keep / often).clamp(least, most).max(pause));
        self.rests_until = None;
        let has_looked_for_room = ended.as_ref().is_none_or(|pass| pass.is_for_room);
        // After one that has deleted something, the next look tells whether more has to go.
        if !has_looked_for_room || ended.is_some_and(|pass| pass.has_deleted) {
            return;
        }
        if let Some((free, wanted)) = self.shortage(now) {
            self.rests_until = Some(now + LOOK_EVERY.max(pause).min(PASS_EVERY.2));
            let (path, free, wanted) = (self.path.display(), size(free), size(wanted));
            let why = "no recording that ended more than 10 s ago is left to delete";
            self.complain(now, &format!("{path}: {free} are free, record_min_free is {wanted}, and {why}"));
        }
    }

    fn step(&mut self, (clock, now): (&Clock, Now), in_use: &InUse<'_>, releases: &mut Releases) -> Step {
        let free = self.room(now.instant);
        let Some(running) = &mut self.pass else { return Step::Looked };
        let moment = Moment { clock, now, free };
        running.steps = running.steps.saturating_add(1);
        match running.next(&self.rules, &moment) {
            Ok(Next::More) => {}
            Ok(Next::Candidate(candidate)) => return self.judge(&candidate, &moment, in_use, releases),
            Ok(Next::End) => self.end(now.instant),
            Err(error) => {
                self.complain_of_folder(now.instant, &error);
                self.end(now.instant);
            }
        }
        Step::Looked
    }

    /// Deletes a file if a rule wants it.
    fn judge(
        &mut self,
        candidate: &Candidate,
        moment: &Moment<'_>,
        in_use: &InUse<'_>,
        releases: &mut Releases,
    ) -> Step {
        let Some(running) = &mut self.pass else { return Step::Looked };
        let path = self.path.join(candidate.name());
        match running.judge(candidate, &self.rules, moment, in_use) {
            Ok(Some(deleted)) => {
                log::info!("{}: {} is deleted: {}", deleted.stream, path.display(), deleted.why);
                self.pending.delete(moment.now.instant, deleted.bytes);
                releases.add(deleted.file);
                return Step::Deleted;
            }
            Err(error) if error.kind() != ErrorKind::NotFound => {
                self.complain(moment.now.instant, &format!("{} is not deleted: {error}", path.display()));
            }
            Ok(None) | Err(_) => {}
        }
        Step::Looked
    }

    fn complain_of_folder(&mut self, now: Instant, error: &io::Error) {
        self.complain(now, &format!("old recordings cannot be looked for: {}", with_path(&self.path, error)));
    }

    fn complain(&mut self, now: Instant, what: &str) {
        let is_due = self.complained_at.is_none_or(|at| now >= at + REPEAT);
        log::log!(if is_due { log::Level::Error } else { log::Level::Debug }, "{what}");
        if is_due {
            self.complained_at = Some(now);
        }
    }
}

impl Running {
    /// Goes one step further, up to a candidate that may have to go.
    fn next(&mut self, rules: &[Rule], moment: &Moment<'_>) -> io::Result<Next> {
        let wants = |name: &str, modified| rules.iter().any(|rule| rule.wants(name, modified, moment));
        for _ in 0..PASSED_OVER_A_STEP {
            match self.pass.step(wants)? {
                Next::Candidate(candidate) if !wants(candidate.name(), Some(candidate.modified)) => {}
                next => return Ok(next),
            }
        }
        Ok(Next::More)
    }

    /// Deletes a file if a rule wants it.
    fn judge(
        &mut self,
        candidate: &Candidate,
        rules: &[Rule],
        moment: &Moment<'_>,
        in_use: &InUse<'_>,
    ) -> io::Result<Option<Deleted>> {
        let (file, metadata) = self.pass.open(candidate)?;
        if in_use.files.contains(id_of(&metadata)) || is_locked(&file) {
            return Ok(None);
        }
        let modified = metadata.modified()?;
        let Some(script) = script_of(&file)? else { return Ok(None) };
        let mut reasons = rules.iter().filter_map(|rule| {
            let stream = rule.signature.stream_of(candidate.name(), |identity| script.is_of(identity))?;
            Some((stream, rule.reason(modified, moment)?))
        });
        let Some((stream, why)) = reasons.next().filter(|_| !(in_use.is_awaited)(&script)) else {
            return Ok(None);
        };
        self.pass.remove(candidate, &file)?;
        (self.has_deleted, self.steps) = (true, self.steps.saturating_sub(1));
        let bytes = metadata.blocks().saturating_mul(512);
        Ok(Some(Deleted { file, bytes, stream, why }))
    }
}

impl Rule {
    /// True if a file may have to be deleted, by its name, and by its time if that is known.
    fn wants(&self, name: &str, modified: Option<SystemTime>, moment: &Moment<'_>) -> bool {
        self.signature.may_have_named(name)
            && modified.is_none_or(|modified| self.reason(modified, moment).is_some())
    }

    /// The reason to delete a file of the recorder; `None` if it may stay.
    fn reason(&self, modified: SystemTime, moment: &Moment<'_>) -> Option<Reason> {
        let age = moment.clock.age(modified, moment.now);
        if let (Some(keep), Some(age)) = (self.keep, age)
            && age > keep
        {
            return Some(Reason::Age(age, keep));
        }
        let free = moment.free.filter(|free| *free < self.min_free)?;
        let is_fresh = age.is_some_and(|age| age < FRESH);
        (!is_fresh).then_some(Reason::Room(free, self.min_free))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Age(age, keep) => write!(f, "it is {} old, record_keep is {}", span(age), span(keep)),
            Self::Room(free, least) => {
                write!(f, "{} are free, record_min_free is {}", size(free), size(least))
            }
        }
    }
}

/// A time in its two largest units, as nginx writes it.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let units = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds % 60, "s")];
    let first = units.iter().position(|(number, _)| *number > 0).unwrap_or(units.len() - 1);
    let shown = units.iter().skip(first).take(2).filter(|(number, _)| *number > 0 || seconds == 0);
    shown.map(|(number, unit)| format!("{number}{unit}")).collect()
}

/// A number of bytes in its largest unit.
fn size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} bytes"),
    }
}
