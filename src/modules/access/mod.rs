//! Who may publish and play: rules by address, keys, signatures, users and passwords.
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
mod users;
mod views;

use std::any::Any;
use std::collections::HashMap;
use std::time::UNIX_EPOCH;

use crate::auth::secret::Hasher;
use crate::auth::{adobe, query};
use crate::conf::{self, Directive, Faults};
use crate::engine::files::users::Claim as UserClaim;
use crate::engine::{
    AppId, ByApp, Client, ClientProtocol, Config, Ctx, Gate, JobResult, Module, Peer, Probe, Refusal, Reply,
    Request, RequestKind, Session, SessionId, Try, Verdict,
};

use action::Action;
use directives::DIRECTIVES;
use outcome::Outcome;
use rules::Rules;
use settings::{Credentials, Settings};
use shown::Shown;
use signatures::Claim;
use users::{Checks, Encoders, MODULE, Purpose};

#[derive(Default)]
pub struct Access {
    apps: ByApp<Settings>,
    /// What sessions have shown in their connect, as queries; bounded by the number of sessions, and each by the
    /// length of a connect.
    connects: HashMap<SessionId, Box<str>>,
    /// Passwords that are being verified.
    checks: Checks,
    /// Derives Adobe's challenges; that of the running server, so that a reload does not make them invalid.
    challenger: Option<Hasher>,
}

impl Module for Access {
    fn name(&self) -> &'static str {
        MODULE
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn declare(&self, config: &mut Config<'_>) {
        for app in &mut config.applications {
            app.features.guards = settings::guards(&app.scope);
            app.features.players.are_asked |= app.features.guards.play;
            app.features.players.rules = Rules::read(&app.scope).of(Action::Play);
            app.features.play_links = settings::play_links(&app.scope);
        }
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let mut faults = Faults::default();
        if let Some(hasher) = faults.keep(settings::random_hasher(config)) {
            let apps = config.applications.iter();
            self.apps = apps.map(|app| (app.id, Settings::read(app, &hasher, &mut faults))).collect();
            self.challenger = Some(hasher);
        }
        faults.into_result(())
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        probe::check(config, probe);
        users::probe(config, probe);
    }

    fn adopt(&mut self, _cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.apps.adopt(next.apps);
    }

    fn release_app(&mut self, _cx: &mut Ctx, app: AppId) {
        self.apps.release(app);
    }

    fn gate(&mut self, cx: &mut Ctx, request: &mut Request, gate: Gate) -> Verdict {
        if gate != Gate::Access {
            return Verdict::Continue;
        }
        if let RequestKind::View(view) = &request.kind {
            let view = view.clone();
            return self.decide_view(cx, request, &view);
        }
        match Action::of(&request.kind) {
            None => {
                let verdict = self.ask_encoder(cx, request);
                if !matches!(verdict, Verdict::Deny(_)) {
                    self.keep_connect(cx, request);
                }
                verdict
            }
            Some(action) => self.decide(cx, action, request),
        }
    }

    fn resume(&mut self, _cx: &mut Ctx, request: &mut Request, reply: Reply) -> Verdict {
        match reply {
            Reply::Refuse(refusal) => Verdict::Deny(refusal),
            Reply::TimedOut => users::timed_out(),
            Reply::Grant | Reply::Rename(_) => {
                if matches!(request.kind, RequestKind::Connect(_)) {
                    self.checks.authenticate(request.session);
                }
                Verdict::Continue
            }
        }
    }

    fn on_job(&mut self, cx: &mut Ctx, token: u64, result: JobResult) {
        self.checks.finish(cx, token, result);
    }

    fn on_close(&mut self, _cx: &mut Ctx, session: SessionId) {
        self.connects.remove(&session);
        self.checks.forget(session);
    }
}

/// The URL of a stream for clients of a protocol, as a refusal shows it.
fn url_of(protocol: ClientProtocol, app: &str) -> String {
    match protocol {
        ClientProtocol::Rtmp => format!("rtmp://HOST/{app}/NAME"),
        ClientProtocol::HttpFlv => format!("http://HOST/{app}/NAME.flv"),
        ClientProtocol::WebSocketFlv => format!("ws://HOST/{app}/NAME.flv"),
    }
}

impl Access {
    /// Keeps the credentials in the arguments of a connect, and takes them out.
    fn keep_connect(&mut self, cx: &Ctx, request: &mut Request) {
        self.connects.remove(&request.session);
        let (Some(settings), RequestKind::Connect(connect)) = (self.apps.get(request.app), &mut request.kind)
        else {
            return;
        };
        let names = settings.arguments();
        if settings.has_keys_as_names() {
            let app = cx.apps.get(request.app).map_or("", |app| &app.name);
            connect.tc_url = shown::url_up_to(app, &connect.tc_url);
        }
        if names.is_empty() {
            return;
        }
        let kept = query::only(&request.args, &names);
        request.args = query::without(&request.args, &names);
        connect.tc_url = shown::url_without(&connect.tc_url, &names);
        if !kept.is_empty() {
            self.connects.insert(request.session, kept.into());
        }
    }

