//! The module's settings of an application: what is called, and how.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::conf::{Error, Faults, Node, Scope, value};
use crate::engine::{Application, ClientTls, Destination, Guards};
use crate::http::Url;
use crate::http::client::Method;

use super::event::{Activity, CallbackKind};
use super::format::Format;
use super::signature::Signer;

/// The most bytes of an answer, unless `netcall_buffer` is more.
const USUAL_ANSWER: usize = 64 * 1024;

/// The arguments of a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    Off,
    To(Url),
}

impl Link {
    pub fn parse(args: &[String]) -> Result<Self, String> {
        match args {
            [word] if word == "off" => Ok(Self::Off),
            [url] => read_url(url).map(Self::To),
            [] => Err(String::new()),
            _ => Err("a URL has no blanks".to_owned()),
        }
    }
}

/// Reads a URL that may lack its scheme, as nginx-rtmp takes it. Words that are most likely none are errors.
fn read_url(text: &str) -> Result<Url, String> {
    let end = text.find(['/', '?']).unwrap_or(text.len());
    let (place, rest) = text.split_at_checked(end).unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    if ["unix:", "http://unix:", "https://unix:"].iter().any(|start| lower.starts_with(start)) {
        return Err("Unix sockets are not possible here: use http://127.0.0.1:PORT/".to_owned());
    }
    if place.ends_with(':') && rest.starts_with("//") {
        return Url::parse(text);
    }
    let shown = Url::shown(text);
    for scheme in ["http", "https"] {
        match lower.strip_prefix(scheme) {
            Some(behind) if behind.starts_with(':') => {
                return Err(format!("\"//\" is missing behind \"{scheme}:\""));
            }
            Some(behind) if behind.starts_with("//") => {
                return Err(format!("\":\" is missing behind \"{scheme}\""));
            }
            _ => {}
        }
    }
    if place.is_empty() {
        return Err(format!(
            "\"{shown}\" has no host: write http://HOST{}",
            if rest.is_empty() { "/" } else { &shown }
        ));
    }
    if !is_place(place, rest) {
        return Err(format!("\"{shown}\" is no URL: write http://HOST:PORT/PATH, or off"));
    }
    Url::parse_without_scheme(text)
}

/// Whether a word is most likely a host: "on" and "check.sh" are none.
fn is_place(place: &str, rest: &str) -> bool {
    let host = place.rsplit('@').next().unwrap_or_default();
    let is_address = host.parse::<Ipv4Addr>().is_ok() || host.eq_ignore_ascii_case("localhost");
    let is_name = !host.starts_with('.') && host.contains('.') && !rest.is_empty();
    is_address || is_name || host.contains(':')
}

/// Reads the argument of `notify_method`, in either case as nginx-rtmp does.
fn method(word: &str) -> Method {
    if word.eq_ignore_ascii_case("get") { Method::Get } else { Method::Post }
}

/// Reads the argument of `netcall_timeout`.
pub fn call_time(args: &[String]) -> Result<Duration, String> {
    let time = match args {
        [text] => value::time(text).ok_or_else(|| format!("\"{text}\" is no time"))?,
        [] => return Err(String::new()),
        _ => return Err(format!("{} arguments", args.len())),
    };
    if time.is_zero() { Err("without any time no call succeeds".to_owned()) } else { Ok(time) }
}

/// The arguments of `notify_secret`.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretLine {
    Off,
    Secret(String),
}

impl SecretLine {
    pub fn parse(args: &[String]) -> Result<Self, String> {
        match args {
            [word] if word == "off" => Ok(Self::Off),
            [secret] if secret.is_empty() => Err("the secret is empty".to_owned()),
            [secret] => Ok(Self::Secret(secret.clone())),
            [] => Err(String::new()),
            _ => Err("a secret has blanks: put it into quotes".to_owned()),
        }
    }
}

/// A callback: the URL that is called.
#[derive(Debug)]
pub struct Callback {
    pub kind: CallbackKind,
    pub url: Url,
    pub destination: Rc<Destination>,
    pub format: Format,
}

/// What becomes of a client whose backend does not answer as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// It may neither begin nor continue.
    Refuse,
    /// It may continue, but not begin.
    Keep,
    /// It may do both.
    Allow,
}

/// The settings of an application.
pub struct Settings {
    callbacks: HashMap<CallbackKind, Rc<Callback>>,
    /// Those of its recorders for `on_record_done`.
    recorders: HashMap<String, Option<Rc<Callback>>>,
    pub method: Method,
    pub signer: Option<Signer>,
    pub on_error: OnError,
    pub timeout: Duration,
    pub max_answer: usize,
    /// The time between two calls of `on_update`, if it is called.
    pub update_every: Option<Duration>,
    /// Whether only 2xx lets a client continue.
    pub is_strict: bool,
    /// Whether a stream that is relayed by a Location is named by the URL.
    pub names_relayed: bool,
    /// Whether viewers of HLS are asked about, and told of, as players are (`hls_sessions`).
    pub asks_about_viewers: bool,
}

