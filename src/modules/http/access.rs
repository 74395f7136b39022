//! `allow` and `deny`: the addresses that may ask; and `satisfy`, which says whether a password does as well.

use crate::conf::{Node, Scope};
use crate::engine::{HttpRequest, Network};

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
}

impl Whom {
    fn fits(self, request: &HttpRequest) -> bool {
        match self {
            Self::Local => request.is_local(),
            Self::Network(network) => network.contains(request.peer),
        }
    }
}

/// Whether not everybody may ask for a location: it has rules, or a password.
pub fn is_restricted(scope: &Scope<'_>) -> bool {
    !scope.all_of(&["allow", "deny"]).is_empty() || scope.text("auth_basic") != "off"
}

/// Reads the arguments of `allow` and `deny`.
pub fn parse(args: &[String]) -> Result<Whom, String> {
    match args {
        [word] if word == "local" => Ok(Whom::Local),
        [network] => Network::parse(network).map(Whom::Network),
        _ => Err("one address or network".to_owned()),
    }
}
