//! Who may publish and play: rules by address, keys, signatures.
//!
//! It is decided before anything is created and before any other module is asked. What a client shows is taken out
//! of the arguments, and a key that stands for a stream is replaced by the stream's name: no other module, file, page
//! or log sees it. If several kinds are set, any of them opens; rules must agree in each case.

mod action;
mod directives;
mod keys;
mod outcome;
mod probe;
mod rules;
mod settings;
mod shown;
mod signatures;
#[cfg(test)]
mod test_scope;
mod tries;

use std::any::Any;
use std::collections::HashMap;
use std::time::UNIX_EPOCH;

use crate::auth::query;
use crate::auth::secret::Hasher;
use crate::conf::{self, Directive, Faults};
use crate::engine::{
    AppId, ByApp, Client, Config, Ctx, Gate, Module, Peer, Probe, Refusal, Request, RequestKind, SessionId,
    Verdict,
};

use action::Action;
use directives::DIRECTIVES;
use outcome::Outcome;
use settings::{Credentials, Settings};
use shown::Shown;
use signatures::Claim;

#[derive(Default)]
pub struct Access {
    apps: ByApp<Settings>,
    /// Makes the digests of this configuration's keys; none before it is configured.
    hasher: Option<Hasher>,
    /// What sessions have shown in their connect, as queries; bounded by the number of sessions, and each by the
    /// length of a connect.
    connects: HashMap<SessionId, Box<str>>,
}

impl Module for Access {
    fn name(&self) -> &'static str {
        "access"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn declare(&self, config: &mut Config<'_>) {
        config.applications.iter_mut().for_each(|app| app.features.guards = settings::guards(&app.scope));
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let mut faults = Faults::default();
        if let Some(hasher) = faults.keep(settings::random_hasher(config)) {
            let apps = config.applications.iter();
            self.apps = apps.map(|app| (app.id, Settings::read(app, &hasher, &mut faults))).collect();
            self.hasher = Some(hasher);
        }
        faults.into_result(())
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        probe::check(config, probe);
    }

    fn adopt(&mut self, _cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.apps.adopt(next.apps);
        self.hasher = next.hasher;
    }

    fn release_app(&mut self, _cx: &mut Ctx, app: AppId) {
        self.apps.release(app);
    }

    fn gate(&mut self, cx: &mut Ctx, request: &mut Request, gate: Gate) -> Verdict {
        if gate != Gate::Access {
            return Verdict::Continue;
        }
        match Action::of(&request.kind) {
            None => self.keep_connect(cx, request),
            Some(action) => self.decide(cx, action, request),
        }
    }

    fn on_close(&mut self, _cx: &mut Ctx, session: SessionId) {
        self.connects.remove(&session);
    }
}

impl Access {
    /// Keeps the credentials in the arguments of a connect, and takes them out.
    fn keep_connect(&mut self, cx: &Ctx, request: &mut Request) -> Verdict {
        let (Some(settings), RequestKind::Connect(connect)) = (self.apps.get(request.app), &mut request.kind)
        else {
            return Verdict::Continue;
        };
        let names = settings.arguments();
        if settings.has_keys_as_names() {
            let app = cx.apps.get(request.app).map_or("", |app| &app.name);
            connect.tc_url = shown::url_up_to(app, &connect.tc_url);
        }
        if names.is_empty() {
            return Verdict::Continue;
        }
        let kept = shown::only(&request.args, &names);
        request.args = query::without(&request.args, &names);
        connect.tc_url = shown::url_without(&connect.tc_url, &names);
        if !kept.is_empty() {
            self.connects.insert(request.session, kept.into());
        }
        Verdict::Continue
    }

    /// Decides about a publish or play.
    fn decide(&self, cx: &mut Ctx, action: Action, request: &mut Request) -> Verdict {
        let Some(settings) = self.apps.get(request.app) else { return Verdict::Continue };
        let Some(peer) = cx.sessions.get(request.session).map(|session| session.peer) else {
            return Verdict::Continue;
        };
        if !settings.rules.admit(action, peer) {
            let why = format!("clients at {} may not {action} here", peer.host());
            return Verdict::Deny(Refusal::of_client(why));
        }
        let credentials = settings.of(action);
        if credentials.is_empty() {
            return Verdict::Continue;
        }
        let shown = self.take_shown(cx, credentials, request);
        if credentials.are_tried(&shown, &request.name)
            && let Some(refusal) = tries::refusal(cx, request.session)
        {
            return Verdict::Deny(refusal);
        }
        let outcome = self.judge(cx, (action, peer), credentials, &shown, request);
        match outcome {
            Outcome::Right { .. } => tries::note_right(cx, request.session),
            Outcome::Wrong(what) => tries::note_wrong(cx, request.session, what),
            _ => {}
        }
        // USERS: if the outcome is not `Right` and user and password are shown, the request is suspended here.
        match outcome {
            Outcome::Right { name } => {
                if let Some(name) = name {
                    request.name = name;
                }
                Verdict::Continue
            }
            refused => {
                let app = cx.apps.get(request.app).map_or("", |app| &app.name);
                let why = refused.text(action, app, credentials.expected());
                Verdict::Deny(Refusal::of_client(why))
            }
        }
    }

    /// Finds what a client shows for a publish or play, and takes it out of the arguments.
    fn take_shown(&self, cx: &Ctx, credentials: &Credentials, request: &mut Request) -> Shown {
        let kept = self.connects.get(&request.session).map(|kept| &**kept);
        // A session that has connected before there were keys has shown them there all the same.
        let client = cx.sessions.get(request.session).and_then(|session| session.client());
        let connected = client.map(Client::args);
        let queries = [Some(request.args.as_str()), kept, connected];
        let shown = Shown::find(queries.into_iter().flatten());
        request.args = query::without(&request.args, &credentials.arguments());
        shown
    }

    /// Judges keys, then signatures.
    fn judge(
        &self,
        cx: &Ctx,
        (action, peer): (Action, Peer),
        credentials: &Credentials,
        shown: &Shown,
        request: &Request,
    ) -> Outcome {
        let Some(hasher) = &self.hasher else { return Outcome::Missing };
        let app = cx.apps.get(request.app).map_or("", |app| &app.name);
        let path = format!("{app}/{}", request.name);
        let now = cx.now.wall.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let claim = Claim { action, path: &path, address: peer.ip(), now };
        let signature = shown.signature.as_ref().map(|(expires, sig)| (expires.as_str(), sig.as_str()));
        let by_signature = credentials.signatures.judge(&claim, signature);
        let by_key = credentials.keys.judge(hasher, &request.name, shown.key.as_deref());
        match (by_key, by_signature) {
            // The name is no guess at a key if something else is shown.
            (Outcome::Wrong(_), other) if shown.key.is_none() && other != Outcome::Missing => other,
            (by_key, by_signature) => by_key.or(by_signature),
        }
    }
}
