//! `allow` and `deny`: the addresses that may ask.

use crate::conf::{Node, Scope};
use crate::engine::{HttpRequest, Network};

/// The rules of a location, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules(Vec<(Rule, Network)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Allow,
    Deny,
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

    /// True if a request may pass: the first rule that fits its address decides; without one it may.
    pub fn admit(&self, request: &HttpRequest) -> bool {
        let rule = self.0.iter().find(|(_, network)| network.contains(request.peer));
        rule.is_none_or(|(rule, _)| *rule == Rule::Allow)
    }
}

/// Reads the arguments of `allow` and `deny`.
pub fn parse(args: &[String]) -> Result<Network, String> {
    match args {
        [network] => Network::parse(network),
        _ => Err("one address or network".to_owned()),
    }
}
