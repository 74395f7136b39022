//! The progress of an HTTP request on its way to an answer, so that the way can be left and continued.

use crate::engine::http::answer::HttpReply;

/// The most internal redirects of one request; more are a circle.
pub(in crate::engine) const MAX_REDIRECTS: usize = 10;

/// How far a request has come.
#[derive(Debug, Default)]
pub(in crate::engine) struct Progress {
    /// What the modules are asked now.
    pub question: Question,
    /// The position of the module that is asked next.
    pub module: usize,
    redirects: usize,
    /// Whether it is on the way to an error page.
    pub to_error_page: bool,
    /// The status of the answer if that would be a success, in place of its own.
    pub forced: Option<u16>,
    /// The demand for a password of the error that has led to an error page.
    challenge: Option<String>,
}

/// The field with a demand for a password (RFC 9110, section 11.6.1).
const CHALLENGE: &str = "WWW-Authenticate";

/// What all modules are asked, in this order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Question {
    /// [`on_http_server`](crate::engine::Module::on_http_server).
    #[default]
    Server,
    /// [`on_http_location`](crate::engine::Module::on_http_location).
    Location,
    /// [`on_http`](crate::engine::Module::on_http).
    Answer,
}

impl Progress {
    /// Begins anew at another place.
    pub fn redirect(&mut self, question: Question) {
        (self.question, self.module) = (question, 0);
        self.redirects += 1;
    }

    /// An error gets another answer, which keeps the demand for a password, as in nginx: without it no browser asks.
    pub fn replace(&mut self, error: &HttpReply) {
        self.challenge = error.head.get(CHALLENGE).map(str::to_owned);
    }

    /// The answer with what it keeps of the error that it replaces.
    pub fn finish(&mut self, reply: HttpReply) -> HttpReply {
        match self.challenge.take() {
            Some(challenge) if reply.head.get(CHALLENGE).is_none() => reply.with(CHALLENGE, challenge),
            _ => reply,
        }
    }

    /// Whether it has not been redirected too often.
    pub fn may_continue(&self) -> bool {
        self.redirects <= MAX_REDIRECTS
    }
}
