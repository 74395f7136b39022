//! `auth_basic`: who asks has to show a user and a password that stand in a file, as in nginx.
//!
//! A password is verified by the hasher while its request waits. What was right is remembered for a minute. What was
//! wrong is counted and logged by its address as a wrong key of RTMP is, and too many of them have to wait.
//!
//! Answers to who has shown a password get no fields of their own, as in nginx, but fragments are `private`: a shared cache
//! should keep no answer to a request with Authorization anyway (RFC 9111, section 3.5), but nginx's does.

pub mod login;
pub mod probe;
mod remembered;

use std::cell::Cell;
use std::time::Duration;

use crate::auth::basic::{self, Credentials};
use crate::auth::secret::{Digest, Hasher};
use crate::conf;
use crate::engine::files::users::{self, Claim, Unjudged};
use crate::engine::{Ctx, HttpReply, HttpRequest, Location, Lookup, Route, SessionId, Try};

use super::template::TemplateValues;
use login::Login;
use remembered::{Remembered, Running};

/// The reason in the log, which is that of RTMP.
const WRONG: &str = "wrong user or password";

/// Judges the logins of all locations.
#[derive(Debug, Default)]
pub struct Logins {
    /// Makes the digests of what is remembered. That of the running server stays over a reload.
    hasher: Option<Hasher>,
    remembered: Remembered,
}

/// The finding of a check.
struct Checked {
    /// What was checked.
    digest: Digest,
    result: Result<bool, Unjudged>,
    /// The try, until it has been counted: the same request may ask again, for an error page.
    tried: Cell<Option<Try>>,
    _running: Running,
}

impl Logins {
    /// An empty one, with a random key.
    pub fn new(location: Option<&Location<'_>>) -> Result<Self, conf::Error> {
        let hasher = Hasher::random().map_err(|why| {
            let place = location.map(|location| location.scope.place("auth_basic"));
            conf::Error::in_place(place.unwrap_or_else(conf::Place::command_line), why)
        })?;
        Ok(Self { hasher: Some(hasher), remembered: Remembered::default() })
    }

    /// The user of a request, or what becomes of it instead.
    pub fn admit(&mut self, cx: &mut Ctx, login: &Login, view: &TemplateValues<'_>) -> Result<String, Route> {
        let request = view.request;
        let (Some(shown), Some(hasher)) = (shown(request), &self.hasher) else {
            return Err(challenge(login, view));
        };
        let digest = remembered::digest_of(hasher, &login.file, &shown);
        let Credentials { user, password } = shown;
        if let Some(checked) = request.findings.find(|checked: &Checked| checked.digest == digest) {
            return match self.settle(cx, request.session, checked) {
                Ok(true) => Ok(user),
                Ok(false) => Err(challenge(login, view)),
                Err(status) => Err(Route::Reply(HttpReply::error(status))),
            };
        }
        let tried = Try::of_http(request);
        // Others are not told here what is right, for they could ask faster than they may guess.
        if tried.is_exempt(cx) && self.remembered.has(digest, cx.now.instant) {
            tried.note_right(cx);
            return Ok(user);
        }
        if let Some(wait) = tried.wait(cx) {
            return Err(Route::Reply(slowed(wait)));
        }
        let (network, running) = (tried.network(), self.remembered.begin(digest));
        let (file, hasher, tried) = (login.file.clone(), hasher.clone(), Cell::new(Some(tried)));
        let claim = Claim::Password { user, password };
        Err(Route::Wait(Lookup::of_password(network, move || Checked {
            digest,
            result: users::judge(&file, &claim, &hasher),
            tried,
            _running: running,
        })))
    }

    /// Whether a check has found that the password is right, or the status if that cannot be said. It counts once.
    fn settle(&mut self, cx: &mut Ctx, session: SessionId, checked: &Checked) -> Result<bool, u16> {
        let tried = checked.tried.take();
        let is_right = checked.result.as_ref().is_ok_and(|is_right| *is_right);
        if let Some(tried) = tried {
            if is_right {
                self.remembered.add(checked.digest, cx.now.instant);
            } else {
                self.remembered.remove(checked.digest);
            }
            match &checked.result {
                Ok(true) => tried.note_right(cx),
                Ok(false) => tried.note_wrong(cx, WRONG),
                // A fault of the file is nobody's guess.
                Err(why) => log::error!("{session} auth_basic_user_file, {tried}: {why}"),
            }
        }
        match &checked.result {
            Ok(is_right) => Ok(*is_right),
            Err(Unjudged::Missing(_)) => Err(403),
            Err(Unjudged::Unusable(_)) => Err(500),
        }
    }
}

/// What a request shows. Of two fields none counts.
fn shown(request: &HttpRequest) -> Option<Credentials> {
    let mut fields = request.head.headers.all("authorization");
    let first = fields.next()?;
    fields.next().is_none().then(|| Credentials::parse(first)).flatten()
}

/// The demand for a user and a password.
fn challenge(login: &Login, view: &TemplateValues<'_>) -> Route {
    let challenge = basic::challenge(&login.realm.fill(view));
    Route::Reply(HttpReply::error(401).with("WWW-Authenticate", challenge))
}

/// The answer to a try that is not looked at. A browser does not ask for another password then.
fn slowed(wait: Duration) -> HttpReply {
    let seconds = wait.as_secs_f32().ceil();
    HttpReply::error(429).with("Retry-After", format!("{seconds}")).with("Cache-Control", "no-store")
}
