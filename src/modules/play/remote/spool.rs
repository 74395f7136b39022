//! A spool: one file that is fetched from its server into a file of its own, for all who play it at the time.
//!
//! The file comes from its beginning on. If a reader waits for a place far from there (the tables of an MP4 file may stand
//! behind its media, or somebody seeks), and the server takes ranges, it comes from that place on, and the holes later. A
//! part is asked for when the one before has been written, so a spool never has more than one waiting for the writer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::{
    Chain, ClientTls, Ctx, Descriptors, Download, DownloadEvent, DownloadId, Failed, JobOwner, JobResult,
    TimerId,
};
use crate::http::Url;
use crate::http::client::ResponseHead;

use super::coming::{Coming, Fetched};
use super::reply::{Known, Meaning, meaning};
use super::site::{self, RemoteFile};
use super::storing::{self, Folder, Stored};
use super::tokens;

/// The longest time without a byte, and for lookup and connect.
const SILENCE: Duration = Duration::from_secs(10);
/// How long a lost connection is waited with before the rest is asked for.
const REST: Duration = Duration::from_secs(1);
/// How soon the writer is tried again whose queue was full.
const HOLD: Duration = Duration::from_millis(100);
/// The most redirects that are followed.
const MAX_REDIRECTS: u8 = 3;
/// The most times that the rest is asked for, one after the other without [`PROGRESS`] between them.
const MAX_FAILURES: u8 = 3;
/// Bytes after which a connection has been worth its while.
const PROGRESS: u64 = 1 << 20;
/// What is so near to what comes next is waited for.
const NEAR: u64 = 4 << 20;
/// The most times that a file comes from another place on.
const MAX_JUMPS: u32 = 256;

/// What the configuration says of spools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub folder: Folder,
    /// The most bytes of all spools together.
    pub limit: u64,
    pub tls: Arc<ClientTls>,
}

/// A file that is fetched.
#[derive(Debug)]
pub struct Spool {
    pub coming: Arc<Coming>,
    pub file: RemoteFile,
    pub terms: Terms,
    /// Where it is, behind redirects.
    url: Url,
    redirects: u8,
    known: Option<Known>,
    stored: Option<Arc<Stored>>,
    chain: Chain,
    stage: Stage,
    /// The number of the last request.
    attempt: u16,
    /// The next byte that is written.
    at: u64,
    /// Where the next part begins that is there already.
    until: Option<u64>,
    /// Bytes of the answer that are there already.
    skip: u64,
    /// What has come and is not with the writer yet.
    part: Vec<u8>,
    /// Bytes that have been written.
    come: u64,
    failures: u8,
    /// How many had come when a connection was lost last, and when it jumped last.
    failed_at: u64,
    jumped_at: u64,
    jumps: u32,
    timer: Option<TimerId>,
    /// When it was found first that nobody plays it.
    pub unused_since: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The server has been asked, or sends.
    Receiving(DownloadId),
    /// The file is being made, or a part of so many bytes written.
    Writing(DownloadId, usize),
    /// A part waits until the writer has room.
    Holding(DownloadId),
    /// The connection was lost; the rest is asked for later.
    Resting,
    /// Nothing more comes.
    Ended,
}

/// What the writer has done.
enum Done {
    Created(Stored),
    Written,
    Kept(bool),
}

impl Spool {
    /// A spool of this number, which asks for its file.
    pub fn begin(cx: &mut Ctx, number: u64, file: RemoteFile, terms: Terms) -> Self {
        let mut spool = Self {
            coming: Arc::new(Coming::new(number)),
            url: file.url.clone(),
            file,
            terms,
            redirects: 0,
            known: None,
            stored: None,
            chain: Chain::default(),
            stage: Stage::Resting,
            attempt: 0,
            at: 0,
            until: None,
            skip: 0,
            part: Vec::new(),
            come: 0,
            failures: 0,
            failed_at: 0,
            jumped_at: 0,
            jumps: 0,
            timer: None,
            unused_since: None,
        };
        spool.ask(cx);
        spool
    }

    /// Whether anybody plays it, or waits for it.
    pub fn is_used(&self) -> bool {
        Arc::strong_count(&self.coming) > 1
    }

    /// Whether nothing more comes.
    pub fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Whether its file can be played, now or soon.
    pub fn is_good(&self) -> bool {
        !matches!(self.coming.fetched(), Fetched::Missing | Fetched::Failed(_))
    }

