//! `allow` and `deny`: the addresses that may ask; and `satisfy`, which says whether a password does as well.

use crate::conf::{Node, Scope};
use crate::engine::{Config, HttpRequest, Network, Probe};

/// The rules of a location, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules(Vec<(Rule, Whom)>);

/// Whom a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// Programs of this machine, see [`HttpRequest::is_local`].
    Local,
    Network(Network),
}

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    Allow,
    Deny,
}

/// `satisfy`: what a client needs where both, its address and a password, are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Satisfy {
    All,
    /// An address that a rule allows, or a password.
    Any,
}

impl Satisfy {
    pub fn read(scope: &Scope<'_>) -> Self {
        if scope.text("satisfy") == "any" { Self::Any } else { Self::All }
    }
}

impl Rules {
    /// The rules of the nearest level that has any.
    pub fn read(scope: &Scope<'_>) -> Self {
        let rule = |node: &Node| {
            let rule = if node.name == "allow" { Rule::Allow } else { Rule::Deny };
            (rule, node.custom())
        };
        Self(scope.all_of(&["allow", "deny"]).into_iter().map(rule).collect())
    }

    /// The first rule that fits a request, which decides; without one the client may pass.
    pub fn of(&self, request: &HttpRequest) -> Option<Rule> {
        self.0.iter().find(|(_, whom)| whom.fits(request)).map(|(rule, _)| *rule)
    }

    /// The rule for all whom no rule before it names, if there is one. One for all of IPv4 alone, or of IPv6, does.
    fn for_the_rest(&self) -> Option<Rule> {
        let is_rest = |whom: &Whom| matches!(whom, Whom::Network(network) if network.is_everybody());
        self.0.iter().find(|(_, whom)| is_rest(whom)).map(|(rule, _)| *rule)
    }
}

impl Whom {
    fn fits(self, request: &HttpRequest) -> bool {
        match self {
            Self::Local => request.is_local(),
            Self::Network(network) => network.contains(request.peer),
        }
    }
}

/// Whether not everybody may ask for a location: its rules deny in the end all that they do not name, or it has a password.
pub fn is_restricted(scope: &Scope<'_>) -> bool {
    let (rules, has_password) = (Rules::read(scope), scope.text("auth_basic") != "off");
    match Satisfy::read(scope) {
        Satisfy::All => has_password || rules.for_the_rest() == Some(Rule::Deny),
        Satisfy::Any if has_password => rules.for_the_rest() != Some(Rule::Allow),
        Satisfy::Any => rules.for_the_rest() == Some(Rule::Deny),
    }
}

/// Warns of `local` where it means nobody: at a Unix socket.
pub fn probe(config: &Config<'_>, probe: &mut Probe) {
    for location in config.locations.iter().filter(|location| !location.is_control) {
        let rules = location.scope.all_of(&["allow", "deny"]);
        let names_local = |node: &&&Node| node.custom::<Whom>() == Whom::Local;
        let names_socket = |node: &&Node| node.custom::<Whom>() == Whom::Network(Network::Unix);
        let Some(node) = rules.iter().find(names_local).filter(|_| !rules.iter().any(names_socket)) else {
            continue;
        };
        let addresses = location.scope.all("listen").into_iter().filter_map(|listen| listen.args.first());
        if let Some(socket) = addresses.into_iter().find(|address| address.starts_with("unix:")) {
            let what = format!(
                "local is nobody who comes by {socket}, as that may be a proxy; write {} unix:; beside it, or \
                 give such locations a server and a port of their own",
                node.name
            );
            probe.warn(node, what);
        }
    }
}

/// Reads the arguments of `allow` and `deny`.
pub fn parse(args: &[String]) -> Result<Whom, String> {
    match args {
        [word] if word == "local" => Ok(Whom::Local),
        [network] => Network::parse(network).map(Whom::Network),
        _ => Err("one address or network".to_owned()),
    }
}
