//! Adobe's authentication of publishers, `authmod=adobe`, as its encoder FMLE and others speak it (ffmpeg, librtmp,
//! GStreamer).
//!
//! It takes three connections. The first `connect` is rejected with a word that asks for it. The second one names the
//! user, and is rejected with a salt and a challenge. The third one has the response:
//! `base64(MD5(base64(MD5(user + salt + password)) + challenge + the client's own challenge))`. So the server needs the
//! password as it is.
//!
//! Nothing is kept between the connections: salt and challenge are derived from user, host and time.

use std::time::Duration;

use base64ct::{Base64, Encoding};
use md5::{Digest as _, Md5};

use crate::auth::query;
use crate::auth::secret::Hasher;

/// The beginning of each description. Clients look for the words behind it.
const REJECT: &str = "[ AccessManager.Reject ] : ";

/// A challenge is valid for at least this time, and at most for twice as long.
const PERIOD: Duration = Duration::from_secs(30);

/// The most bytes of a user's name: ffmpeg reads 255 bytes of the description with the challenge.
const MAX_USER: usize = 100;

/// Characters of a salt and of a challenge.
const LENGTH: usize = 16;

/// What the arguments of a `connect` say.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// The client is no further than to name its user.
    User(String),
    /// It answers a challenge.
    Response(Response),
}

/// The response to a challenge.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The user.
    pub user: String,
    /// The client's own challenge.
    challenge: String,
    response: String,
}

/// Makes challenges, and verifies responses to them, at one time.
#[derive(Debug, Clone)]
pub struct Challenger {
    hasher: Hasher,
    /// The client's host: a challenge is of no use from another one.
    host: String,
    /// The number of the period.
    period: u64,
}

impl Step {
    /// Reads the arguments of a `connect`; none if they are not Adobe's. They stand at the end, behind another "?" if
    /// the application has arguments of its own.
    pub fn of(args: &str) -> Option<Self> {
        let (_, args) = split(args);
        let value = |name| query::value(args?, name).map(std::borrow::Cow::into_owned);
        value("authmod").filter(|authmod| authmod == "adobe")?;
        let user = value("user").filter(|user| !user.is_empty())?;
        Some(match (value("challenge"), value("response")) {
            (Some(challenge), Some(response)) => Self::Response(Response { user, challenge, response }),
            _ => Self::User(user),
        })
    }
}

/// The arguments of a `connect` without Adobe's.
pub fn without(args: &str) -> &str {
    split(args).0
}

/// The arguments in front of Adobe's, and Adobe's.
fn split(args: &str) -> (&str, Option<&str>) {
    let is_begin = |at: &usize| {
        let before = args.get(..*at).unwrap_or_default();
        before.is_empty() || before.ends_with(['?', '&'])
    };
    match args.match_indices("authmod=").map(|(at, _)| at).find(is_begin) {
        Some(at) => {
            let before = args.get(..at).unwrap_or_default();
            (before.strip_suffix(['?', '&']).unwrap_or(before), args.get(at..))
        }
        None => (args, None),
    }
}

/// Whether a client's `flashVer` is that of an encoder. Players have that of Flash: three capitals, a blank and a
/// version, such as "LNX 9,0,124,2".
pub fn is_encoder(flash_ver: &str) -> bool {
    let is_player = flash_ver.split_once(' ').is_some_and(|(system, version)| {
        let is_system = system.len() == 3 && system.bytes().all(|byte| byte.is_ascii_uppercase());
        is_system && version.starts_with(|first: char| first.is_ascii_digit())
    });
    !flash_ver.is_empty() && !is_player
}

/// What a client adds to the arguments of its application in its next connect, after a server has refused the last with
/// this description; or why there is no next one. `seed` makes the client's own challenge.
pub fn next_step(
    description: &str,
    (user, password): (&str, &str),
    seed: u64,
) -> Result<String, &'static str> {
    let query = description.split_once('?').map_or("", |(_, query)| query.trim());
    // As they are written: what has been escaped is signed so.
    let pairs = || query.split('&').filter_map(|pair| pair.split_once('='));
    let value = |name| pairs().find(|(found, _)| *found == name).map(|(_, value)| value);
    let begin = format!("authmod=adobe&user={}", escape(user));
    match value("reason") {
        _ if !description.contains("authmod=adobe") => Err("wants an authentication that is not known here"),
        Some("needauth") => {
            let own = format!("{:08x}", seed as u32 ^ (seed >> 32) as u32);
            let (salt, challenge) =
                (value("salt").unwrap_or_default(), value("challenge").unwrap_or_default());
            let opaque = value("opaque");
            let response = answer((user, password), (salt, opaque.unwrap_or(challenge)), &own);
            let opaque = opaque.map(|opaque| format!("&opaque={opaque}")).unwrap_or_default();
            // Base64 as it is: that is how other clients send it.
            Ok(format!("{begin}&challenge={own}&response={response}{opaque}"))
        }
        Some("nosuchuser") => Err("does not know the user"),
        Some(_) => Err("does not take the user's password"),
        None => Ok(begin),
    }
}

