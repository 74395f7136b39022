//! `allow` and `deny`: the addresses that may ask.

use crate::conf::{self, Scope};
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
    pub fn read(scope: &Scope<'_>) -> Result<Self, conf::Error> {
        let rule = |node: &conf::Node| {
            let rule = if node.name == "allow" { Rule::Allow } else { Rule::Deny };
            let text = node.args.first().map(String::as_str).unwrap_or_default();
            let network = Network::parse(text).map_err(|why| conf::Error::at(node, why))?;
            Ok((rule, network))
        };
        scope.all_of(&["allow", "deny"]).into_iter().map(rule).collect::<Result<_, _>>().map(Self)
    }

    /// True if a request may pass: the first rule that fits its address decides; without one it may.
    pub fn admit(&self, request: &HttpRequest) -> bool {
        let rule = self.0.iter().find(|(_, network)| network.contains(request.peer.ip()));
        rule.is_none_or(|(rule, _)| *rule == Rule::Allow)
    }
}

/// Checks the arguments of `allow` and `deny`.
pub fn check(args: &[String]) -> Result<(), String> {
    match args {
        [network] => Network::parse(network).map(|_| ()),
        _ => Err("one address or network".to_owned()),
    }
}
