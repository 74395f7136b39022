//! The directory that is asked where a stream lives: `origin_lookup URL`. It is asked with GET and the arguments `call`
//! (publish or play), `app`, `name` and `addr`.
//!
//! Requests for the same stream wait for one answer, which is kept for a time.

pub mod directory;

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::engine::{
    AppId, Call, CallError, CallKind, Ctx, Refusal, Reply, Request, RequestKind, SessionId, Ticket, Verdict,
};
use crate::http::Url;
use crate::http::client::{Method, Request as Query, Response};

use crate::modules::relay::line::url::RtmpUrl;
use crate::modules::relay::ring::Ring;
use crate::modules::relay::settings::{Lookup, MODULE, Settings};

use directory::OnError;

/// The time for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How much later the engine ends the wait than the call does, whose end says why.
const MARGIN: Duration = Duration::from_millis(250);
/// The longest answer, bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// The shortest time between two log lines about directories that do not answer.
const FAILURE_PAUSE: Duration = Duration::from_secs(10);

/// What a client is told if the directory cannot be asked.
const NOT_ASKED: &str = "the server cannot ask its directory now; try again soon";
/// The same if its answer is of no use.
const NO_USE: &str = "the server's directory gives no answer of use for this stream";

/// Where a stream lives: the URL of another server, or none for here.
pub type Home = Option<Box<str>>;

/// Why it is not known where a stream lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoHome {
    /// The directory does not answer.
    Silent(String),
    /// Its answer is of no use.
    Wrong(String),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Question {
    app: AppId,
    is_publish: bool,
    name: Box<str>,
}

/// The questions and answers.
#[derive(Default)]
pub struct Lookups {
    /// The streams that live elsewhere, and those that live here: who asks for invented names pushes out only the latter.
    there: Ring<Question, Box<str>>,
    here: Ring<Question, ()>,
    /// The calls under way, by token. Bounded by the calls that the engine takes.
    under_way: HashMap<u64, Question>,
    /// The requests that wait for an answer. Bounded by the requests that the engine suspends.
    waiting: HashMap<Question, Vec<Ticket>>,
    /// The answers for sessions whose requests are about to be resumed.
    answered: HashMap<SessionId, Result<Home, NoHome>>,
    last_token: u64,
    /// When it was logged last that a directory does not answer.
    logged_at: Option<Instant>,
}

/// What is known of where a stream lives.
pub enum Found {
    Known(Home),
    /// The request waits.
    Asked(Verdict),
    Failed(NoHome),
}

impl Lookups {
    /// Finds where the stream of a request lives.
    pub fn find(&mut self, cx: &mut Ctx, request: &Request, lookup: &Lookup) -> Found {
        let question = Question::of(request);
        let now = cx.now.instant;
        if let Some(url) = self.there.find(&question, now) {
            return Found::Known(Some(url.clone()));
        }
        if self.here.find(&question, now).is_some() {
            return Found::Known(None);
        }
        let asked = Found::Asked(Verdict::Suspend { until: now + TIMEOUT + MARGIN });
        if let Some(waiting) = self.waiting.get_mut(&question) {
            waiting.push(request.ticket);
            return asked;
        }
        let token = self.last_token + 1;
        let call = Call {
            module: MODULE,
            token,
            destination: lookup.destination.clone(),
            request: query(cx, request, &lookup.url).encode().into(),
            max_body: MAX_ANSWER,
            timeout: TIMEOUT,
            kind: CallKind::Decision,
            order: 0,
        };
        if cx.call(call).is_err() {
            return Found::Failed(NoHome::Silent("too many calls wait already".to_owned()));
        }
        self.last_token = token;
        self.under_way.insert(token, question.clone());
        self.waiting.insert(question, vec![request.ticket]);
        asked
    }

    /// The application whose settings judge the result of a call.
    pub fn app_of(&self, token: u64) -> Option<AppId> {
        self.under_way.get(&token).map(|question| question.app)
    }

