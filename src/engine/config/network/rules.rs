//! Rules by address, `allow` and `deny`: the first that fits decides.
//!
//! How they are written, and which ones apply where, is decided in the modules.

use crate::engine::config::network::Network;
use crate::engine::peer::Peer;

/// Who asks for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// The client.
    pub peer: Peer,
    /// Whether it is a program of this machine, see [`HttpRequest::is_local`](crate::engine::HttpRequest::is_local).
    pub is_local: bool,
}

/// Whom a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// Programs of this machine.
    Local,
    /// The addresses of a network.
    Network(Network),
}

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// `allow`.
    Allow,
    /// `deny`.
    Deny,
}

/// Rules, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressRules(Vec<(Judgement, Whom)>);

impl AddressRules {
    /// The rules as they are written.
    pub fn new(rules: Vec<(Judgement, Whom)>) -> Self {
        Self(rules)
    }

    /// Whether everybody is let in.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the first rule says that fits; none if nobody has thought of this client.
    pub fn judge(&self, asker: Asker) -> Option<Judgement> {
        self.0.iter().find(|(_, whom)| whom.fits(asker)).map(|(judgement, _)| *judgement)
    }

    /// Whether a client is let in: nobody is meant by no rule.
    pub fn admit(&self, asker: Asker) -> bool {
        self.judge(asker) != Some(Judgement::Deny)
    }

    /// The rule for all whom no rule before it names, if there is one. One for all of IPv4 alone, or of IPv6, does.
    pub fn for_the_rest(&self) -> Option<Judgement> {
        let is_rest = |whom: &Whom| matches!(whom, Whom::Network(network) if network.is_everybody());
        self.0.iter().find(|(_, whom)| is_rest(whom)).map(|(judgement, _)| *judgement)
    }
}

impl Whom {
    fn fits(self, asker: Asker) -> bool {
        match self {
            Self::Local => asker.is_local,
            Self::Network(network) => network.contains(asker.peer),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn asker(ip: &str, is_local: bool) -> Asker {
        Asker { peer: SocketAddr::new(ip.parse().unwrap(), 1000).into(), is_local }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let network = |text| Whom::Network(Network::parse(text).unwrap());
        let rules = AddressRules::new(vec![
            (Judgement::Deny, network("10.0.0.5")),
            (Judgement::Allow, network("10.0.0.0/8")),
            (Judgement::Allow, Whom::Local),
            (Judgement::Deny, network("0.0.0.0/0")),
        ]);
        for (ip, is_local, admitted) in [
            ("10.0.0.5", false, false),
            ("10.0.0.6", false, true),
            ("127.0.0.1", true, true),
            ("127.0.0.1", false, false),
            ("192.0.2.1", false, false),
            ("2001:db8::1", false, true),
        ] {
            assert_eq!(rules.admit(asker(ip, is_local)), admitted, "{ip} {is_local}");
        }
        assert_eq!(rules.for_the_rest(), Some(Judgement::Deny));
        assert!(AddressRules::default().admit(asker("192.0.2.1", false)));
    }
}
