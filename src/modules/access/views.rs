//! Viewers of HLS: what opens a stream for players opens it for them. They show it in the query of a playlist's URL.
//!
//! What is right for the name that the variants of a stream have in common opens all of them. The rules of the application
//! do not count: locations have their own. No name of a file is a key.

use std::time::UNIX_EPOCH;

use crate::auth::query;
use crate::engine::files::users::Claim as UserClaim;
use crate::engine::{Ctx, Refusal, RefusalKind, Request, Try, Verdict, View};

use super::action::Action;
use super::outcome::Outcome;
use super::settings::Settings;
use super::shown::Shown;
use super::signatures::Claim;
use super::users::Purpose;
use super::{Access, slowed};

impl Access {
    /// Decides about a viewer.
    pub fn decide_view(&mut self, cx: &mut Ctx, request: &mut Request, view: &View) -> Verdict {
        let Some(settings) = self.apps.get(request.app) else { return Verdict::Continue };
        let credentials = settings.of(Action::Play);
        if credentials.is_empty() {
            return Verdict::Continue;
        }
        let shown = Shown::find([request.args.as_str()]);
        request.args = query::without(&request.args, &credentials.arguments());
        let Some(tried) = Try::of(cx, request) else { return Verdict::Continue };
        if credentials.is_shown(&shown)
            && let Some(refusal) = slowed(cx, &tried)
        {
            // The viewer may be right the next time.
            return Verdict::Deny(Refusal { kind: RefusalKind::Request, ..refusal });
        }
        let (outcome, name) = judge(cx, settings, &shown, view);
        if let Outcome::Right { .. } = outcome {
            tried.note_right(cx);
            name.clone_into(&mut request.name);
            return Verdict::Continue;
        }
        if let Outcome::Wrong(what) = outcome {
            tried.note_wrong(cx, what);
        }
        if let (Some(file), Some((user, password))) = (&credentials.users, shown.user) {
            let claim = (UserClaim::Password { user, password }, Purpose::Arguments);
            let directive = Action::Play.user_directive();
            return self.checks.begin(cx, request, (file, directive), claim, &settings.hasher);
        }
        let url = format!("http://HOST/.../{}.m3u8", view.file.name);
        Verdict::Deny(Refusal::of_client(outcome.text(("watch", &url), credentials.expected())))
    }
}

/// Judges keys and signatures, for the base name of a stream and for the stream alone. With the outcome comes the name
/// that it is for.
fn judge<'v>(cx: &Ctx, settings: &Settings, shown: &Shown, view: &'v View) -> (Outcome, &'v str) {
    let credentials = settings.of(Action::Play);
    let app = cx.apps.get(view.file.app).map_or("", |app| &app.name);
    let now = cx.now.wall.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let signature = shown.signature.as_ref().map(|(expires, sig)| (expires.as_str(), sig.as_str()));
    let of_name = |name: &str| {
        let path = format!("{app}/{name}");
        let claim = Claim { action: Action::Play, path: &path, address: view.peer.ip(), now };
        let by_signature = credentials.signatures.judge(&claim, signature);
        let by_key =
            shown.key.as_deref().map(|key| credentials.keys.judge(&settings.hasher, name, Some(key)));
        by_key.unwrap_or(Outcome::Missing).or(by_signature)
    };
    let (name, base) = (view.file.name.as_str(), view.file.base());
    match of_name(base) {
        right @ Outcome::Right { .. } => (right, base),
        of_base if name == base => (of_base, base),
        of_base => match of_name(name) {
            Outcome::Wrong(_) => (of_base, base),
            // An expired link for one of the names says more than that it is wrong for the other.
            of_name => (of_name, name),
        },
    }
}
