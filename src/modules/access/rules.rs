//! `allow` and `deny`: who may publish and play, by address.

use crate::conf::{Node, Scope};
use crate::engine::{Network, Peer};

use super::action::Action;

/// The names of the directives.
const NAMES: &[&str] = &["allow", "deny"];

/// The arguments of an `allow` or `deny`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The action that the rule is for; none for both.
    action: Option<Action>,
    network: Network,
}

impl Rule {
    /// Reads the arguments.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        match args {
            [network] => Ok(Self { action: None, network: Network::parse(network)? }),
            [action, network] => {
                let action = Action::of_word(action).ok_or("the first of two words is publish or play")?;
                Ok(Self { action: Some(action), network: Network::parse(network)? })
            }
            _ => Err("one address or network, perhaps behind publish or play".to_owned()),
        }
    }

    fn is_for(&self, action: Action) -> bool {
        self.action.is_none_or(|own| own == action)
    }
}

/// The rules of an application, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules(Vec<(Judgement, Rule)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgement {
    Allow,
    Deny,
}

impl Rules {
    /// The rules of a block, and behind them those of the blocks around it.
    pub fn read(scope: &Scope<'_>) -> Self {
        let rule = |node: &Node| {
            let judgement = if node.name == "allow" { Judgement::Allow } else { Judgement::Deny };
            (judgement, node.custom())
        };
        Self(scope.by_level(NAMES).into_iter().flatten().map(rule).collect())
    }

    /// Whether a client may do this: the first rule that fits decides; without one it may.
    pub fn admit(&self, action: Action, peer: Peer) -> bool {
        let fits = |rule: &Rule| rule.is_for(action) && rule.network.contains(peer);
        let first = self.0.iter().find(|(_, rule)| fits(rule));
        first.is_none_or(|(judgement, _)| *judgement == Judgement::Allow)
    }
}

/// The rules of a block and of those around it that never decide, as a rule for `all` stands before them in the same
/// block; each with that one.
pub fn unreachable<'t>(scope: &Scope<'t>) -> Vec<(&'t Node, &'t Node)> {
    let mut found = Vec::new();
    for level in scope.by_level(NAMES) {
        let mut decided: [Option<&Node>; 2] = [None; 2];
        for node in level {
            let rule: Rule = node.custom();
            let own = Action::BOTH.into_iter().zip(decided).filter(|(action, _)| rule.is_for(*action));
            let before: Option<Vec<_>> = own.map(|(_, decided)| decided).collect();
            if let Some(last) = before.and_then(|before| before.last().copied()) {
                found.push((node, last));
            }
            if rule.network == Network::All {
                for (action, decided) in Action::BOTH.into_iter().zip(&mut decided) {
                    if rule.is_for(action) {
                        decided.get_or_insert(node);
                    }
                }
            }
        }
    }
    found
}