    /// Bytes that it takes, or will.
    pub fn reserved(&self) -> u64 {
        let total = self.known.as_ref().and_then(|known| known.total).filter(|_| self.is_good());
        total.unwrap_or_else(|| self.coming.length() + self.part.len() as u64)
    }

    /// Bytes of it that the writer has not written.
    pub fn writing(&self) -> usize {
        if let Stage::Writing(_, bytes) = self.stage { bytes } else { 0 }
    }

    /// Something has come of the request of this number. There is room for `room` bytes, its own included. True if that
    /// concerns its players.
    pub fn take(&mut self, cx: &mut Ctx, attempt: u16, event: DownloadEvent, room: Room) -> bool {
        if attempt != self.attempt {
            return false;
        }
        match event {
            DownloadEvent::Head(head) => self.answered(cx, &head, room),
            DownloadEvent::Part(bytes) => self.received(cx, bytes, room),
            DownloadEvent::End => self.answer_ended(cx),
            DownloadEvent::Failed(error) => self.lost(cx, &error.to_string()),
        }
        !matches!(self.stage, Stage::Receiving(_) | Stage::Writing(..))
    }

    /// The writer has done something for it. True if that concerns its players.
    pub fn job_done(&mut self, cx: &mut Ctx, result: JobResult) -> bool {
        let done = match result.take::<Done>() {
            Ok(done) => done,
            Err(result) => {
                let why =
                    result.take::<Failed>().map_or_else(|_| "a fault".into(), |failed| failed.0.to_string());
                self.fail(cx, &why);
                return true;
            }
        };
        match (done, self.stage) {
            (Done::Kept(is_kept), _) => {
                let found = if is_kept { "kept" } else { "not kept, as there is a file of its name" };
                log::info!("play {}: {} bytes fetched, {found}", self.file.key, self.coming.length());
            }
            (Done::Created(stored), Stage::Writing(id, _)) => {
                let total = self.known.as_ref().and_then(|known| known.total);
                self.coming.begin(Arc::clone(&stored.file), total);
                self.stored = Some(Arc::new(stored));
                self.stage = Stage::Receiving(id);
                self.go_on(cx, id);
            }
            (Done::Written, Stage::Writing(id, bytes)) => {
                let from = self.at;
                self.at += bytes as u64;
                self.come += bytes as u64;
                self.coming.add(from, self.at);
                self.stage = Stage::Receiving(id);
                self.go_on(cx, id);
            }
            (Done::Created(_) | Done::Written, _) => {}
        }
        true
    }

    /// A reader waits for it: it may have to come from another place on.
    pub fn nudge(&mut self, cx: &mut Ctx) {
        let Stage::Receiving(id) = self.stage else { return };
        if self.stored.is_some() && self.far_place().is_some() {
            self.jump(cx, id);
        }
    }

    /// Its timer has expired.
    pub fn timer_expired(&mut self, cx: &mut Ctx, room: Room) {
        self.timer = None;
        match self.stage {
            Stage::Resting => {
                // Where a redirect leads may be valid for a short time only.
                (self.url, self.redirects) = (self.file.url.clone(), 0);
                if self.known.as_ref().is_some_and(|known| known.has_ranges) {
                    return self.begin_section(cx);
                }
                self.ask(cx);
            }
            Stage::Holding(_) => self.write_held(cx, room),
            Stage::Receiving(_) | Stage::Writing(..) | Stage::Ended => {}
        }
    }

    /// Has the writer write the part that waits for it, if there is room.
    pub fn write_held(&mut self, cx: &mut Ctx, room: Room) {
        let Stage::Holding(id) = self.stage else { return };
        if let Some(timer) = self.timer.take() {
            cx.cancel_timer(timer);
        }
        self.write(cx, id, room);
    }

    /// Ends it. Its place on the disk is freed when the last reader has left.
    pub fn stop(mut self, cx: &mut Ctx) {
        self.end_download(cx);
        self.chain.abandon();
        if let Some(timer) = self.timer.take() {
            cx.cancel_timer(timer);
        }
        self.stage = Stage::Ended;
        if let Some(stored) = self.stored.take() {
            // To free a gigabyte takes some time. The last one who has the file open frees it.
            let owner = self.owner();
            cx.jobs.write_always(owner, 0, move || {
                drop((stored, self));
                None::<()>
            });
        }
    }

