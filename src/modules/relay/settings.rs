//! The module's settings of an application: which streams are relayed, and how.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::conf::{Node, Scope};
use crate::engine::{
    Application, ClientTls, Config, Destination, Protocol, RelayKind, RelaySource, RelaySpec, RelayTarget,
};
use crate::http::Url;

use super::edge::{EdgeAuth, Origins};
use super::hosts::Hosts;
use super::line::template::Values;
use super::line::url::RtmpUrl;
use super::line::{Line, Surroundings};
use super::lookup::directory::{Directory, OnError};

/// The name of the module.
pub const MODULE: &str = "relay";

/// The settings of an application.
pub struct Settings {
    pub name: String,
    pushes: Vec<Line>,
    pulls: Vec<Line>,
    edge: Origins,
    pub edge_auth: EdgeAuth,
    push_reconnect: Duration,
    pull_reconnect: Duration,
    linger: Duration,
    session_relay: bool,
    pub allowed: Hosts,
    pub lookup: Option<Lookup>,
    around: Surroundings,
    /// The addresses at which this server takes RTMP.
    own: Rc<[SocketAddr]>,
}

/// How a directory is asked.
#[derive(Clone)]
pub struct Lookup {
    pub url: Url,
    pub destination: Rc<Destination>,
    pub cache: Duration,
    pub on_error: OnError,
}

/// A relay that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub targets: Rc<[RelayTarget]>,
    pub source: RelaySource,
    pub is_static: bool,
}

impl Settings {
    /// Reads the settings of an application.
    pub fn read(app: &Application<'_>, own: &Rc<[SocketAddr]>) -> Self {
        let scope = &app.scope;
        let tls = Arc::clone(&app.features.client_tls);
        let lines = |name: &str| scope.own(name).map(Node::custom).collect();
        Self {
            name: app.name.clone(),
            pushes: lines("push"),
            pulls: lines("pull"),
            edge: scope.own("edge").next().map(Node::custom).unwrap_or_default(),
            edge_auth: match scope.text("edge_auth").as_str() {
                "origin" => EdgeAuth::Origin,
                _ => EdgeAuth::Edge,
            },
            push_reconnect: scope.custom("push_reconnect"),
            pull_reconnect: scope.custom("pull_reconnect"),
            linger: scope.time("pull_linger"),
            session_relay: scope.flag("session_relay"),
            allowed: Hosts::of(scope.all("relay_allow").into_iter().map(Node::custom)),
            lookup: lookup(scope, &tls),
            around: Surroundings { tls, buffer: scope.time("relay_buffer") },
            own: Rc::clone(own),
        }
    }

    /// Whether a URL leads to this very server, at which clients have reached it at this address.
    pub fn is_here(&self, url: &RtmpUrl, reached: Option<IpAddr>) -> bool {
        let is_at = |address: &SocketAddr| address.ip().is_unspecified() && address.port() == url.port;
        let is_reached = || reached.is_some() && url.host.parse::<IpAddr>().ok() == reached;
        !url.is_secure && (leads_here(url, &self.own) || is_reached() && self.own.iter().any(is_at))
    }

    /// The pulls that run without players: the names of their streams.
    pub fn statics(&self) -> impl Iterator<Item = &str> {
        self.pulls.iter().filter(|line| line.is_static).filter_map(|line| line.name.as_deref())
    }

    /// The pushes that a publish has by the configuration, or why there is none.
    pub fn pushes(&self, name: &str, args: &str) -> Vec<Result<Wanted, String>> {
        let values = self.values(name, args);
        let lines = self.pushes.iter().filter(|line| line.is_for(name));
        let targets = lines.map(|line| line.target(values, &self.around, ""));
        targets.map(|target| Ok(Wanted::one(target?, RelaySource::Configured))).collect()
    }

