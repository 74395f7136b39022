//! The bodies of actions: JSON, which no page of another site can send unasked.

use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::conf::value;
use crate::engine::HttpRequest;
use crate::http::Method;

use super::reply::Fault;

/// The longest time of a ban.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// The longest URL, bytes.
const MAX_URL: usize = 4096;

/// The longest reason, characters: it is logged, and told to the client.
const MAX_WHY: usize = 256;

/// `POST clients/ID/kick` and `POST streams/APP/NAME/kick`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kick {
    /// How long the client's address is banned from the stream.
    pub ban: Option<Time>,
    /// The reason, for the log and the client.
    pub why: Option<String>,
    /// Whom of a stream.
    pub who: Option<Who>,
}

/// Whom of a stream a kick is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    Publisher,
    Players,
    Viewers,
    All,
}

/// `POST bans`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBan {
    /// An address or a network.
    pub address: String,
    pub time: Time,
    /// "live/cam"; all streams without it.
    #[serde(default)]
    pub stream: Option<String>,
    #[serde(default)]
    pub why: Option<String>,
}

/// `POST streams/APP/NAME/record`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub action: RecordAction,
    /// The recorder; empty for that of the application.
    #[serde(default)]
    pub recorder: String,
}

/// What becomes of a recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordAction {
    Start,
    Stop,
}

/// `POST clients/ID/redirect`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// The stream to continue with, in the same application.
    pub name: String,
}

/// `POST streams/APP/NAME/push` and `POST streams/APP/NAME/pull`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRelay {
    /// The other end, as `push` and `pull` have it. It may have a key.
    url: String,
}

/// An action without a choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nothing {}

impl NewRelay {
    /// The URL, if it is none too long.
    pub fn url(&self) -> Result<String, Fault> {
        if self.url.len() > MAX_URL || self.url.chars().any(char::is_control) {
            return Err(Fault::new(400, format!("\"url\" has at most {MAX_URL} bytes, all in one line")));
        }
        Ok(self.url.clone())
    }
}

/// A time: seconds, or a text with nginx's units.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Time {
    Seconds(u64),
    Text(String),
}

impl Time {
    /// The time, if it is none too short or too long.
    pub fn read(&self) -> Result<Duration, Fault> {
        let time = match self {
            Self::Seconds(seconds) => Some(Duration::from_secs(*seconds)),
            Self::Text(text) => value::time(text),
        };
        let time = time.filter(|time| *time >= Duration::from_secs(1) && *time <= LONGEST);
        time.ok_or_else(|| Fault::new(400, "a time is 1s to 366d, such as \"10m\" or 600 (seconds)"))
    }
}

/// A kick as it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KickOrder {
    pub why: Rc<str>,
    /// How long the addresses of the clients are banned from the stream.
    pub ban: Option<Duration>,
    pub who: Option<Who>,
}

impl Kick {
    /// Reads its texts.
    pub fn order(&self) -> Result<KickOrder, Fault> {
        let why = self.why.as_deref().map(why).transpose()?;
        Ok(KickOrder {
            why: why.map_or("kicked by an operator".into(), Rc::from),
            ban: self.ban.as_ref().map(Time::read).transpose()?,
            who: self.who,
        })
    }
}

/// The reason of an action.
pub fn why(given: &str) -> Result<String, Fault> {
    if given.chars().count() > MAX_WHY || given.chars().any(char::is_control) {
        return Err(Fault::new(400, format!("\"why\" has at most {MAX_WHY} characters, all in one line")));
    }
    Ok(given.to_owned())
}

/// Refuses what a page of another site could have caused. A form cannot send JSON, and to a script the browser does not
/// allow it, as nothing here allows other origins. DELETE is never a form's, so it needs no body. A token, or a password, is
/// what no page of another site has.
pub fn check(request: &HttpRequest, has_token: bool) -> Result<(), Fault> {
    let may_be_rebound = !has_token && request.user.is_none() && request.is_rebound();
    if request.is_cross_site() || may_be_rebound {
        log::warn!(
            "{} {}: refused, as a page of another site has asked for it",
            request.session,
            request.peer.host()
        );
        return Err(Fault::new(403, "a page of another site may not do this"));
    }
    let media_type = request.head.headers.get("content-type").unwrap_or_default();
    let is_json =
        media_type.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json"));
    let is_delete = matches!(&request.head.method, Method::Other(token) if token == "DELETE");
    let needs_none = is_delete && request.head.body.bytes().is_empty() && media_type.is_empty();
    if is_json || needs_none {
        return Ok(());
    }
    Err(Fault::new(415, "this needs the header \"Content-Type: application/json\""))
}

