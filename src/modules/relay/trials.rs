//! Clients of an edge about whom the origin decides (`edge_auth origin`): it is asked whether it would let each of them play,
//! with his arguments, before he is let in here. The pull that runs already goes on meanwhile.
//!
//! Publishers are not asked about: their push is the question.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::engine::{
    AppId, Ctx, Refusal, RelayKind, RelayTarget, Reply, Request, SessionId, Ticket, Trial, TrialResult,
    Verdict,
};

use super::lookup::stream_of;
use super::ring::Ring;
use super::settings::MODULE;

/// The time for which an answer is used again.
const KEPT: Duration = Duration::from_secs(10);
/// The same of the answer that there is no such stream, which may begin at any time.
const KEPT_MISSING: Duration = Duration::from_secs(1);
/// The longest wait for the answers of all origins.
const LONGEST: Duration = Duration::from_secs(16);

/// What a client is told if no origin can be asked.
const NOT_ASKED: &str = "the server cannot ask the origin of this stream now; try again soon";

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Question {
    app: AppId,
    name: Box<str>,
    args: Box<str>,
    /// The way that the client says to have come, for which the origin may refuse it, and it alone.
    path: Box<str>,
}

/// What the origins have answered: nothing, or why they refuse.
type Answer = Result<(), Refusal>;

/// The questions and answers.
#[derive(Default)]
pub struct Trials {
    /// Clients who are let in do not lose their answers to others who are refused.
    accepted: Ring<Question, ()>,
    refused: Ring<Question, Refusal>,
    /// Those under way, by token. Bounded by the trials that the engine takes.
    under_way: HashMap<u64, Asked>,
    /// The answers for sessions whose requests are about to be resumed. Bounded by the requests that the engine suspends.
    answered: HashMap<SessionId, Answer>,
    last_token: u64,
}

/// A question under way.
struct Asked {
    question: Question,
    targets: Rc<[RelayTarget]>,
    /// The position of the one that is asked.
    current: usize,
    /// Why those before it refuse.
    refusal: Option<Refusal>,
    client: Option<SessionId>,
    /// The requests that wait.
    tickets: Vec<Ticket>,
}

impl Trials {
    /// Has the origins asked about a client who wants to play from one of these.
    pub fn ask(&mut self, cx: &mut Ctx, request: &Request, targets: Rc<[RelayTarget]>) -> Verdict {
        let question = Question {
            app: request.app,
            name: stream_of(request).into(),
            args: request.args.as_str().into(),
            path: cx.relay_path(request.session).into(),
        };
        let now = cx.now.instant;
        if self.accepted.find(&question, now).is_some() {
            return Verdict::Continue;
        }
        if let Some(refusal) = self.refused.find(&question, now) {
            return Verdict::Deny(refusal.clone());
        }
        let wait = Verdict::Suspend { until: now + LONGEST };
        if let Some(asked) = self.under_way.values_mut().find(|asked| asked.question == question) {
            asked.tickets.push(request.ticket);
            return wait;
        }
        let client = Some(request.session);
        let asked =
            Asked { question, targets, current: 0, refusal: None, client, tickets: vec![request.ticket] };
        if self.start(cx, asked) { wait } else { Verdict::Deny(Refusal::of_request(NOT_ASKED)) }
    }

    /// Asks the current target; whether it is asked.
    fn start(&mut self, cx: &mut Ctx, asked: Asked) -> bool {
        let Some(target) = asked.targets.get(asked.current).cloned() else { return false };
        let token = self.last_token + 1;
        let Asked { question, client, .. } = &asked;
        let (app, client) = (question.app, *client);
        let trial = Trial { module: MODULE, token, kind: RelayKind::Pull, target, app, client };
        if cx.start_trial(trial).is_err() {
            return false;
        }
        self.last_token = token;
        self.under_way.insert(token, asked);
        true
    }

    /// An origin has answered, or has not.
    pub fn answer(&mut self, cx: &mut Ctx, token: u64, result: &TrialResult) {
        let Some(mut asked) = self.under_way.remove(&token) else { return };
        match result {
            TrialResult::Accepted => return self.settle(cx, asked, Ok(()), KEPT),
            TrialResult::Refused(why) => {
                let refusal = Refusal::of_client("the origin refuses it");
                asked.refusal = Some(refusal.logged_as(format!("the origin refuses it: {why}")));
            }
            TrialResult::Unknown(why) => {
                let place = asked.targets.get(asked.current).map_or("", |target| &target.destination.host);
                log::debug!("the origin {place} cannot be asked about a client: {why}");
            }
        }
        let is_missing = matches!(result, TrialResult::Refused(why) if why.contains("StreamNotFound"));
        asked.current += 1;
        if asked.current < asked.targets.len() {
            let (tickets, refusal) = (asked.tickets.clone(), asked.refusal.clone());
            if !self.start(cx, asked) {
                self.resume_all(cx, &tickets, &Err(refusal.unwrap_or_else(not_asked)));
            }
            return;
        }
        match asked.refusal.clone() {
            Some(refusal) => {
                self.settle(cx, asked, Err(refusal), if is_missing { KEPT_MISSING } else { KEPT });
            }
            // It may be there again in a moment.
            None => self.resume_all(cx, &asked.tickets, &Err(not_asked())),
        }
    }

    /// Keeps an answer, and gives it to those who wait for it.
    fn settle(&mut self, cx: &mut Ctx, asked: Asked, answer: Answer, kept: Duration) {
        let until: Instant = cx.now.instant + kept;
        self.resume_all(cx, &asked.tickets, &answer);
        match answer {
            Ok(()) => self.accepted.keep(asked.question, (), until),
            Err(refusal) => self.refused.keep(asked.question, refusal, until),
        }
    }

    fn resume_all(&mut self, cx: &mut Ctx, tickets: &[Ticket], answer: &Answer) {
        for ticket in tickets.iter().filter(|ticket| cx.sessions.get(ticket.session).is_some()) {
            self.answered.insert(ticket.session, answer.clone());
        }
        for ticket in tickets {
            cx.answer(*ticket, Reply::Grant);
        }
    }

    /// Whether a request waits for an answer, or is about to be resumed with one.
    pub fn has(&self, ticket: Ticket) -> bool {
        let waits = |asked: &Asked| asked.tickets.iter().any(|other| other.session == ticket.session);
        self.answered.contains_key(&ticket.session) || self.under_way.values().any(waits)
    }

    /// Decides about a request that has waited.
    pub fn resume(&mut self, request: &Request) -> Verdict {
        for asked in self.under_way.values_mut() {
            asked.tickets.retain(|ticket| ticket.session != request.session);
        }
        match self.answered.remove(&request.session) {
            Some(Ok(())) => Verdict::Continue,
            Some(Err(refusal)) => Verdict::Deny(refusal),
            None => Verdict::Deny(not_asked()),
        }
    }

    /// A session has ended.
    pub fn session_ends(&mut self, session: SessionId) {
        self.answered.remove(&session);
        for asked in self.under_way.values_mut() {
            asked.tickets.retain(|ticket| ticket.session != session);
        }
    }

    /// Forgets all answers, as the origin may be another one.
    pub fn forget(&mut self) {
        (self.accepted, self.refused) = (Ring::default(), Ring::default());
    }
}

fn not_asked() -> Refusal {
    Refusal::of_request(NOT_ASKED)
}
