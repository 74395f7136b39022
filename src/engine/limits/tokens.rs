//! Who shows a token of an operator: the right one, or why not. A wrong one is counted by the address that shows it, and
//! too many have to wait.

use std::time::Duration;

use serde::Serialize;

use crate::auth::tokens::{Grant, Shown, Token, Tokens};
use crate::engine::ctx::Ctx;
use crate::engine::http::answer::HttpReply;
use crate::engine::http::request::HttpRequest;
use crate::engine::limits::tries::Try;
use crate::http::json;

/// Why a request is refused for its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRefusal {
    /// There is none, or more than one.
    Missing,
    /// No token is taken here.
    Untaken,
    /// It is wrong.
    Wrong,
    /// Too many wrong ones have come from its address, which has to wait for so long.
    Slowed(Duration),
}

impl TokenRefusal {
    /// The token of these that a request shows.
    pub fn judge<'t>(tokens: &'t Tokens, cx: &mut Ctx, request: &HttpRequest) -> Result<&'t Token, Self> {
        let Shown::Token(shown) = Shown::of(&request.head.headers) else { return Err(Self::Missing) };
        let tried = Try::of_operator(request);
        if let Some(wait) = tried.wait(cx) {
            return Err(Self::Slowed(wait));
        }
        let Some(token) = tokens.find(shown) else {
            tried.note_wrong(cx, "wrong token");
            return Err(Self::Wrong);
        };
        // An address whose token may only read can guess at one that may act like any other.
        if token.grant == Grant::Act {
            tried.note_right(cx);
        }
        Ok(token)
    }

    /// The answer, in JSON.
    pub fn into_reply(self) -> HttpReply {
        let why = match self {
            Self::Missing => "this needs the header \"Authorization: Bearer TOKEN\"".to_owned(),
            Self::Untaken => "no tokens are taken here".to_owned(),
            Self::Wrong => "wrong token".to_owned(),
            Self::Slowed(wait) => {
                format!("too many wrong tokens from your address; try again in {} s", seconds(wait))
            }
        };
        let (status, field) = match self {
            Self::Missing | Self::Untaken | Self::Wrong => {
                (401, ("WWW-Authenticate", "Bearer realm=\"millstream\"".to_owned()))
            }
            Self::Slowed(wait) => (429, ("Retry-After", seconds(wait).to_string())),
        };
        let text = json::to_string(&Message { error: &why }) + "\n";
        HttpReply::made(status, "application/json", "no-store", text).with(field.0, field.1)
    }
}

#[derive(Serialize)]
struct Message<'a> {
    error: &'a str,
}

/// Whole seconds, so that who waits for so long has waited enough.
fn seconds(wait: Duration) -> f32 {
    wait.as_secs_f32().ceil()
}
