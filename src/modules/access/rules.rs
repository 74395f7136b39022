//! `allow` and `deny`: who may publish and play, by address.

use crate::conf::{Node, Scope};
use crate::engine::{AddressRules, Judgement, Network, Peer, Whom};

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

impl Rules {
    /// The rules of a block, and behind them those of the blocks around it.
    pub fn read(scope: &Scope<'_>) -> Self {
        let rule = |node: &Node| {
            let judgement = if node.name == "allow" { Judgement::Allow } else { Judgement::Deny };
            (judgement, node.custom())
        };
        Self(scope.by_level(NAMES).into_iter().flatten().map(rule).collect())
    }

    /// Those for one action.
    pub fn of(&self, action: Action) -> AddressRules {
        let own = self.0.iter().filter(|(_, rule)| rule.is_for(action));
        AddressRules::new(own.map(|(judgement, rule)| (*judgement, Whom::Network(rule.network))).collect())
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::modules::access::test_scope::in_applications;

    fn admits(text: &str, app: usize, action: Action, ip: &str) -> bool {
        let peer = match ip {
            "unix:" => Peer::Unix,
            ip => SocketAddr::new(ip.parse().unwrap(), 1).into(),
        };
        in_applications(text, |scopes| Rules::read(&scopes[app]).admit(action, peer))
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_those_of_the_outer_blocks_come_last() {
        const TEXT: &str = "rtmp { deny 10.0.0.1; allow 10.0.0.0/8; deny all; server {
            application a { }
            application b { allow publish 10.0.0.1; deny play 10.0.0.2; allow play unix:; }
            application c { allow all; } } }";
        for (app, ip, publish, play) in [
            (0, "10.0.0.1", false, false),
            (0, "10.0.0.2", true, true),
            (0, "192.0.2.1", false, false),
            (0, "::ffff:10.0.0.2", true, true),
            (0, "::1", false, false),
            (0, "unix:", false, false),
            (1, "10.0.0.1", true, false),
            (1, "10.0.0.2", true, false),
            (1, "10.0.0.3", true, true),
            (1, "unix:", false, true),
            (2, "192.0.2.1", true, true),
        ] {
            assert_eq!(admits(TEXT, app, Action::Publish, ip), publish, "publish in {app} from {ip}");
            assert_eq!(admits(TEXT, app, Action::Play, ip), play, "play in {app} from {ip}");
        }
        let none = "rtmp { server { application a { } } }";
        assert!(admits(none, 0, Action::Publish, "192.0.2.1"), "without a rule it is allowed");
    }

    #[test]
    fn rules_behind_one_for_all_never_decide() {
        for (rules, unreached) in [
            ("allow 10.0.0.1; deny all;", &[][..]),
            ("deny all; allow 10.0.0.1;", &["10.0.0.1"]),
            ("deny publish all; allow 10.0.0.1;", &[]),
            ("deny publish all; allow publish 10.0.0.1; allow play 10.0.0.1;", &["publish"]),
            ("deny publish all; allow play all; allow unix:;", &["unix:"]),
            ("deny all; deny all;", &["all"]),
        ] {
            let text = format!("rtmp {{ deny all; server {{ application a {{ {rules} }} }} }}");
            let found = in_applications(&text, |scopes| {
                unreachable(&scopes[0]).iter().map(|(node, _)| node.args[0].clone()).collect::<Vec<_>>()
            });
            assert_eq!(found, unreached, "{rules}");
        }
    }

    #[test]
    fn what_is_no_rule_is_a_mistake() {
        for words in
            [&[][..], &["publish"], &["10.0.0.1", "publish"], &["watch", "all"], &["publish", "play", "all"]]
        {
            let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
            assert!(Rule::parse(&words).is_err(), "{words:?}");
        }
    }
}
