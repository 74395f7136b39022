//! The streams that are being written and those that have ended, so that no two have the same files. After the end of a
//! stream its playlist gets its end and its files are removed, also those of an earlier run of the server.
//!
//! It is decided here who has which files; [tasks](task::Task) work on them, one after the other.

pub mod ended;
pub mod folders;
mod ledger;
mod ledgers;
pub mod live;
pub mod survey;
pub mod task;
pub mod token_secrets;
pub mod waits;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::auth::segment_token::SegmentSigner;
use crate::engine::{JobOwner, Jobs, Outlet, QueueFull, SharedBuffers, StreamId};

use super::files::Files;
use super::files::naming::Naming;
use super::files::token_secret::TokenSecret;
use super::output::{Opening, Output};
use super::publication::Publication;
use super::segmenter::Segmenter;
use super::settings::tokens::TokenSource;
use super::settings::{App, Cleanup, Continuation, NAME, Settings, Storage};
use ended::{Ended, EndedStreams, Stage};
use folders::Folders;
use ledgers::{Ledgers, NOBODY};
use live::LiveStreams;
use survey::Survey;
use task::{Act, MasterPath, Outcome, Task};
use token_secrets::TokenSecrets;
use waits::{NEXT_TURN, open_for, removal_delay};

/// The most streams that have ended and whose playlists are open or whose files are there; beyond this, the oldest end
/// and lose their files early.
pub const MAX_ENDED: usize = 4096;

/// The most files that a job removes: other jobs wait for it, and a slow disk may need long for each.
pub const MAX_REMOVED: usize = 8;

/// The token of a stream that has ended, and the time until its next step: its playlist ends, or files are removed.
pub type NextStep = (u64, Duration);

/// The result of a job: it is known what is on the disk of a stream that begins.
#[derive(Debug)]
pub struct Opened(pub StreamId);

#[derive(Debug, Default)]
pub struct Streams {
    pub live: LiveStreams,
    pub ended: EndedStreams,
    pub folders: Folders,
    secrets: TokenSecrets,
    ledgers: Ledgers,
    /// The number of outputs so far.
    outputs: u64,
    /// The buffers of all outputs to the disk.
    buffers: SharedBuffers,
}