    /// Takes the result of a call, and has the requests resumed that wait for it.
    pub fn answer(
        &mut self,
        cx: &mut Ctx,
        token: u64,
        settings: Option<&Settings>,
        result: Result<Response, CallError>,
    ) {
        let Some(question) = self.under_way.remove(&token) else { return };
        let tickets = self.waiting.remove(&question).unwrap_or_default();
        // A client has reached this server at this address: a URL of it leads here.
        let mut sessions = tickets.iter().filter_map(|ticket| cx.sessions.get(ticket.session));
        let reached = sessions.find_map(|session| session.local);
        let home = match (result, settings) {
            (Ok(response), Some(settings)) => home(&response, settings, reached).map_err(NoHome::Wrong),
            (Err(error), _) => Err(NoHome::Silent(error.to_string())),
            (_, None) => Err(NoHome::Silent("the application has gone".to_owned())),
        };
        let cache = settings.and_then(|settings| settings.lookup.as_ref()).map(|lookup| lookup.cache);
        if let (Ok(home), Some(cache)) = (&home, cache.filter(|cache| !cache.is_zero())) {
            let until = cx.now.instant + cache;
            match home.clone() {
                Some(url) => self.there.keep(question, url, until),
                None => self.here.keep(question, (), until),
            }
        }
        for ticket in tickets {
            if cx.sessions.get(ticket.session).is_none() {
                continue;
            }
            self.answered.insert(ticket.session, home.clone());
            cx.answer(ticket, Reply::Grant);
        }
    }

    /// The answer for a request that is resumed.
    pub fn take(&mut self, session: SessionId) -> Result<Home, NoHome> {
        let timed_out = || Err(NoHome::Silent(CallError::TimedOut.to_string()));
        self.answered.remove(&session).unwrap_or_else(timed_out)
    }

    /// A session has ended.
    pub fn session_ends(&mut self, session: SessionId) {
        self.answered.remove(&session);
    }

    /// Forgets all answers, as the directory may be another one.
    pub fn forget(&mut self) {
        (self.there, self.here) = (Ring::default(), Ring::default());
    }

    /// What becomes of a stream of which the directory does not say where it lives.
    pub fn judge_error(&mut self, now: Instant, lookup: &Lookup, error: &NoHome) -> Result<Home, Refusal> {
        let (why, for_client) = match error {
            NoHome::Silent(why) => (why, NOT_ASKED),
            NoHome::Wrong(why) => (why, NO_USE),
        };
        if self.logged_at.is_none_or(|at| now >= at + FAILURE_PAUSE) {
            self.logged_at = Some(now);
            let then = match (error, lookup.on_error) {
                (NoHome::Silent(_), OnError::Here) => "streams are taken for those of here until it answers",
                (NoHome::Silent(_), OnError::Refuse) => "streams are refused until it answers",
                (NoHome::Wrong(_), OnError::Here) => "such a stream is taken for one of here",
                (NoHome::Wrong(_), OnError::Refuse) => "such a stream is refused",
            };
            log::warn!("origin_lookup {}: {why}: {then}", lookup.url);
        }
        match lookup.on_error {
            OnError::Here => Ok(None),
            OnError::Refuse => {
                Err(Refusal::of_request(for_client).logged_as(format!("origin_lookup {}: {why}", lookup.url)))
            }
        }
    }
}

impl Question {
    fn of(request: &Request) -> Self {
        let is_publish = matches!(request.kind, RequestKind::Publish { .. });
        Self { app: request.app, is_publish, name: stream_of(request).into() }
    }
}

/// The stream that a request is about: for a viewer of a variant, that one.
pub fn stream_of(request: &Request) -> &str {
    match &request.kind {
        RequestKind::View(view) => &view.file.name,
        _ => &request.name,
    }
}