impl Settings {
    /// Reads the settings of an application.
    pub fn read(app: &Application<'_>, faults: &mut Faults) -> Self {
        let scope = &app.scope;
        let tls = faults.keep(tls_settings(scope));
        let format = Format::named(&scope.text("notify_format"));
        let find = |scope: &Scope<'_>, kind| callback(scope, (kind, format), tls.as_ref());
        let callbacks = CallbackKind::ALL.into_iter().filter_map(|kind| Some((kind, find(scope, kind)?)));
        let recorders = scope.blocks("recorder").map(|recorder| {
            let name = recorder.node().args.first().cloned().unwrap_or_default();
            (name, find(&recorder, CallbackKind::RecordDone))
        });
        Self {
            callbacks: callbacks.collect(),
            recorders: recorders.collect(),
            method: method(&scope.text("notify_method")),
            signer: match scope.custom("notify_secret") {
                SecretLine::Off => None,
                SecretLine::Secret(secret) => Some(Signer::new(&secret)),
            },
            on_error: match scope.text("notify_on_error").as_str() {
                "refuse" => OnError::Refuse,
                "keep" => OnError::Keep,
                _ => OnError::Allow,
            },
            timeout: scope.custom("netcall_timeout"),
            // SRS's answers are parsed as JSON, which takes a while.
            max_answer: match format {
                Format::Srs => USUAL_ANSWER,
                _ => usize::try_from(scope.size("netcall_buffer")).unwrap_or_default().max(USUAL_ANSWER),
            },
            update_every: Some(scope.time("notify_update_timeout")).filter(|time| !time.is_zero()),
            is_strict: scope.flag("notify_update_strict"),
            names_relayed: scope.flag("notify_relay_redirect"),
            asks_about_viewers: app.features.hls.as_ref().is_some_and(|hls| hls.sessions),
        }
    }

    /// The callback of a kind.
    pub fn callback(&self, kind: CallbackKind) -> Option<&Rc<Callback>> {
        self.callbacks.get(&kind)
    }

    /// The callback for the recordings of a recorder; "" is the application's own.
    pub fn of_recorder(&self, recorder: &str) -> Option<&Rc<Callback>> {
        let own = self.recorders.get(recorder).map(Option::as_ref);
        own.unwrap_or_else(|| self.callbacks.get(&CallbackKind::RecordDone))
    }

    /// Whether a recording may be told to a backend.
    pub fn tells_of_recordings(&self) -> bool {
        self.recorders.values().any(Option::is_some) || self.callbacks.contains_key(&CallbackKind::RecordDone)
    }

    /// Whether anything is called during or after a publish or play.
    pub fn follows(&self, activity: Activity) -> bool {
        let done = match activity {
            Activity::Publish => CallbackKind::PublishDone,
            Activity::Play => CallbackKind::PlayDone,
        };
        [done, CallbackKind::Done, CallbackKind::Update].into_iter().any(|kind| self.callback(kind).is_some())
    }

    /// Whether a backend is told of the end of a viewer of HLS.
    pub fn follows_viewers(&self) -> bool {
        let is_told = [CallbackKind::PlayDone, CallbackKind::Done].map(|kind| self.callback(kind).is_some());
        self.asks_about_viewers && is_told.contains(&true)
    }
}

/// The actions about which a backend is asked.
pub fn asks(scope: &Scope<'_>) -> Guards {
    let is_set = |kind| has_callback(scope, kind);
    Guards { publish: is_set(CallbackKind::Publish), play: is_set(CallbackKind::Play) }
}

/// Whether a backend is asked about players, or about all clients.
pub fn asks_about_players(scope: &Scope<'_>) -> bool {
    [CallbackKind::Connect, CallbackKind::Play].into_iter().any(|kind| has_callback(scope, kind))
}

/// Whether a backend is asked about all clients.
pub fn asks_about_clients(scope: &Scope<'_>) -> bool {
    has_callback(scope, CallbackKind::Connect)
}

fn has_callback(scope: &Scope<'_>, kind: CallbackKind) -> bool {
    let link = scope.find(kind.name()).map(Node::custom);
    link.is_some_and(|link| matches!(link, Link::To(_)))
}

