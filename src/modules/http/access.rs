//! `allow` and `deny`: the addresses that may ask; and `satisfy`, which says whether a password does as well.

use crate::conf::{Node, Scope};
use crate::engine::{AddressRules, Config, Judgement, LocationAccess, Network, Probe, Whom};

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

/// The rules of the nearest level that has any.
pub fn rules(scope: &Scope<'_>) -> AddressRules {
    let rule = |node: &Node| {
        let judgement = if node.name == "allow" { Judgement::Allow } else { Judgement::Deny };
        (judgement, node.custom())
    };
    AddressRules::new(scope.all_of(&["allow", "deny"]).into_iter().map(rule).collect())
}

/// Who may ask for a location.
pub fn read(scope: &Scope<'_>) -> LocationAccess {
    LocationAccess {
        rules: rules(scope),
        asks_password: scope.text("auth_basic") != "off",
        either_suffices: Satisfy::read(scope) == Satisfy::Any,
    }
}

/// Whether not everybody may ask for a location: its rules deny in the end all that they do not name, or it has a password.
pub fn is_restricted(access: &LocationAccess) -> bool {
    let for_the_rest = access.rules.for_the_rest();
    match (access.either_suffices, access.asks_password) {
        (true, true) => for_the_rest != Some(Judgement::Allow),
        (false, true) => true,
        (_, false) => for_the_rest == Some(Judgement::Deny),
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
