//! `publish_secret` and `play_secret`: links that are signed and expire.

use std::net::IpAddr;

use crate::auth::signature::{self, Signed, Signer};
use crate::conf::{Error, Faults, Node, Scope};

use super::action::Action;
use super::outcome::Outcome;

/// The most secrets at a time: one is replaced by the other.
const MOST: usize = 2;

/// The arguments of a `publish_secret` or `play_secret`.
#[derive(Clone)]
pub enum SecretLine {
    Off,
    Secret { secret: String, with_address: bool },
}

impl SecretLine {
    /// Reads the arguments; no message quotes one.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        match args {
            [word] if word == "off" => Ok(Self::Off),
            [secret, ..] if secret.is_empty() => Err("the secret is empty".to_owned()),
            [secret] => Ok(Self::Secret { secret: secret.clone(), with_address: false }),
            [secret, word] if word == "address" => {
                Ok(Self::Secret { secret: secret.clone(), with_address: true })
            }
            [_, _] => Err("the second word can only be address".to_owned()),
            [] => Err("a secret is missing".to_owned()),
            many => Err(format!("{} arguments", many.len())),
        }
    }
}

/// The secrets for one action in an application.
#[derive(Clone, Default)]
pub struct Signatures(Vec<Secret>);

#[derive(Clone)]
struct Secret {
    signer: Signer,
    with_address: bool,
}

/// What a client asks for.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub action: Action,
    /// The application and the stream as the client means it: `live/cam`.
    pub path: &'a str,
    pub address: Option<IpAddr>,
    /// The time, in seconds since 1970.
    pub now: u64,
}

impl Signatures {
    /// Reads the secrets of a block, or those of the nearest block around it that has any.
    pub fn read(action: Action, scope: &Scope<'_>, faults: &mut Faults) -> Self {
        let lines = scope.all(action.secret_directive()).into_iter();
        let lines: Vec<(&Node, SecretLine)> = lines.map(|node| (node, node.custom())).collect();
        if let Some((node, _)) = lines.get(MOST) {
            let why =
                format!("more than {MOST} of \"{}\" in a block: one is replaced by the other", node.name);
            faults.push(Error::at(node, why));
        }
        let is_off = |line: &SecretLine| matches!(line, SecretLine::Off);
        if let Some((node, _)) = lines.iter().find(|(_, line)| is_off(line)).filter(|_| lines.len() > 1) {
            faults.push(Error::at(node, format!("\"{} off\" stands in a block with secrets", node.name)));
        }
        let secrets = lines.into_iter().filter_map(|(_, line)| match line {
            SecretLine::Off => None,
            SecretLine::Secret { secret, with_address } => {
                Some(Secret { signer: Signer::new(&secret), with_address })
            }
        });
        Self(secrets.collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Judges a signature.
    pub fn judge(&self, claim: &Claim<'_>, shown: Option<(&str, &str)>) -> Outcome {
        let Some((expires, sig)) = shown.filter(|_| !self.is_empty()) else { return Outcome::Missing };
        let address = claim.address.map(|address| address.to_string()).unwrap_or_default();
        let is_right = |secret: &Secret| {
            let address = secret.with_address.then_some(address.as_str());
            let signed = Signed { action: claim.action.word(), path: claim.path, expires, address };
            secret.signer.verify(&signed, sig)
        };
        // All are tried, so that the time does not tell which one is right.
        if self.0.iter().filter(|secret| is_right(secret)).count() == 0 {
            return Outcome::Wrong("wrong signature");
        }
        match signature::expired(expires, claim.now) {
            Some(0) => Outcome::Right { name: None },
            Some(seconds) => Outcome::Expired(seconds),
            None => Outcome::Wrong("wrong signature"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::access::test_scope::in_applications;

    fn read(directives: &str) -> Result<Signatures, String> {
        let text = format!("rtmp {{ play_secret outer; server {{ application a {{ {directives} }} }} }}");
        in_applications(&text, |scopes| {
            let mut faults = Faults::default();
            let signatures = Signatures::read(Action::Play, &scopes[0], &mut faults);
            faults.into_result(signatures).map_err(|errors| errors.to_string())
        })
    }

    fn claim(address: &str) -> Claim<'_> {
        Claim { action: Action::Play, path: "live/cam", address: address.parse().ok(), now: 1_700_000_000 }
    }

    /// printf 'play\nlive/cam\n1700000000\n2001:db8::1' | openssl dgst -sha256 -hmac secret
    const SIGNATURE: &str = "e1ec32c02e799788c043e22bd908a7d264d0382021cbe948619833669ef99024";

    #[test]
    fn the_address_is_signed_where_the_secret_says_so() {
        let signatures = read("play_secret secret address;").unwrap();
        let right = Outcome::Right { name: None };
        let wrong = Outcome::Wrong("wrong signature");
        let shown = Some(("1700000000", SIGNATURE));
        assert_eq!(signatures.judge(&claim("2001:db8::1"), shown), right);
        assert_eq!(signatures.judge(&claim("2001:db8::2"), shown), wrong);
        assert_eq!(signatures.judge(&claim("unix:"), shown), wrong);
        assert_eq!(read("play_secret secret;").unwrap().judge(&claim("2001:db8::1"), shown), wrong);
        assert_eq!(signatures.judge(&claim("2001:db8::1"), Some(("", SIGNATURE))), wrong);
        assert_eq!(signatures.judge(&claim("2001:db8::1"), None), Outcome::Missing);
    }

    #[test]
    fn the_nearest_block_has_two_secrets_at_most_or_none() {
        assert_eq!(read("").unwrap().0.len(), 1);
        assert_eq!(read("play_secret a; play_secret b address;").unwrap().0.len(), 2);
        assert!(read("play_secret off;").unwrap().is_empty());
        for wrong in
            ["play_secret s3a;\nplay_secret s3b;\nplay_secret s3c;", "play_secret s3a; play_secret off;"]
        {
            let said = read(wrong).map(drop).unwrap_err();
            assert!(!said.contains("s3"), "{said}");
        }
        let parse = |words: &[&str]| {
            SecretLine::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
        };
        for words in [&[][..], &[""], &["s3cret", "s3cret"], &["s3cret", "address", "s3cret"]] {
            let said = parse(words).map(drop).unwrap_err();
            assert!(!said.contains("s3"), "{said}");
        }
    }
}
