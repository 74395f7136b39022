//! Which pushes a stream has: those of the configuration, of a backend, of the directory and of an edge.

use crate::engine::{
    CIRCLE, Ctx, Relay, RelayId, RelayKind, RelayOrder, RelaySource, RelayTarget, Session, StreamId,
};

use super::edge::EdgeAuth;
use super::publishes::Published;
use super::relayer::Relayer;
use super::settings::{Settings, Wanted};

impl Relayer {
    /// Has a stream be pushed to where it is to be, and nowhere else.
    pub fn push(&mut self, cx: &mut Ctx, id: StreamId) {
        let wanted = self.wanted_pushes(cx, id);
        let is_ours = |relay: &&Relay| relay.spec.source != RelaySource::Operator;
        let running: Vec<_> =
            cx.pushes_of(id).filter(is_ours).map(|relay| (relay.id, relay.spec.targets.clone())).collect();
        for (relay, targets) in &running {
            if !wanted.iter().any(|wanted| wanted.targets == *targets) {
                cx.end_relay(*relay, "it is not wanted any more");
            }
        }
        let app = cx.streams.get(id).map(|stream| stream.app);
        let Some(settings) = app.and_then(|app| self.apps.get(app)) else { return };
        for wanted in wanted {
            let same = running.iter().find(|(_, targets)| wanted.targets == *targets);
            let spec = settings.spec(RelayKind::Push, wanted);
            match same {
                Some((relay, _)) => cx.renew_relay(*relay, &spec),
                None => _ = cx.start_push(id, spec),
            }
        }
    }

    /// The same for all streams, after the settings have changed.
    pub fn push_anew(&mut self, cx: &mut Ctx) {
        let streams: Vec<_> = self.publishes.streams.keys().copied().collect();
        streams.into_iter().for_each(|stream| self.push(cx, stream));
    }

    fn wanted_pushes(&self, cx: &Ctx, id: StreamId) -> Vec<Wanted> {
        let Some(stream) = cx.streams.get(id) else { return Vec::new() };
        let (Some(settings), Some(published)) = (self.apps.get(stream.app), self.publishes.streams.get(&id))
        else {
            return Vec::new();
        };
        let publisher = stream.publisher.and_then(|publisher| cx.sessions.get(publisher.session));
        let pull = cx.pull_of(stream.app, &stream.name).filter(|_| publisher.is_some_and(Session::is_relay));
        let name = stream.name.as_str();
        let mut wanted = Vec::<Wanted>::new();
        for push in all_pushes(settings, name, published, pull.is_none()) {
            match push {
                // A server would refuse the second publish of a name.
                Ok(push) if wanted.iter().any(|other| other.targets == push.targets) => {}
                // What comes from a server does not go back to it.
                Ok(push) if pull.is_some_and(|pull| leads_back(&push, pull)) => {}
                Ok(push) => wanted.push(push),
                Err(why) => log::warn!("{} is not pushed: {why}", stream.label),
            }
        }
        wanted
    }

    /// Another server has refused a publish or play.
    pub fn refused(&mut self, cx: &mut Ctx, id: RelayId, why: &str) {
        match cx.relay(id).map(|relay| relay.spec.source) {
            Some(RelaySource::Edge) => self.refused_by_origin(cx, id, why),
            Some(RelaySource::Lookup) if why.contains(CIRCLE) => end_circle(cx, id),
            _ => {}
        }
    }

    /// The origin of an edge has refused a publish: if it decides about clients, the publisher here is refused, too. One whose
    /// push has run has been let in: the origin may still have his lost connection. Players are asked about one by one.
    fn refused_by_origin(&mut self, cx: &mut Ctx, id: RelayId, why: &str) {
        let Some(relay) = cx.relay(id).filter(|relay| relay.spec.source == RelaySource::Edge) else { return };
        let is_asked =
            self.apps.get(relay.app).is_some_and(|settings| settings.edge_auth == EdgeAuth::Origin);
        let stream = relay.stream.filter(|_| is_asked && relay.kind == RelayKind::Push && !relay.has_run());
        if let Some(stream) = stream {
            cx.dismiss(stream, &format!("the origin refuses it: {why}"));
        }
    }