    /// Asks an encoder for Adobe's authentication, or has its answer verified, where the application wants that and the
    /// connect shows nothing else. Adobe's arguments are taken out.
    fn ask_encoder(&mut self, cx: &mut Ctx, request: &mut Request) -> Verdict {
        let settings = self.apps.get(request.app);
        let file = settings.and_then(|settings| settings.of(Action::Publish).users.as_ref());
        let (Some(settings), Some(file), Some(hasher)) =
            (settings, file.filter(|file| file.adobe), &self.challenger)
        else {
            return Verdict::Continue;
        };
        let RequestKind::Connect(connect) = &mut request.kind else { return Verdict::Continue };
        let args = std::mem::take(&mut request.args);
        request.args = adobe::without(&args).to_owned();
        connect.args = adobe::without(&connect.args).to_owned();
        connect.tc_url = adobe::without(&connect.tc_url).to_owned();
        let Some(peer) = cx.sessions.get(request.session).map(|session| session.peer) else {
            return Verdict::Continue;
        };
        let others = Shown::find([request.args.as_str()]);
        if !settings.rules.admit(Action::Publish, peer) || settings.of(Action::Publish).is_shown(&others) {
            return Verdict::Continue;
        }
        // GStreamer says by this word alone that it publishes.
        let is_encoder = connect.is_publisher || adobe::is_encoder(&connect.flash_ver);
        match Encoders::of(cx, hasher, peer, (is_encoder, &args)) {
            Encoders::Pass => Verdict::Continue,
            Encoders::Ask(refusal) => Verdict::Deny(refusal),
            Encoders::Judge(claim) => {
                if let Some(refusal) = Try::of(cx, request).and_then(|tried| slowed(cx, &tried)) {
                    return Verdict::Deny(refusal);
                }
                let purpose = Purpose::Response(adobe::failed());
                let directive = Action::Publish.user_directive();
                self.checks.begin(cx, request, (file, directive), (claim, purpose), hasher)
            }
        }
    }

    /// Decides about a publish or play.
    fn decide(&mut self, cx: &mut Ctx, action: Action, request: &mut Request) -> Verdict {
        let Some(settings) = self.apps.get(request.app) else { return Verdict::Continue };
        let Some(peer) = cx.sessions.get(request.session).map(|session| session.peer) else {
            return Verdict::Continue;
        };
        if !settings.rules.admit(action, peer) {
            let why = format!("clients at {} may not {action} here", peer.host());
            return Verdict::Deny(Refusal::of_client(why));
        }
        if request.is_redirect {
            // The operator vouches for the client, and names the stream.
            return Verdict::Continue;
        }
        let credentials = settings.of(action);
        let shown_name = settings.name_for(action, &request.name);
        if credentials.is_empty() {
            rename(request, shown_name);
            return Verdict::Continue;
        }
        let shown = self.take_shown(cx, credentials, request);
        let Some(tried) = Try::of(cx, request) else { return Verdict::Continue };
        if credentials.are_tried(&shown, &request.name)
            && let Some(refusal) = slowed(cx, &tried)
        {
            return Verdict::Deny(refusal);
        }
        let outcome = self.judge(cx, (action, peer), settings, &shown, request);
        if !matches!(outcome, Outcome::Right { .. })
            && let Some(file) = &credentials.users
        {
            if action == Action::Publish && file.adobe && self.checks.is_authenticated(request.session) {
                rename(request, shown_name);
                return Verdict::Continue;
            }
            if let Some((user, password)) = shown.user {
                // Whatever comes of the password, this was no right key.
                if let (Outcome::Wrong(what), true) =
                    (&outcome, shown.key.is_some() || shown.signature.is_some())
                {
                    tried.note_wrong(cx, what);
                }
                rename(request, shown_name);
                let claim = (UserClaim::Password { user, password }, Purpose::Arguments);
                return self.checks.begin(
                    cx,
                    request,
                    (file, action.user_directive()),
                    claim,
                    &settings.hasher,
                );
            }
        }
        match outcome {
            Outcome::Right { name } => {
                tried.note_right(cx);
                rename(request, name.or(shown_name));
                Verdict::Continue
            }
            refused => {
                if let Outcome::Wrong(what) = refused {
                    tried.note_wrong(cx, what);
                }
                let app = cx.apps.get(request.app).map_or("", |app| &app.name);
                let protocol = cx.sessions.get(request.session).map(Session::client_protocol);
                let url = url_of(protocol.unwrap_or(ClientProtocol::Rtmp), app);
                let how = match action {
                    Action::Publish => ("publish to", url.as_str()),
                    Action::Play => ("play", url.as_str()),
                };
                let why = refused.text(how, credentials.expected());
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
        settings: &Settings,
        shown: &Shown,
        request: &Request,
    ) -> Outcome {
        let (credentials, hasher) = (settings.of(action), &settings.hasher);
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

/// The refusal of a try before it is looked at, if its address has been wrong too often. To be asked once for each.
fn slowed(cx: &mut Ctx, tried: &Try) -> Option<Refusal> {
    let seconds = tried.wait(cx)?.as_secs_f32().ceil();
    Some(Refusal::of_client(format!("too many wrong keys from your address; try again in {seconds} s")))
}

/// Gives the stream of a request another name, if there is one.
fn rename(request: &mut Request, name: Option<String>) {
    if let Some(name) = name {
        request.name = name;
    }
}