impl Streams {
    /// A look at the folders of applications that are not known yet, which may block.
    pub fn survey(&self, apps: Vec<App>) -> impl FnOnce() -> Survey + Send + 'static {
        let (folders, secrets) = (self.folders.clone(), self.secrets.clone());
        let roots = self.ledgers.roots().cloned().collect();
        move || Survey::make(&apps, folders, secrets, roots)
    }

    /// Takes what has been found, with the streams of an earlier run.
    pub fn take_survey(&mut self, survey: Survey, jobs: &mut Jobs) -> Vec<NextStep> {
        self.folders.extend(survey.folders);
        for root in self.secrets.extend(survey.secrets) {
            self.keep_secret(root, jobs);
        }
        for (root, ledger) in survey.ledgers {
            self.ledgers.insert(root, ledger);
        }
        let mut steps = Vec::new();
        for (ended, wait) in survey.left {
            // It may have begun since, or have come and gone.
            let is_known = |claim: &Path| self.ended.find(claim).is_some();
            let claims = ended.naming.claims();
            if self.live.conflict(&ended.naming, &[]).is_none() && !claims.iter().any(|claim| is_known(claim))
            {
                let token = self.add_ended(ended, &mut steps, jobs);
                steps.extend(token.map(|token| (token, wait)));
            }
        }
        steps
    }

    /// Keeps the secret of a folder in a file, if there are streams, whose next publish may be a long way off.
    fn keep_secret(&self, root: PathBuf, jobs: &mut Jobs) {
        if self.live.is_on_disk(&root)
            && let Some(secret) = self.secrets.of(&root).cloned()
        {
            jobs.write_always(NOBODY, 0, move || {
                secret.keep_or_warn(&root);
                None::<()>
            });
        }
    }

    /// What makes the tokens of an application; none if it is not guarded, or its folder has not been examined yet.
    pub fn signer(&self, app: &App) -> Option<SegmentSigner> {
        match &app.tokens {
            TokenSource::Nowhere => None,
            TokenSource::Directive(signer) => Some(signer.clone()),
            TokenSource::Folder => self.secrets.of(&self.folders.root(app)).map(TokenSecret::signer),
        }
    }

    /// The names of the files of an application's stream, by what is known of its folders.
    pub fn naming(&self, app: &App, name: &str) -> Naming {
        self.folders.naming(app, name)
    }

    /// Begins to write a stream, unless another stream writes the same files, or the disk hangs. If an earlier stream of
    /// the name has left a playlist, this one continues it.
    pub fn begin(
        &mut self,
        stream: StreamId,
        app: &App,
        name: &str,
        outlet: &mut Outlet<'_>,
    ) -> Result<Segmenter, String> {
        let mut naming = self.naming(app, name);
        if let Some(claim) = self.live.conflict(&naming, &[]) {
            return Err(format!("another stream is writing {}", claim.display()));
        }
        if app.settings.storage == Storage::Disk && !outlet.jobs.has_room(0) {
            return Err(format!("{QueueFull}; it begins with the next publish"));
        }
        if self.is_awaited(&naming) {
            naming = continuing(&naming);
        }
        if let Some(master) = naming.master_claim() {
            if self.live.is_taken(&master, &naming) {
                let (label, master) = (naming.label(), master.display());
                log::error!("{label}: no hls master playlist: another stream is writing {master}");
                naming = without_variants(&naming);
            }
            // A stream of that name may have ended and still have files.
            self.remove_ended(&master, &naming, outlet);
        }
        for claim in naming.claims() {
            self.remove_ended(&claim, &naming, outlet);
        }
        let secret = self.secrets.of(naming.root()).filter(|_| matches!(app.tokens, TokenSource::Folder));
        let output = self.open(stream, &naming, secret.cloned(), outlet);
        if app.keeps_ledger() {
            self.ledgers.add(&naming, outlet.jobs);
        }
        self.live.add(stream, naming);
        Ok(Segmenter::new(&app.settings, output))
    }

    /// The output of a stream that begins.
    fn open(
        &mut self,
        stream: StreamId,
        naming: &Naming,
        secret: Option<TokenSecret>,
        outlet: &mut Outlet<'_>,
    ) -> Output {
        let settings = naming.settings();
        if settings.storage == Storage::Disk {
            self.outputs = self.outputs.wrapping_add(1);
            let opening = Opening { naming: naming.clone(), buffers: self.buffers.share(), secret };
            let output = Output::on_disk(stream, self.outputs, opening, outlet);
            outlet.jobs.write_always(NOBODY, 0, move || Some(Opened(stream)));
            return output;
        }
        outlet.memory.begin_owner(&naming.playlist());
        let files = &Files::Memory(outlet.memory);
        Output::in_memory(Publication::open(naming.clone(), files, outlet.now.wall), outlet)
    }

    /// Ends a stream whose publisher has been away for the time `waited`.
    pub fn end(&mut self, stream: StreamId, waited: Duration, outlet: &mut Outlet<'_>) -> Vec<NextStep> {
        let Some(naming) = self.live.take(stream) else { return Vec::new() };
        outlet.memory.end_owner(&naming.playlist());
        let open_for = open_for(&naming).filter(|wait| !wait.is_zero());
        // Without a wait, the segmenter has ended the playlist.
        let stage = if open_for.is_some() { Stage::Open } else { Stage::Ended };
        let mut steps = Vec::new();
        let ended = Ended::new(naming.clone(), stage, None);
        if let Some(token) = self.add_ended(ended, &mut steps, outlet.jobs) {
            let wait = match open_for {
                Some(wait) => Some(wait.saturating_sub(waited)),
                None => self.act(token, Act::Measure, outlet),
            };
            steps.extend(wait.map(|wait| (token, wait)));
        } else {
            forget(&naming, outlet);
        }
        steps
    }

    /// Adds a stream that has ended, unless nothing is left to do. If there are too many, the oldest has its next step
    /// at once.
    fn add_ended(&mut self, ended: Ended, steps: &mut Vec<NextStep>, jobs: &mut Jobs) -> Option<u64> {
        if ended.stage == Stage::Ended && ended.naming.settings().cleanup == Cleanup::Keep {
            self.ledgers.remove(&ended.naming, jobs);
            return None;
        }
        let oldest = if self.ended.len() >= MAX_ENDED { self.ended.hurry() } else { None };
        steps.extend(oldest.map(|oldest| (oldest, NEXT_TURN)));
        Some(self.ended.add(ended))
    }

    /// Takes the next step for a stream that has ended, unless it has come back: ends its playlist, or removes some
    /// files. Returns the time until the step after that; none if a job does this step.
    pub fn advance(&mut self, token: u64, outlet: &mut Outlet<'_>) -> Option<Duration> {
        let act = match self.ended.get(token)?.stage {
            Stage::Open => Act::End,
            Stage::Ended | Stage::Removing => Act::Remove { most: MAX_REMOVED },
        };
        self.act(token, act, outlet)
    }

    fn act(&mut self, token: u64, act: Act, outlet: &mut Outlet<'_>) -> Option<Duration> {
        let ended = self.ended.get(token)?;
        let task = self.task(ended, act, outlet.now.wall);
        if ended.naming.settings().storage == Storage::Disk {
            self.ended.begin_step(token);
            queue(JobOwner::Module { name: NAME, token }, task, outlet.jobs);
            return None;
        }
        let outcome = task.run(&mut Files::Memory(outlet.memory));
        self.conclude(token, outcome, outlet)
    }

    /// Notes what has become of a step. Returns the time until the next one.
    pub fn conclude(&mut self, token: u64, outcome: Outcome, outlet: &mut Outlet<'_>) -> Option<Duration> {
        let is_hurried = self.ended.is_hurried(token);
        let ended = self.ended.finish_step(token)?;
        let wait = match outcome {
            Outcome::Measured { listed } => removal_delay(&ended.naming, listed),
            Outcome::OtherServer { written, listed } => {
                ended.written = written;
                return Some(removal_delay(&ended.naming, listed));
            }
            Outcome::Ended { written, listed } => {
                (ended.stage, ended.written) = (Stage::Ended, written);
                if ended.naming.settings().cleanup == Cleanup::Keep {
                    self.give_up(token, outlet);
                    return None;
                }
                let since_end = open_for(&ended.naming).unwrap_or_default();
                removal_delay(&ended.naming, listed).saturating_sub(since_end)
            }
            Outcome::Left => {
                ended.stage = Stage::Removing;
                NEXT_TURN
            }
            Outcome::Removed => {
                self.give_up(token, outlet);
                return None;
            }
        };
        Some(if is_hurried { NEXT_TURN } else { wait })
    }

    /// Forgets a stream that has ended, and for which nothing is left to do.
    pub fn give_up(&mut self, token: u64, outlet: &mut Outlet<'_>) {
        if let Some(ended) = self.ended.take(token) {
            forget(&ended.naming, outlet);
        }
    }

    /// Whether a stream with these files has ended in this run, and its playlist is still open.
    fn is_awaited(&self, naming: &Naming) -> bool {
        let is_open = |ended: &Ended| ended.is_open() && ended.written.is_none();
        let claims = naming.claims();
        let mut ended = claims.iter().filter_map(|claim| self.ended.find(claim));
        ended.any(|ended| ended.naming.has_playlist_of(naming) && is_open(ended))
    }

    /// Removes the files of the ended stream that has this claim at once, unless the stream `by`, which begins,
    /// continues its playlist, or `hls_cleanup` is off.
    fn remove_ended(&mut self, claim: &Path, by: &Naming, outlet: &mut Outlet<'_>) {
        let Some(ended) = self.ended.take_claim(claim) else { return };
        let is_continued = ended.naming.has_playlist_of(by);
        if !is_continued || ended.naming.settings().app_id != by.settings().app_id {
            forget(&ended.naming, outlet);
        }
        if is_continued {
            return;
        }
        let act = match ended.naming.settings().cleanup {
            Cleanup::Keep => Act::End,
            Cleanup::Remove => Act::Remove { most: usize::MAX },
        };
        self.act_at_last(&ended, act, outlet);
    }

    /// Does for a stream that is no longer among those that have ended what is left to do.
    pub fn act_at_last(&self, ended: &Ended, act: Act, outlet: &mut Outlet<'_>) {
        let task = Task { written: None, ..self.task(ended, act, outlet.now.wall) };
        match ended.naming.settings().storage {
            Storage::Disk => queue(NOBODY, task, outlet.jobs),
            Storage::Memory => _ = task.run(&mut Files::Memory(outlet.memory)),
        }
    }

    fn task(&self, ended: &Ended, act: Act, wall: SystemTime) -> Task {
        let Ended { naming, stage, written, left, .. } = ended;
        let is_taken = naming.master_claim().is_some_and(|master| self.live.is_taken(&master, naming));
        Task {
            naming: naming.clone(),
            act,
            left: left.clone(),
            written: written.filter(|_| *stage != Stage::Removing),
            master: if is_taken { MasterPath::Taken } else { MasterPath::Own },
            ledger: self.ledgers.of(naming.root()).filter(|_| naming.settings().storage == Storage::Disk),
            wall,
        }
    }

    /// Whether ledgers may have entries.
    pub fn has_ledger_entries(&self) -> bool {
        let has_streams = !self.live.is_empty() || !self.ended.is_empty();
        has_streams && !self.ledgers.is_empty()
    }

    /// Writes the ledgers again that somebody has removed.
    pub fn restore_ledgers(&self, jobs: &mut Jobs) {
        self.ledgers.restore(jobs);
    }
}

/// Lets the writer do a task. It must not be lost, and holds little.
fn queue(owner: JobOwner, task: Task, jobs: &mut Jobs) {
    jobs.write_always(owner, 0, move || Some(task.run(&mut Files::Disk)));
}

/// Tells the engine that nothing is listed of a stream any more, or that its list does not change any more.
fn forget(naming: &Naming, outlet: &mut Outlet<'_>) {
    outlet.lists.forget(naming.settings().app_id, naming.name(), outlet.now.instant);
}

/// The same stream, continuing its playlist whatever `hls_continuous` says.
fn continuing(naming: &Naming) -> Naming {
    let settings = Settings { continuation: Continuation::Continue, ..Settings::clone(naming.settings()) };
    naming.with_settings(&Arc::new(settings))
}

fn without_variants(naming: &Naming) -> Naming {
    let settings = Settings { variants: Vec::new(), ..Settings::clone(naming.settings()) };
    naming.with_settings(&Arc::new(settings))
}