    /// Asks the server for the bytes from `at` on.
    fn ask(&mut self, cx: &mut Ctx) {
        self.attempt = self.attempt.wrapping_add(1);
        let download = Download {
            module: tokens::MODULE,
            token: tokens::of(self.coming.spool, self.attempt),
            destination: site::destination(&self.url, &self.terms.tls),
            request: site::request(&self.url, self.at, self.known.as_ref()),
            timeout: SILENCE,
        };
        match cx.download(&download) {
            Ok(id) => self.stage = Stage::Receiving(id),
            Err(_) => self.fail(cx, "too many files are fetched at a time"),
        }
    }

    fn answered(&mut self, cx: &mut Ctx, head: &ResponseHead, room: Room) {
        let Stage::Receiving(id) = self.stage else { return };
        match meaning(head, self.at, self.known.as_ref()) {
            Meaning::Body { known, .. } if known.total.is_some_and(|total| total > room.bytes) => {
                let total = known.total.unwrap_or_default();
                self.fail(cx, &format!("it has {total} bytes, more than play_temp_size has room for"));
            }
            Meaning::Body { skip, known } => {
                (self.skip, self.known) = (skip, Some(known));
                if self.stored.is_some() {
                    return self.go_on(cx, id);
                }
                self.create(cx, id);
            }
            Meaning::Elsewhere(location) => self.follow(cx, &location),
            Meaning::Missing if self.known.is_none() => {
                self.end_download(cx);
                self.stage = Stage::Ended;
                self.coming.end(Fetched::Missing);
            }
            Meaning::Missing => self.fail(cx, "its server has it no more"),
            Meaning::Refused(why) => self.fail(cx, &why),
            Meaning::Unable(why) => {
                self.end_download(cx);
                self.lost(cx, &why);
            }
        }
    }

    /// Asks where the file is. Nothing that was asked for encrypted is asked for in the open.
    fn follow(&mut self, cx: &mut Ctx, location: &str) {
        self.end_download(cx);
        self.redirects += 1;
        if self.redirects > MAX_REDIRECTS {
            return self.fail(cx, "more than 3 redirects");
        }
        match self.url.follow(location) {
            Ok(url) if self.url.is_secure && !url.is_secure => {
                self.fail(cx, &format!("a redirect from https to {url}"));
            }
            Ok(url) => {
                self.url = url;
                self.ask(cx);
            }
            Err(why) => self.fail(cx, &format!("a redirect: {why}")),
        }
    }

    fn create(&mut self, cx: &mut Ctx, id: DownloadId) {
        let (folder, spool): (Folder, u64) = (self.terms.folder.clone(), self.coming.spool);
        let descriptors: Descriptors = cx.descriptors;
        let work =
            move || storing::create(&folder, spool, descriptors).map(|stored| Some(Done::Created(stored)));
        match self.chain.write(&mut cx.jobs, self.owner(), 0, work) {
            Ok(()) => self.stage = Stage::Writing(id, 0),
            Err(full) => self.fail(cx, &full.to_string()),
        }
    }

    fn received(&mut self, cx: &mut Ctx, mut bytes: Vec<u8>, room: Room) {
        let Stage::Receiving(id) = self.stage else { return };
        let skipped = self.skip.min(bytes.len() as u64);
        self.skip -= skipped;
        bytes.drain(..usize::try_from(skipped).unwrap_or_default());
        if let Some(end) = self.end() {
            bytes.truncate(usize::try_from(end.saturating_sub(self.at)).unwrap_or(usize::MAX));
        } else if self.at + bytes.len() as u64 > room.bytes {
            return self.fail(cx, "it has more bytes than play_temp_size has room for");
        }
        self.part = bytes;
        if self.part.is_empty() {
            return self.go_on(cx, id);
        }
        self.write(cx, id, room);
    }

    fn write(&mut self, cx: &mut Ctx, id: DownloadId, room: Room) {
        let Some(stored) = self.stored.clone() else { return };
        let (offset, bytes) = (self.at, self.part.len());
        if !room.may_write || !cx.jobs.has_room(bytes) {
            self.stage = Stage::Holding(id);
            return self.wait(cx, HOLD);
        }
        let part = std::mem::take(&mut self.part);
        let work = move || storing::write(&stored.file, offset, &part).map(|()| Some(Done::Written));
        self.chain.write_always(&mut cx.jobs, self.owner(), bytes, work);
        self.stage = Stage::Writing(id, bytes);
    }

    /// Has the next part come, or what is next behind the end of this section of the file.
    fn go_on(&mut self, cx: &mut Ctx, id: DownloadId) {
        if self.end().is_some_and(|end| self.at >= end) {
            cx.end_download(id);
            return self.begin_section(cx);
        }
        if self.far_place().is_some() {
            return self.jump(cx, id);
        }
        cx.continue_download(id);
    }