/// Reads the body; none is an empty object.
pub fn read<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Fault> {
    let bytes = request.head.body.bytes();
    let text = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    // Serde would take an array for an object without names.
    if !text.trim_ascii_start().starts_with(b"{") {
        return Err(Fault::new(400, "the body is a JSON object"));
    }
    serde_json::from_slice(text)
        .map_err(|error| Fault::new(400, format!("the body is not as it should be: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::RequestBody;

    fn request(head: &str, body: &str) -> HttpRequest {
        let mut request = HttpRequest::for_test(&format!("{head}\r\nHost: a\r\n\r\n"));
        request.head.body = RequestBody::Whole(body.as_bytes().to_vec());
        request
    }

    #[test]
    fn a_browser_that_a_name_has_led_here_acts_with_a_token_or_a_password_alone() {
        let mut led = request("POST / HTTP/1.1\r\nContent-Type: application/json\r\nOrigin: http://a", "{}");
        led.peer = std::net::SocketAddr::from(([127, 0, 0, 1], 1000)).into();
        assert!(check(&led, false).is_err());
        assert_eq!(check(&led, true), Ok(()));
        led.user = Some("admin".to_owned());
        assert_eq!(check(&led, false), Ok(()));
    }

    #[test]
    fn an_action_is_json_or_a_delete_without_a_body() {
        const JSON: &str = "POST / HTTP/1.1\r\nContent-Type: application/json";
        for (head, body) in [
            (JSON, ""),
            ("POST / HTTP/1.1\r\nContent-Type: Application/JSON; charset=utf-8", "{}"),
            ("DELETE / HTTP/1.1", ""),
            ("POST / HTTP/1.1\r\nContent-Type: application/json\r\nOrigin: http://a", ""),
        ] {
            assert_eq!(check(&request(head, body), false), Ok(()), "{head}");
            assert_eq!(check(&request(&format!("{head}\r\nUser-Agent: Mozilla/5.0"), body), true), Ok(()));
        }
        for (head, body) in [
            ("POST / HTTP/1.1", ""),
            ("POST / HTTP/1.1\r\nContent-Type: text/plain", "{}"),
            ("POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded", "a=b"),
            ("POST / HTTP/1.1\r\nContent-Type: application/jsonp", "{}"),
            ("DELETE / HTTP/1.1", "{}"),
            ("POST / HTTP/1.1\r\nContent-Type: application/json\r\nOrigin: http://b", ""),
            ("DELETE / HTTP/1.1\r\nSec-Fetch-Site: cross-site", ""),
        ] {
            assert!(check(&request(head, body), false).is_err(), "{head}");
        }
    }

    #[test]
    fn bodies_have_the_fields_that_are_known_and_no_others() {
        let read = |body: &str| read::<Kick>(&request("POST / HTTP/1.1", body));
        assert_eq!(read(" \n"), Ok(Kick::default()));
        let kick = read(r#"{"ban":"10m","why":"spam","who":"players"}"#).unwrap();
        assert_eq!((kick.ban.unwrap().read(), kick.who), (Ok(Duration::from_secs(600)), Some(Who::Players)));
        assert_eq!(read(r#"{"ban":90}"#).unwrap().ban.unwrap().read(), Ok(Duration::from_secs(90)));
        let deep = "[".repeat(20_000);
        for body in ["null", "[1]", "{", r#"{"bann":1}"#, r#"{"ban":-1}"#, r#"{"who":"me"}"#, "\u{0}", &deep]
        {
            assert!(read(body).is_err(), "{body}");
        }
        for time in
            [Time::Seconds(0), Time::Seconds(u64::MAX), Time::Text("soon".into()), Time::Text("500ms".into())]
        {
            assert!(time.read().is_err(), "{time:?}");
        }
        assert!(why("a\nb").is_err() && why(&"x".repeat(257)).is_err());
    }
}