    /// The push of a publish to the origin of an edge.
    pub fn edge_push(&self, name: &str, args: &str) -> Option<Result<Wanted, String>> {
        self.of_edge(&self.edge.pushes, (name, args))
    }

    /// The pull that a stream has by the configuration, for a player with these arguments.
    pub fn pull(&self, name: &str, args: &str) -> Option<Result<Wanted, String>> {
        // A line for this very stream shuts out those for all.
        let is_own = |line: &&Line| line.name.is_some() && line.is_for(name);
        let has_own = self.pulls.iter().any(|line| is_own(&line));
        let is_meant = |line: &&Line| if has_own { is_own(line) } else { line.name.is_none() };
        let lines: Vec<_> = self.pulls.iter().filter(is_meant).collect();
        if lines.is_empty() {
            return self.of_edge(&self.edge.pulls, (name, args));
        }
        let values = self.values(name, args);
        let targets =
            lines.iter().map(|line| line.target(values, &self.around, "")).collect::<Result<_, _>>();
        let is_static = lines.iter().any(|line| line.is_static);
        Some(targets.map(|targets| Wanted { targets, source: RelaySource::Configured, is_static }))
    }

    /// The relay to URLs that a program has given: each is a target that is tried in its turn.
    pub fn given(
        &self,
        kind: RelayKind,
        urls: &[&str],
        name: &str,
        source: RelaySource,
    ) -> Result<Wanted, String> {
        let values = self.values(name, "");
        let target = |url: &&str| Line::literal(kind, url)?.target(values, &self.around, "");
        let targets = urls.iter().map(target).collect::<Result<_, _>>()?;
        Ok(Wanted { targets, source, is_static: false })
    }

    /// The relay that an operator asks for, with a line as the configuration has them.
    pub fn ordered(&self, kind: RelayKind, line: &str, name: &str) -> Result<Wanted, String> {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        let line = Line::parse(kind, &words)?;
        if !line.is_for(name) {
            return Err("name= is that of another stream".to_owned());
        }
        let target = line.target(self.values(name, ""), &self.around, "")?;
        Ok(Wanted::one(target, RelaySource::Operator))
    }

    /// What the engine is given.
    pub fn spec(&self, kind: RelayKind, wanted: Wanted) -> RelaySpec {
        let Wanted { targets, source, is_static } = wanted;
        let reconnect = match kind {
            RelayKind::Push => self.push_reconnect,
            RelayKind::Pull => self.pull_reconnect,
        };
        let keeps_session = self.session_relay && kind == RelayKind::Push;
        RelaySpec { targets, source, reconnect, linger: self.linger, is_static, keeps_session }
    }

    fn of_edge(&self, lines: &[Line], (name, args): (&str, &str)) -> Option<Result<Wanted, String>> {
        if lines.is_empty() {
            return None;
        }
        let more = if self.edge_auth == EdgeAuth::Origin { args } else { "" };
        let values = self.values(name, args);
        let targets =
            lines.iter().map(|line| line.target(values, &self.around, more)).collect::<Result<_, _>>();
        Some(targets.map(|targets| Wanted { targets, source: RelaySource::Edge, is_static: false }))
    }

    fn values<'v>(&'v self, name: &'v str, args: &'v str) -> Values<'v> {
        Values { app: &self.name, name, args }
    }
}

impl Wanted {
    fn one(target: RelayTarget, source: RelaySource) -> Self {
        Self { targets: [target].into(), source, is_static: false }
    }

    /// Whether a relay is this one.
    pub fn is_that_of(&self, spec: &RelaySpec) -> bool {
        self.targets == spec.targets && self.is_static == spec.is_static
    }
}

/// The addresses at which a configuration has RTMP.
pub fn own_addresses(config: &Config<'_>) -> Rc<[SocketAddr]> {
    let listeners = config.listeners.iter().filter(|listener| listener.protocol == Protocol::Rtmp);
    listeners.filter_map(|listener| listener.address.internet()).collect()
}