    fn jump(&mut self, cx: &mut Ctx, id: DownloadId) {
        cx.end_download(id);
        (self.jumps, self.jumped_at) = (self.jumps + 1, self.come);
        self.begin_section(cx);
    }

    /// A place that a reader waits for, and to which it is far from here.
    fn far_place(&self) -> Option<u64> {
        let has_ranges = self.known.as_ref().is_some_and(|known| known.has_ranges);
        let wanted = self.coming.wanted().filter(|_| has_ranges && self.jumps < MAX_JUMPS)?;
        let is_near = (self.at..self.at.saturating_add(NEAR)).contains(&wanted);
        // Two players at different places are served by turns.
        let has_just_jumped = self.jumps > 0 && self.come < self.jumped_at.saturating_add(PROGRESS);
        (!is_near && !has_just_jumped).then_some(wanted)
    }

    /// Asks for the section that a reader waits for, or else for the first one that is missing.
    fn begin_section(&mut self, cx: &mut Ctx) {
        let wanted = self.coming.wanted().and_then(|wanted| self.coming.missing(wanted));
        match wanted.or_else(|| self.coming.missing(0)) {
            Some((from, until)) => {
                (self.at, self.until, self.skip) = (from, until, 0);
                self.ask(cx);
            }
            None => self.complete(cx),
        }
    }

    /// Where the section ends that is being fetched.
    fn end(&self) -> Option<u64> {
        self.until.or_else(|| self.known.as_ref()?.total)
    }

    /// The answer is complete; if the length was not known, so is the file.
    fn answer_ended(&mut self, cx: &mut Ctx) {
        match self.end() {
            None => self.complete(cx),
            Some(_) => self.lost(cx, "the server has sent less than it has announced"),
        }
    }

    fn complete(&mut self, cx: &mut Ctx) {
        self.stage = Stage::Ended;
        self.coming.end(Fetched::Whole);
        let (Folder::Lasting(base), Some(stored)) = (self.terms.folder.clone(), self.stored.clone()) else {
            return log::debug!("play {}: {} bytes fetched", self.file.key, self.coming.length());
        };
        let path = self.file.path.clone();
        let work = move || storing::keep(&stored, &base, &path).map(|is_kept| Some(Done::Kept(is_kept)));
        self.chain.write_always(&mut cx.jobs, self.owner(), 0, work);
    }

    /// The connection is lost, or could not be had. The rest is asked for later.
    fn lost(&mut self, cx: &mut Ctx, why: &str) {
        if self.stored.is_none() {
            return self.fail(cx, why);
        }
        if self.come >= self.failed_at.saturating_add(PROGRESS) {
            self.failures = 0;
        }
        (self.failures, self.failed_at) = (self.failures + 1, self.come);
        if self.failures > MAX_FAILURES {
            return self.fail(cx, why);
        }
        log::info!("play {}: {why}; the rest is asked for again", self.file.key);
        self.stage = Stage::Resting;
        self.wait(cx, REST);
    }

    /// Gives up. Who plays it may play what has come.
    fn fail(&mut self, cx: &mut Ctx, why: &str) {
        // What is kept is kept.
        if self.coming.fetched() == Fetched::Whole {
            return log::warn!("play {}: it is not kept: {why}", self.file.key);
        }
        log::warn!("play {}: {why}", self.file.key);
        self.end_download(cx);
        self.chain.abandon();
        self.part = Vec::new();
        self.stage = Stage::Ended;
        self.coming.end(Fetched::Failed(why.to_owned()));
    }

    fn end_download(&self, cx: &mut Ctx) {
        match self.stage {
            Stage::Receiving(id) | Stage::Writing(id, _) | Stage::Holding(id) => cx.end_download(id),
            Stage::Resting | Stage::Ended => {}
        }
    }

    fn wait(&mut self, cx: &mut Ctx, time: Duration) {
        let at = cx.now.instant + time;
        self.timer = Some(cx.set_module_timer(tokens::MODULE, at, tokens::of(self.coming.spool, 0)));
    }

    fn owner(&self) -> JobOwner {
        JobOwner::Module { name: tokens::MODULE, token: tokens::of(self.coming.spool, 0) }
    }
}

/// What a spool may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes of the disk, with those that it has.
    pub bytes: u64,
    /// Whether the writer may get another part of a spool.
    pub may_write: bool,
}