/// The callback of a kind in a block, or in those around it. The format must have it.
fn callback(
    scope: &Scope<'_>,
    (kind, format): (CallbackKind, Format),
    tls: Option<&Arc<ClientTls>>,
) -> Option<Rc<Callback>> {
    let Link::To(url) = scope.find(kind.name()).filter(|_| format.has(kind))?.custom() else { return None };
    let tls = tls.filter(|_| url.is_secure).cloned();
    let destination = Rc::new(Destination { host: url.host.clone(), port: url.port, tls, bind: None });
    Some(Rc::new(Callback { kind, url, destination, format }))
}

/// The settings of TLS of a block.
pub fn tls_settings(scope: &Scope<'_>) -> Result<Arc<ClientTls>, Error> {
    let file = |name| Some(PathBuf::from(scope.text(name))).filter(|path| !path.as_os_str().is_empty());
    let certificate = match (file(CERTIFICATE), file(CERTIFICATE_KEY)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => return Err(lack(scope, CERTIFICATE, CERTIFICATE_KEY)),
        (None, Some(_)) => return Err(lack(scope, CERTIFICATE_KEY, CERTIFICATE)),
    };
    let trusted = file(TRUSTED);
    Ok(Arc::new(ClientTls { verify: scope.flag("ssl_verify"), trusted, certificate, fingerprint: None }))
}

/// The same for clients that are no backends' and have no certificate. What is wrong with the settings is reported when
/// they are read.
pub fn tls_without_certificate(scope: &Scope<'_>) -> Arc<ClientTls> {
    let settings =
        tls_settings(scope).map(|settings| ClientTls { certificate: None, ..ClientTls::clone(&settings) });
    settings.unwrap_or_default().into()
}

fn lack(scope: &Scope<'_>, one: &str, other: &str) -> Error {
    Error::in_place(scope.place(one), format!("\"{one}\" needs \"{other}\" beside it"))
        .for_lack_of(other, scope)
}

/// The directives with files for TLS.
pub const TRUSTED: &str = "ssl_trusted_certificate";
pub const CERTIFICATE: &str = "netcall_ssl_certificate";
pub const CERTIFICATE_KEY: &str = "netcall_ssl_certificate_key";

#[cfg(test)]
mod tests {
    use super::*;

    fn link(text: &str) -> Result<Link, String> {
        Link::parse(&[text.to_owned()])
    }

    #[test]
    fn a_url_may_lack_its_scheme() {
        for (text, url) in [
            ("localhost", "http://localhost/"),
            ("localhost/auth", "http://localhost/auth"),
            ("localhost:8080", "http://localhost:8080/"),
            ("192.0.2.1", "http://192.0.2.1/"),
            ("backend:8080/auth?next=http://x/", "http://backend:8080/auth"),
            ("backend.example/auth", "http://backend.example/auth"),
            ("[::1]:8080/auth", "http://[::1]:8080/auth"),
            ("httpd:80/", "http://httpd/"),
            ("HTTPS://backend/auth", "https://backend/auth"),
        ] {
            let Ok(Link::To(found)) = link(text) else { panic!("{text}: {:?}", link(text)) };
            assert_eq!(found.to_string(), url);
        }
        assert_eq!(link("off"), Ok(Link::Off));
    }

    #[test]
    fn words_that_are_no_url_are_errors_and_say_what_to_write() {
        for text in ["on", "no", "none", "yes", "check.sh", "./check.sh", "backend/auth", "127.1", "a b"] {
            let expected = format!("\"{text}\" is no URL: write http://HOST:PORT/PATH, or off");
            assert_eq!(link(text), Err(expected));
        }
        let unix = "Unix sockets are not possible here: use http://127.0.0.1:PORT/";
        for (text, expected) in [
            ("https//x", "\":\" is missing behind \"https\""),
            ("http//x", "\":\" is missing behind \"http\""),
            ("https:/x", "\"//\" is missing behind \"https:\""),
            ("http:x", "\"//\" is missing behind \"http:\""),
            ("unix:/run/x.sock", unix),
            ("http://unix:/run/x.sock:/auth", unix),
            ("/auth", "\"/auth\" has no host: write http://HOST/auth"),
            ("", "\"\" has no host: write http://HOST/"),
            ("localhost:0/auth?key=x", "\"localhost:0/auth\" has a port that is not 1 to 65535"),
            ("joe:secret@backend/auth", "\"...\" is no URL: write http://HOST:PORT/PATH, or off"),
            ("rtmp://x/y", "\"rtmp://x/y\" is no URL of http or https"),
        ] {
            assert_eq!(link(text), Err(expected.to_owned()), "{text}");
        }
        let two = ["http://x/".to_owned(), "y".to_owned()];
        assert_eq!(Link::parse(&two), Err("a URL has no blanks".to_owned()));
        let said = SecretLine::parse(&["a".to_owned(), "b".to_owned()]).err();
        assert_eq!(said.as_deref(), Some("a secret has blanks: put it into quotes"));
    }
}
