//! Passwords that are being verified: each by a job, while the request is suspended.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::auth::secret::Hasher;
use crate::engine::files::users::{self, Claim, Unjudged};
use crate::engine::{
    Ctx, Failed, JobOwner, JobResult, Refusal, Reply, Request, SessionId, Ticket, Try, Verdict,
};

use super::file::UserFile;

/// The module that the jobs are of.
pub const MODULE: &str = "access";

/// How long a request waits for the result: as many as may wait before it take a second each at most.
const WAIT: Duration = Duration::from_secs(28);

/// What is told if the password is not verified for want of time.
const BUSY: &str = "too many passwords are being checked; try again";

/// What is told if it cannot be verified at all.
const UNKNOWN: &str = "the server cannot check passwords now; its log says why";

/// The checks under way, and the sessions that have passed one at their connect.
#[derive(Default)]
pub struct Checks {
    last: u64,
    /// By the token of the job; bounded by the number of jobs.
    waiting: HashMap<u64, Check>,
    /// Bounded by the number of sessions.
    authenticated: HashSet<SessionId>,
}

/// A check under way.
struct Check {
    ticket: Ticket,
    purpose: Purpose,
    directive: &'static str,
    tried: Try,
}

/// What a client is told if it is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// It has a user and a password in its arguments.
    Arguments,
    /// It has answered Adobe's challenge; this is the description of a failure.
    Response(String),
}

/// The result of a job.
type Checked = Result<bool, Unjudged>;

impl Checks {
    /// Has a claim judged, while the request waits.
    pub fn begin(
        &mut self,
        cx: &mut Ctx,
        request: &Request,
        (file, directive): (&UserFile, &'static str),
        (claim, purpose): (Claim, Purpose),
        hasher: &Hasher,
    ) -> Verdict {
        let Some(tried) = Try::of(cx, request) else { return Verdict::Continue };
        self.last += 1;
        let (path, hasher) = (file.path.clone(), hasher.clone());
        let work = move || Some(Checked::from(users::judge(&path, &claim, &hasher)));
        let owner = JobOwner::Module { name: MODULE, token: self.last };
        if tried.judge(&mut cx.jobs, owner, work).is_err() {
            return Verdict::Deny(Refusal::of_request(BUSY));
        }
        self.waiting.insert(self.last, Check { ticket: request.ticket, purpose, directive, tried });
        Verdict::Suspend { until: cx.now.instant + WAIT }
    }

    /// Answers the request for which a job has judged. What was wrong counts, also if the client has left meanwhile.
    pub fn finish(&mut self, cx: &mut Ctx, token: u64, result: JobResult) {
        let Some(check) = self.waiting.remove(&token) else { return };
        let Check { ticket, purpose, directive, tried } = check;
        let checked = result.take::<Checked>().unwrap_or_else(|result| {
            let failed = result.take::<Failed>().map(|Failed(error)| error.to_string());
            Err(Unjudged::Unusable(failed.unwrap_or_default()))
        });
        let session = ticket.session;
        let reply = match checked {
            Ok(true) => {
                tried.note_right(cx);
                Reply::Grant
            }
            Ok(false) => {
                tried.note_wrong(cx, WRONG);
                Reply::Refuse(wrong(purpose))
            }
            // A fault of the file or of the job is nobody's guess.
            Err(why) => {
                log::error!("{session} {directive}, {tried}: {why}");
                match purpose {
                    Purpose::Arguments => Reply::Refuse(Refusal::of_request(UNKNOWN)),
                    Purpose::Response(_) => Reply::Refuse(wrong(purpose)),
                }
            }
        };
        cx.answer(ticket, reply);
    }

    /// A session has answered a challenge.
    pub fn authenticate(&mut self, session: SessionId) {
        self.authenticated.insert(session);
    }

    /// Whether a session has answered a challenge.
    pub fn is_authenticated(&self, session: SessionId) -> bool {
        self.authenticated.contains(&session)
    }

    /// A session is closed.
    pub fn forget(&mut self, session: SessionId) {
        self.authenticated.remove(&session);
    }
}

/// The verdict about a request whose time is over.
pub fn timed_out() -> Verdict {
    Verdict::Deny(Refusal::of_request(BUSY))
}

/// The reason of a refusal, for the client and the log.
const WRONG: &str = "wrong user or password";

fn wrong(purpose: Purpose) -> Refusal {
    match purpose {
        Purpose::Arguments => Refusal::of_client(WRONG),
        Purpose::Response(description) => Refusal::of_client(description).logged_as(WRONG),
    }
}