/// The request to a directory. No argument of the client is sent: they may be secrets.
fn query(cx: &Ctx, request: &Request, url: &Url) -> Query<'static> {
    let app = cx.apps.get(request.app).map_or("", |app| &app.name);
    let peer = match &request.kind {
        RequestKind::View(view) => Some(view.peer),
        _ => cx.sessions.get(request.session).map(|session| session.peer),
    };
    let call = if matches!(request.kind, RequestKind::Publish { .. }) { "publish" } else { "play" };
    let addr = peer.map(|peer| peer.host()).unwrap_or_default();
    let fields = [("call", call), ("app", app), ("name", stream_of(request)), ("addr", &addr)];
    let fields = fields.map(|(name, value)| format!("{name}={}", escaped(value)));
    let url = url.with_query(&fields.join("&"));
    Query { method: Method::Get, url: Cow::Owned(url), headers: Vec::new(), body: Vec::new() }
}

/// A text as the value of an argument.
fn escaped(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escape =
        |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escape).collect()
}

/// Where a stream lives, as a directory answers; or what is wrong with the answer.
fn home(response: &Response, settings: &Settings, reached: Option<IpAddr>) -> Result<Home, String> {
    let status = response.status;
    let body = String::from_utf8_lossy(&response.body);
    let url = match status {
        204 | 404 => return Ok(None),
        200..=399 => response.headers.get("location").unwrap_or(body.trim()),
        _ => return Err(format!("it answers {status}")),
    };
    if !RtmpUrl::is_one(url) {
        return Err(format!("it answers {status} without a URL of rtmp"));
    }
    let read = RtmpUrl::parse(url).map_err(|why| format!("it answers {why}"))?;
    if settings.is_here(&read, reached) {
        return Ok(None);
    }
    if !settings.allowed.allow(&read.host) {
        return Err(format!("it names {}, to which \"relay_allow\" does not lead", read.place()));
    }
    Ok(Some(url.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;

    fn answer(status: u16, location: Option<&str>, body: &str) -> Result<Home, String> {
        let headers = location.map(|url| Headers::from([("Location", url)])).unwrap_or_default();
        let response = Response { status, headers, body: body.into(), is_persistent: true };
        let reached = Some(IpAddr::from([10, 9, 9, 9]));
        home(&response, &Settings::for_tests(&["10.0.0.0/8", "*.example"]), reached)
    }

    #[test]
    fn a_directory_answers_with_a_url_or_with_404() {
        let there = |url: &str| Ok(Some(url.into()));
        assert_eq!(answer(200, None, "rtmp://a.example/live\n"), there("rtmp://a.example/live"));
        assert_eq!(answer(302, Some("rtmps://10.1.2.3/live"), ""), there("rtmps://10.1.2.3/live"));
        assert_eq!(
            answer(200, Some("rtmp://a.example/x"), "rtmp://b.example/x"),
            there("rtmp://a.example/x")
        );
        assert_eq!((answer(404, None, "x"), answer(204, None, "")), (Ok(None), Ok(None)));
        assert_eq!(answer(200, None, "rtmp://10.9.9.9/live"), Ok(None), "the address of this very machine");
        assert_eq!(answer(200, None, "rtmp://10.9.9.9:1936/live"), there("rtmp://10.9.9.9:1936/live"));
    }

    #[test]
    fn anything_else_is_no_answer_and_shows_no_secret() {
        for (status, body, why) in [
            (200, "", "it answers 200 without a URL of rtmp"),
            (200, "{}", "it answers 200 without a URL of rtmp"),
            (302, "http://a.example/", "it answers 302 without a URL of rtmp"),
            (403, "rtmp://a.example/", "it answers 403"),
            (500, "", "it answers 500"),
            (200, "rtmp:///live/secret", "it answers \"rtmp:///live/***\" has no host"),
            (
                200,
                "rtmp://other/live/secret",
                "it names rtmp://other, to which \"relay_allow\" does not lead",
            ),
        ] {
            assert_eq!(answer(status, None, body), Err(why.to_owned()), "{status} {body}");
        }
    }
}