/// A text for the value of an argument.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' | '?' | '#' | '%' | '"' | '\\' | '\0'..=' ' => {
                escaped.push_str(&format!("%{:02X}", u32::from(c)));
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

/// The description that asks for the authentication.
pub fn needed() -> String {
    format!("{REJECT}[ code=403 need auth; authmod=adobe ] : ")
}

/// The description of a failed one.
pub fn failed() -> String {
    format!("{REJECT}[ authmod=adobe ] : ?reason=authfailed")
}

impl Challenger {
    /// For a client at this host; `now` is the time since some beginning that does not change while the key of the
    /// hasher is used.
    pub fn new(hasher: Hasher, host: String, now: Duration) -> Self {
        Self { hasher, host, period: now.as_secs() / PERIOD.as_secs() }
    }

    /// The description with the challenge for a user, who need not be there; none if the name is too long, or would
    /// not be read back as it is.
    ///
    /// The opaque text is the challenge itself: some clients take the one for the digest, some the other.
    pub fn ask(&self, user: &str) -> Option<String> {
        let is_plain = user.bytes().all(|byte| byte.is_ascii_graphic() && !b"&=?\"\\".contains(&byte));
        let user = Some(user).filter(|user| user.len() <= MAX_USER && is_plain)?;
        let (salt, challenge) = self.challenge(user, self.period);
        Some(format!(
            "{REJECT}[ authmod=adobe ] : ?reason=needauth&user={user}&salt={salt}&challenge={challenge}\
             &opaque={challenge}"
        ))
    }

    /// Whether a response is right for the user's password, to a challenge of this period or the one before.
    pub fn verify(&self, response: &Response, password: &str) -> bool {
        let periods = [Some(self.period), self.period.checked_sub(1)];
        let is_right = |period: &u64| {
            let (salt, challenge) = self.challenge(&response.user, *period);
            let expected = answer((&response.user, password), (&salt, &challenge), &response.challenge);
            self.hasher.digest(&expected) == self.hasher.digest(&response.response)
        };
        periods.iter().flatten().filter(|period| is_right(period)).count() > 0
    }

    /// The salt and the challenge of a period.
    fn challenge(&self, user: &str, period: u64) -> (String, String) {
        let text = |what: &str| {
            let of = format!("adobe {what}\n{period}\n{}\n{user}", self.host);
            self.hasher.digest(&of).to_hex().chars().take(LENGTH).collect()
        };
        (text("salt"), text("challenge"))
    }
}