/// Whether a URL leads to one of these addresses of this machine.
pub fn leads_here(url: &RtmpUrl, own: &[SocketAddr]) -> bool {
    let host = url.host.parse::<IpAddr>().ok();
    let is_local = url.host == "localhost" || host.is_some_and(|host| host.is_loopback());
    own.iter().any(|address| {
        let ip = address.ip();
        let is_reached = is_local && (ip.is_unspecified() || ip.is_loopback()) || host == Some(ip);
        address.port() == url.port && is_reached
    })
}

fn lookup(scope: &Scope<'_>, tls: &Arc<ClientTls>) -> Option<Lookup> {
    let Directory::At(url) = scope.custom("origin_lookup") else { return None };
    let tls = url.is_secure.then(|| Arc::clone(tls));
    let destination = Rc::new(Destination { host: url.host.clone(), port: url.port, tls, bind: None });
    let on_error = match scope.text("origin_lookup_on_error").as_str() {
        "here" => OnError::Here,
        _ => OnError::Refuse,
    };
    Some(Lookup { url, destination, cache: scope.time("origin_lookup_cache"), on_error })
}

/// Whether an application has streams that may be pulled.
pub fn pulls(scope: &Scope<'_>) -> bool {
    let has = |name: &str| scope.own(name).next().is_some();
    has("pull") || has("edge") || matches!(scope.custom("origin_lookup"), Directory::At(_))
}

#[cfg(test)]
impl Settings {
    /// Those of an application "live" with these servers allowed, at 127.0.0.1:1935.
    pub fn for_tests(allowed: &[&str]) -> Self {
        let allowed: Vec<_> = allowed.iter().map(|word| (*word).to_owned()).collect();
        Self {
            name: "live".to_owned(),
            pushes: Vec::new(),
            pulls: Vec::new(),
            edge: Origins::default(),
            edge_auth: EdgeAuth::Edge,
            push_reconnect: Duration::from_secs(1),
            pull_reconnect: Duration::from_secs(1),
            linger: Duration::from_secs(10),
            session_relay: false,
            allowed: Hosts::parse(&allowed).unwrap_or_default(),
            lookup: None,
            around: Surroundings { tls: Arc::default(), buffer: Duration::from_secs(5) },
            own: [SocketAddr::from(([0, 0, 0, 0], 1935))].into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_of_a_stream_shuts_out_the_pulls_of_all_streams() {
        let line = |text: &str| {
            Line::parse(RelayKind::Pull, &text.split(' ').map(str::to_owned).collect::<Vec<_>>())
        };
        let lines = ["camera/a name=yard static", "studio/live", "spare/a name=yard", "studio2/live"]
            .map(|text| line(text).unwrap());
        let settings = Settings { pulls: lines.into(), ..Settings::for_tests(&[]) };
        let hosts = |name: &str| -> Vec<String> {
            let wanted = settings.pull(name, "").unwrap().unwrap();
            wanted.targets.iter().map(|target| target.destination.host.clone()).collect()
        };
        assert_eq!(
            (hosts("yard"), hosts("cam")),
            (vec!["camera".into(), "spare".into()], vec!["studio".into(), "studio2".into()])
        );
    }

    #[test]
    fn a_url_leads_here_if_its_host_and_port_are_of_this_server() {
        let own: Vec<SocketAddr> =
            ["0.0.0.0:1935", "192.0.2.1:1936"].map(|text| text.parse().unwrap()).into();
        let leads = |text: &str| leads_here(&RtmpUrl::parse(text).unwrap(), &own);
        for text in ["127.0.0.1/live", "localhost/live/cam", "rtmp://127.0.0.2", "192.0.2.1:1936"] {
            assert!(leads(text), "{text}");
        }
        for text in ["192.0.2.1", "127.0.0.1:1936", "192.0.2.2:1936", "example"] {
            assert!(!leads(text), "{text}");
        }
    }
}