    /// An operator adds or ends a relay.
    pub fn order(&mut self, cx: &mut Ctx, order: &RelayOrder) -> Result<RelayId, String> {
        match order {
            RelayOrder::Push { stream, url } => {
                let found = cx.streams.get(*stream).ok_or("the stream has ended")?;
                let settings = self.apps.get(found.app).ok_or("the application has gone")?;
                let wanted = settings.ordered(RelayKind::Push, url, found.name.as_str())?;
                let same = cx.pushes_of(*stream).find(|relay| relay.spec.targets == wanted.targets);
                if let Some(same) = same {
                    return Err(format!("the stream is pushed there already (relay {})", same.id.0));
                }
                cx.start_push(*stream, settings.spec(RelayKind::Push, wanted))
                    .ok_or_else(|| TOO_MANY.to_owned())
            }
            RelayOrder::Pull { app, name, url, is_static } => {
                let settings = self.apps.get(*app).ok_or("the application has gone")?;
                let wanted = settings.ordered(RelayKind::Pull, url, name.as_str())?;
                let wanted = Wanted { is_static: *is_static, ..wanted };
                if let Some(other) = cx.pull_of(*app, name) {
                    return Err(format!(
                        "the stream has a pull already (relay {}): end that one first",
                        other.id.0
                    ));
                }
                cx.start_pull(*app, name, settings.spec(RelayKind::Pull, wanted))
                    .ok_or_else(|| TOO_MANY.to_owned())
            }
            RelayOrder::End(id) => {
                cx.relay(*id).ok_or("there is no such relay")?;
                cx.end_relay(*id, "an operator has ended it");
                Ok(*id)
            }
        }
    }
}

/// Ends a relay to where the directory says that a stream lives, which has turned out to be this very server.
fn end_circle(cx: &mut Ctx, id: RelayId) {
    let Some(relay) = cx.relay(id) else { return };
    let app = cx.apps.get(relay.app);
    let waits = matches!(app, Some(app) if app.has_idle_streams());
    let stream = cx.streams.find(relay.app, &relay.name).filter(|_| relay.kind == RelayKind::Pull && !waits);
    let players = stream.map(|stream| stream.players.to_vec()).unwrap_or_default();
    cx.end_relay(id, "the directory names this very server, or one that takes the stream from here");
    for player in players {
        cx.finish(player.session, "its stream lives here, and nobody publishes it");
    }
}

const TOO_MANY: &str = "there are as many relays already as may be";

/// The pushes of a publish; that to the origin of an edge only if the stream does not come from there.
fn all_pushes(
    settings: &Settings,
    name: &str,
    published: &Published,
    to_edge: bool,
) -> Vec<Result<Wanted, String>> {
    let given = |url: &str, source| settings.given(RelayKind::Push, &[url], name, source);
    let mut all = settings.pushes(name, &published.args);
    all.extend(published.urls.iter().map(|url| given(url, RelaySource::Callback)));
    all.extend(published.home.as_deref().map(|url| given(url, RelaySource::Lookup)));
    all.extend(settings.edge_push(name, &published.args).filter(|_| to_edge));
    all
}

/// Whether a push leads to the stream that a pull comes from.
fn leads_back(push: &Wanted, pull: &Relay) -> bool {
    fn path(text: &str) -> &str {
        text.split('?').next().unwrap_or_default()
    }
    let is_same = |one: &RelayTarget, other: &RelayTarget| {
        let (here, there) = (&one.destination, &other.destination);
        (&here.host, here.port) == (&there.host, there.port)
            && path(&one.app) == path(&other.app)
            && path(&one.stream) == path(&other.stream)
    };
    push.targets.iter().any(|target| pull.spec.targets.iter().any(|other| is_same(target, other)))
}