/// What a client answers: `hash1 = base64(MD5(user salt password))`, then `base64(MD5(hash1 challenge own))`.
fn answer((user, password): (&str, &str), (salt, challenge): (&str, &str), own: &str) -> String {
    let digest = |parts: [&str; 3]| {
        let mut md5 = Md5::new();
        parts.iter().for_each(|part| md5.update(part));
        Base64::encode_string(&md5.finalize())
    };
    digest([&digest([user, salt, password]), challenge, own])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenger(host: &str, seconds: u64) -> Challenger {
        Challenger::new(Hasher::new(&[1; 64]), host.to_owned(), Duration::from_secs(seconds))
    }

    /// Answers a challenge as clients do.
    fn respond(description: &str, password: &str) -> Response {
        let (_, query) = description.split_once('?').unwrap();
        let value = |name| query::value(query, name).unwrap();
        let response = answer((&value("user"), password), (&value("salt"), &value("opaque")), "0a1b2c3d");
        assert_eq!(value("opaque"), value("challenge"));
        Response { user: value("user").into_owned(), challenge: "0a1b2c3d".to_owned(), response }
    }

    #[test]
    fn an_answer_is_that_of_other_programs() {
        // h=$(printf 'annsaltsecret' | openssl dgst -md5 -binary | base64)
        // printf "${h}challenge0a1b2c3d" | openssl dgst -md5 -binary | base64
        let expected = "1ap9FYD2i8gGGKpnXfrfsg==";
        assert_eq!(answer(("ann", "secret"), ("salt", "challenge"), "0a1b2c3d"), expected);
    }

    #[test]
    fn the_steps_of_clients_are_read() {
        let names = |step: Option<Step>| match step {
            None => "none".to_owned(),
            Some(Step::User(user)) => user,
            Some(Step::Response(Response { user, challenge, response })) => {
                format!("{user} {challenge} {response}")
            }
        };
        for (args, step, rest) in [
            ("", "none", ""),
            ("key=1", "none", "key=1"),
            ("authmod=adobe&user=ann", "ann", ""),
            ("authmod=adobe", "none", ""),
            ("authmod=llnw&user=ann", "none", ""),
            ("xauthmod=adobe&user=ann", "none", "xauthmod=adobe&user=ann"),
            ("a=1?authmod=adobe&user=ann", "ann", "a=1"),
            ("a=1&authmod=adobe&user=ann", "ann", "a=1"),
            // librtmp has padding and characters that other programs escape.
            (
                "authmod=adobe&user=ann&challenge=Ab+d/w==&response=x+y/z==&opaque=",
                "ann Ab+d/w== x+y/z==",
                "",
            ),
        ] {
            assert_eq!((names(Step::of(args)).as_str(), without(args)), (step, rest), "{args}");
        }
    }

    #[test]
    fn a_client_s_steps_are_those_that_the_server_s_own_side_takes() {
        let login = ("ann", "s3cret&");
        let first = next_step(&needed(), login, 7).unwrap();
        assert_eq!(first, "authmod=adobe&user=ann");
        let challenger = challenger("192.0.2.1", 1000);
        let second = next_step(&challenger.ask("ann").unwrap(), login, 0xa1b2_c3d4_0000_0001).unwrap();
        assert!(second.starts_with("authmod=adobe&user=ann&challenge=a1b2c3d5&response="), "{second}");
        let Some(Step::Response(response)) = Step::of(&second) else { panic!("{second}") };
        assert!(challenger.verify(&response, "s3cret&"));
        assert!(!challenger.verify(&response, "s3cret"));
        assert_eq!(next_step(&failed(), login, 7), Err("does not take the user's password"));
        let unknown = "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=nosuchuser&opaque=x";
        assert_eq!(next_step(unknown, login, 7), Err("does not know the user"));
        let llnw = "[ AccessManager.Reject ] : [ code=403 need auth; authmod=llnw ] : ";
        assert!(next_step(llnw, login, 7).is_err());
    }

    #[test]
    fn a_client_without_an_opaque_text_answers_the_challenge() {
        let asked = "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=ann&salt=salt&challenge=challenge";
        let step = next_step(asked, ("ann", "secret"), 0x0a1b_2c3d).unwrap();
        // The same as above: openssl makes it.
        let expected = "authmod=adobe&user=ann&challenge=0a1b2c3d&response=1ap9FYD2i8gGGKpnXfrfsg==";
        assert_eq!(step, expected);
    }

    #[test]
    fn a_response_is_right_for_a_minute_at_most_and_from_its_host_alone() {
        let asked = challenger("192.0.2.1", 1000).ask("ann").unwrap();
        let response = respond(&asked, "secret");
        for (host, seconds, password, is_right) in [
            ("192.0.2.1", 1000, "secret", true),
            ("192.0.2.1", 1030, "secret", true),
            ("192.0.2.1", 1060, "secret", false),
            ("192.0.2.1", 900, "secret", false),
            ("192.0.2.2", 1000, "secret", false),
            ("192.0.2.1", 1000, "Secret", false),
        ] {
            assert_eq!(challenger(host, seconds).verify(&response, password), is_right, "{host} {seconds}");
        }
        let other = Response { user: "bob".to_owned(), ..response };
        assert!(!challenger("192.0.2.1", 1000).verify(&other, "secret"));
    }

    #[test]
    fn descriptions_have_the_words_that_clients_look_for_and_fit_their_buffers() {
        assert_eq!(needed(), "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ");
        let asked = challenger("192.0.2.1", 0).ask(&"u".repeat(MAX_USER)).unwrap();
        assert!(asked.contains("authmod=adobe") && asked.contains("?reason=needauth&user=u"), "{asked}");
        assert!(asked.len() < 255 && !asked.contains("403"), "{asked}");
        for user in ["", "a b", "a&salt=b", "ä", &"u".repeat(MAX_USER + 1)] {
            let is_asked = challenger("192.0.2.1", 0).ask(user).is_some();
            assert_eq!(is_asked, user.is_empty(), "{user}");
        }
    }

    #[test]
    fn encoders_are_told_from_players() {
        for (flash_ver, expected) in [
            ("FMLE/3.0 (compatible; FMSc/1.0)", true),
            ("Wirecast/FM 1.0", true),
            ("LNX 9,0,124,2", false),
            ("WIN 32,0,0,100", false),
            ("", false),
            ("LNX", true),
        ] {
            assert_eq!(is_encoder(flash_ver), expected, "{flash_ver}");
        }
    }
}
