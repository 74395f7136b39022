//! Passwords that are being verified: each by a job, while the request is suspended.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::auth::secret::Hasher;
use crate::engine::{Ctx, Failed, JobOwner, JobResult, Refusal, Reply, Request, SessionId, Ticket, Verdict};

use crate::modules::access::tries;

use super::file::{Claim, UserFile};

/// The module that the jobs are of.
pub const MODULE: &str = "access";

/// How long a request waits for the result.
const WAIT: Duration = Duration::from_secs(10);

/// What is told if the password is not verified for want of time.
const BUSY: &str = "too many passwords are being checked; try again";

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
    /// The directive and the stream, for the log.
    what: String,
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
type Checked = Result<bool, String>;

impl Checks {
    /// Has a claim judged, while the request waits.
    pub fn begin(
        &mut self,
        cx: &mut Ctx,
        request: &Request,
        (file, directive): (&UserFile, &str),
        (claim, purpose): (Claim, Purpose),
        hasher: &Hasher,
    ) -> Verdict {
        self.last += 1;
        let (file, hasher) = (file.clone(), hasher.clone());
        let work = move || Some(Checked::from(file.judge(&claim, &hasher)));
        if cx.jobs.hash(JobOwner::Module { name: MODULE, token: self.last }, work).is_err() {
            return Verdict::Deny(Refusal::of_request(BUSY));
        }
        let what = format!("{directive}, {}", tries::describe(cx, request));
        self.waiting.insert(self.last, Check { ticket: request.ticket, purpose, what });
        Verdict::Suspend { until: cx.now.instant + WAIT }
    }

    /// Answers the request for which a job has judged. A refusal of the client says that it was wrong; any other one
    /// that nothing could be said.
    pub fn finish(&mut self, cx: &mut Ctx, token: u64, result: JobResult) {
        let Some(Check { ticket, purpose, what }) = self.waiting.remove(&token) else { return };
        let checked = result.take::<Checked>().unwrap_or_else(|result| {
            let failed = result.take::<Failed>().map(|Failed(error)| error.to_string());
            Err(failed.unwrap_or_default())
        });
        let session = ticket.session;
        let reply = match checked {
            Ok(true) => {
                if purpose != Purpose::Arguments && cx.sessions.get(session).is_some() {
                    self.authenticated.insert(session);
                }
                Reply::Grant
            }
            Ok(false) => Reply::Refuse(wrong(purpose)),
            Err(why) => {
                log::error!("{session} {what}: {why}");
                Reply::Refuse(Refusal::of_request("the server cannot check passwords now; its log says why"))
            }
        };
        cx.answer(ticket, reply);
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

/// What is wrong, for the client and the log.
pub const WRONG: &str = "wrong user or password";

fn wrong(purpose: Purpose) -> Refusal {
    match purpose {
        Purpose::Arguments => Refusal::of_client(WRONG),
        Purpose::Response(description) => Refusal::of_client(description).logged_as(WRONG),
    }
}
