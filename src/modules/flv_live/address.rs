//! The stream that a URL means, in each of the three families of URLs that servers of HTTP-FLV have: `/APP/NAME.flv` (SRS),
//! `/APP/NAME.live.flv` (ZLMediaKit), and `?app=APP&stream=NAME` (nginx-http-flv).
//!
//! Whether there is such a stream, and who may play it, is decided elsewhere.

use crate::auth::query;
use crate::engine::{AppId, Application, ClientVerification, Config, FlvTracks, HttpRequest};

/// The arguments that choose what is sent. The others are for who decides about the play.
const OWN_ARGUMENTS: [&str; 5] = ["app", "stream", "port", "onlyaudio", "onlyvideo"];

/// The extension of a live stream.
const EXTENSION: &str = ".flv";
/// What ZLMediaKit has before it.
const LIVE: &str = ".live";

/// An application that streams may be played from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    pub id: AppId,
    pub name: String,
    /// The ports of its RTMP server.
    ports: Vec<u16>,
    /// Whether somebody decides who may play, so that nobody is told what is live before that.
    pub is_guarded: bool,
    /// The certificate that its RTMP server wants of all its clients.
    certificate: Option<ClientVerification>,
}

/// The most parts of a path behind an application; instances of one have few.
const MAX_PARTS: usize = 8;

/// All of them, in the order of the file.
#[derive(Debug, Default)]
pub struct Apps(Vec<App>);

/// What a URL means.
#[derive(Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// This stream.
    Stream(StreamAddress<'a>),
    /// A stream, and this is why there is none.
    NoStream(String),
}

/// A stream.
#[derive(Debug, PartialEq, Eq)]
pub struct StreamAddress<'a> {
    pub app: &'a App,
    /// The name that is meant if a stream of it is live, before the other one.
    pub first_name: Option<String>,
    pub name: String,
    /// The tracks that are wanted.
    pub tracks: FlvTracks,
    /// The other arguments.
    pub args: String,
    /// Whether the path is that of another file by its extension, such as a page with the stream's name in its query. Then the
    /// file goes first.
    pub is_of_file: bool,
}

/// What an application is looked for by.
struct Wanted<'a> {
    port: Option<&'a str>,
    request: &'a HttpRequest,
}

impl Apps {
    /// The applications in which streams may be live.
    pub fn read(config: &Config<'_>) -> Self {
        let live = config.applications.iter().filter(|app| app.features.live);
        let read = |app: &Application<'_>| App {
            id: app.id,
            name: app.name.clone(),
            ports: config.ports_of(app),
            is_guarded: !app.features.players.are_none(),
            certificate: config.certificates_of(app),
        };
        Self(live.map(read).collect())
    }

    /// What a request means; none if it is for something else than a stream.
    pub fn address<'a>(&'a self, request: &'a HttpRequest) -> Option<Address<'a>> {
        let (path, query) = (request.head.path.as_str(), request.head.query.as_str());
        let port = query::value(query, "port").filter(|port| !port.is_empty());
        let wanted = Wanted { port: port.as_deref(), request };
        let argument = |name| query::value(query, name);
        let asked = (argument("app"), argument("stream"));
        let is_by_query = asked.0.is_some() && asked.1.is_some();
        let found = match &asked {
            (Some(_), Some(name)) if name.is_empty() => Err(NO_NAME.to_owned()),
            (Some(app), Some(name)) => match self.find(app, &wanted) {
                Some(app) => Ok((app, None, name.clone().into_owned())),
                None => Err(self.lack(app, &wanted)),
            },
            (app, name) => match self.address_of_path(path, &wanted) {
                Some(found) => Ok(found),
                None => Err(self.why_none(path, (app.is_some(), name.is_some()), &wanted)?),
            },
        };
        let (app, first_name, name) = match found {
            Ok(found) => found,
            Err(why) => return Some(Address::NoStream(why)),
        };
        let tracks =
            match ["onlyaudio", "onlyvideo"].map(|name| argument(name).is_some_and(|value| is_on(&value))) {
                [true, false] => FlvTracks::Audio,
                [false, true] => FlvTracks::Video,
                _ => FlvTracks::All,
            };
        let args = query::without(query, &OWN_ARGUMENTS);
        let is_of_file = is_by_query && has_other_extension(path);
        Some(Address::Stream(StreamAddress { app, first_name, name, tracks, args, is_of_file }))
    }

    /// What a path means: the name is behind the last part that is the name of an application.
    fn address_of_path(&self, path: &str, wanted: &Wanted<'_>) -> Option<(&App, Option<String>, String)> {
        let path = path.strip_suffix(EXTENSION)?.strip_prefix('/')?;
        let split = |end: usize| {
            let (before, behind) = path.split_at_checked(end)?;
            let app = before.rsplit('/').next()?;
            Some((self.find(app, wanted)?, behind.strip_prefix('/')?))
        };
        let slashes = path.rmatch_indices('/').map(|(at, _)| at);
        let (app, name) = slashes.take(MAX_PARTS).find_map(split)?;
        match name.strip_suffix(LIVE).filter(|short| !short.is_empty() && !short.ends_with('/')) {
            Some(short) => Some((app, Some(name.to_owned()), short.to_owned())),
            None if name.is_empty() || name.ends_with('/') => None,
            None => Some((app, None, name.to_owned())),
        }
    }

    /// The application of this name, in the server with this port, that the request may have.
    fn find(&self, name: &str, wanted: &Wanted<'_>) -> Option<&App> {
        self.named(name, wanted.port).find(|app| app.is_open_to(wanted.request))
    }

    /// The applications of this name, in the server with this port.
    fn named(&self, name: &str, port: Option<&str>) -> impl Iterator<Item = &App> {
        let port = port.map(|port| port.parse::<u16>().ok());
        let has_port = move |app: &App| match port {
            None => true,
            Some(port) => port.is_some_and(|port| app.ports.contains(&port)),
        };
        self.0.iter().filter(move |app| app.name == name && has_port(app))
    }

    /// Why a path, and a query that has one half of a stream or none, name no stream; none if they are not meant to.
    fn why_none(
        &self,
        path: &str,
        (has_app, has_stream): (bool, bool),
        wanted: &Wanted<'_>,
    ) -> Option<String> {
        let trimmed = path.trim_end_matches('/');
        let is_longer = trimmed != path;
        if let Some(path) = trimmed.strip_suffix(EXTENSION).and_then(|path| path.strip_prefix('/')) {
            return Some(match path.rsplit_once('/') {
                _ if is_longer => "behind .flv there is a slash too many".to_owned(),
                None => "the path names no application: it is /APPLICATION/NAME.flv".to_owned(),
                Some((_, "")) => NO_NAME.to_owned(),
                Some((before, _)) => self.lack(before.rsplit('/').next().unwrap_or_default(), wanted),
            });
        }
        match (has_app, has_stream) {
            (true, _) => Some("stream=NAME is missing beside app=".to_owned()),
            (_, true) => Some("app=APPLICATION is missing beside stream=".to_owned()),
            _ => None,
        }
    }

    /// Why there is no stream in an application that does not exist, or that the request may not have.
    fn lack(&self, app: &str, wanted: &Wanted<'_>) -> String {
        let shown =
            |text: &str| text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect::<String>();
        match wanted.port {
            _ if self.named(app, wanted.port).next().is_some() => format!(
                "clients of application \"{}\" show a certificate (ssl_verify_client), and this one has shown none",
                shown(app)
            ),
            Some(port) => {
                format!("no RTMP server at port {} has an application \"{}\"", shown(port), shown(app))
            }
            None => format!("there is no application \"{}\" with live streams", shown(app)),
        }
    }
}

impl App {
    /// Whether a client may have its streams for the certificate that it has shown, which must be one that the application's
    /// own server would take.
    fn is_open_to(&self, request: &HttpRequest) -> bool {
        let Some(wanted) = &self.certificate else { return true };
        request.tls.as_deref().is_some_and(|facts| facts.satisfies(wanted))
    }
}

/// Whether a path is that of a file that is none of FLV.
fn has_other_extension(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.contains('.') && !name.ends_with(EXTENSION)
}

/// Why there is no stream.
const NO_NAME: &str = "the stream has no name";

/// The most characters of an argument that an answer shows.
const MAX_SHOWN: usize = 64;

/// Whether an argument asks for what it is called.
fn is_on(value: &str) -> bool {
    !matches!(value, "0" | "false" | "off" | "no")
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::sync::Arc;

    use super::*;
    use crate::conf::{Scope, Tree, check};
    use crate::engine::{TlsFacts, Verification, VerificationMode, Verifier, directive_table};

    const APPS: &str = "rtmp {
        server { listen 1935; listen 1936; application live { live on; } application vod { } }
        server { listen 2935; application live { live on; } application tv { live on; } }
    }";

    fn apps() -> Apps {
        apps_of(APPS)
    }

    fn apps_of(text: &str) -> Apps {
        let mut tree = Tree::from_text("f", text).unwrap();
        let table = directive_table(&crate::modules::table());
        check(&mut tree, &table).unwrap();
        let mut config = Config::new(&Scope::root(&tree, &table)).unwrap();
        config.applications.iter_mut().for_each(|app| app.features.live = app.scope.flag("live"));
        Apps::read(&config)
    }

    /// What a target means: the first port of its application, the names, and the other arguments.
    fn meaning(target: &str) -> Option<String> {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let request = HttpRequest::for_test(&head);
        Some(match apps().address(&request)? {
            Address::NoStream(why) => why,
            Address::Stream(stream) => {
                let names: Vec<_> = stream.first_name.into_iter().chain([stream.name]).collect();
                let app = format!("{}:{}", stream.app.name, stream.app.ports[0]);
                format!("{app} {} {:?} {}", names.join(" or "), stream.tracks, stream.args)
            }
        })
    }

    #[test]
    fn the_paths_of_srs_and_of_zlmediakit_name_a_stream() {
        for (target, expected) in [
            ("/live/cam.flv", "live:1935 cam All "),
            ("/flv/live/cam.flv", "live:1935 cam All "),
            ("/live/tv/cam.flv", "tv:2935 cam All "),
            ("/live/cam.live.flv", "live:1935 cam.live or cam All "),
            ("/live/cam.flv.flv", "live:1935 cam.flv All "),
            ("/live/a%20b+c.flv", "live:1935 a b+c All "),
            ("/live/room/cam.flv", "live:1935 room/cam All "),
            ("/live/.live.flv", "live:1935 .live All "),
            ("/live/cam.flv?key=a%20b&x", "live:1935 cam All key=a%20b&x"),
        ] {
            assert_eq!(meaning(target).as_deref(), Some(expected), "{target}");
        }
    }

    #[test]
    fn the_query_of_nginx_http_flv_names_a_stream_on_any_path() {
        for (target, expected) in [
            ("/live?app=tv&stream=cam", "tv:2935 cam All "),
            ("/?port=1935&app=live&stream=a%20b&key=c", "live:1935 a b All key=c"),
            ("/tv/x.flv?app=live&stream=cam.live", "live:1935 cam.live All "),
            ("/x?app=live&stream=a%2Fb", "live:1935 a/b All "),
        ] {
            assert_eq!(meaning(target).as_deref(), Some(expected), "{target}");
        }
    }

    #[test]
    fn a_port_decides_between_servers_with_the_same_application() {
        for (target, expected) in [
            ("/live/cam.flv?port=2935", "live:2935 cam All "),
            ("/live/cam.flv?port=1936", "live:1935 cam All "),
            ("/live/cam.flv?port=", "live:1935 cam All "),
            ("/x?app=live&stream=cam&port=2935", "live:2935 cam All "),
            ("/x?app=tv&stream=cam&port=1935", "no RTMP server at port 1935 has an application \"tv\""),
            ("/x?app=tv&stream=cam&port=99999", "no RTMP server at port 99999 has an application \"tv\""),
        ] {
            assert_eq!(meaning(target).as_deref(), Some(expected), "{target}");
        }
    }

    #[test]
    fn one_track_may_be_asked_for() {
        for (query, expected) in [
            ("onlyaudio=1", "Audio "),
            ("a=b&onlyaudio&c=d", "Audio a=b&c=d"),
            ("onlyvideo=1", "Video "),
            ("onlyvideo=1&onlyaudio=0", "Video "),
            ("onlyvideo=0", "All "),
            ("onlyvideo=1&onlyaudio=1", "All "),
        ] {
            let found = meaning(&format!("/live/cam.flv?{query}"));
            assert_eq!(found, Some(format!("live:1935 cam {expected}")), "{query}");
        }
    }

    #[test]
    fn what_names_no_stream_is_for_others() {
        for target in
            ["/", "/live/cam", "/live/cam.ts", "/live/cam.FLV", "/live?xapp=live&xstream=cam", "/.flv/x"]
        {
            assert_eq!(meaning(target), None, "{target}");
        }
    }

    #[test]
    fn what_is_meant_to_name_a_stream_and_does_not_says_why() {
        let long = format!("/live{}/cam.flv", "/a".repeat(MAX_PARTS));
        for (target, why) in [
            ("/cam.flv", "the path names no application: it is /APPLICATION/NAME.flv"),
            ("/.flv", "the path names no application: it is /APPLICATION/NAME.flv"),
            ("/live/.flv", "the stream has no name"),
            ("/live/room/.flv", "the stream has no name"),
            ("/nothing/cam.flv", "there is no application \"nothing\" with live streams"),
            ("/vod/film.flv", "there is no application \"vod\" with live streams"),
            ("/live/cam.flv?port=1", "no RTMP server at port 1 has an application \"live\""),
            ("/live/cam.flv?port=x", "no RTMP server at port x has an application \"live\""),
            ("/live/cam.flv/", "behind .flv there is a slash too many"),
            ("/live?app=live", "stream=NAME is missing beside app="),
            ("/live?stream=cam", "app=APPLICATION is missing beside stream="),
            ("/x?app=no&stream=cam", "there is no application \"no\" with live streams"),
            ("/x?app=live&stream=", "the stream has no name"),
            (&long, "there is no application \"a\" with live streams"),
        ] {
            assert_eq!(meaning(target).as_deref(), Some(why), "{target}");
        }
    }

    /// What `/inner/x.flv` means for a client whose certificate was verified so, by this file.
    fn of_inner(verification: Verification, file: Option<&str>) -> String {
        let text = "rtmp { ssl_certificate a; ssl_certificate_key a; ssl_client_certificate ca.pem; server {
            listen 1936 ssl; ssl_verify_client on; application inner { live on; } } }";
        let apps = apps_of(text);
        let mut request = HttpRequest::for_test("GET /inner/x.flv HTTP/1.1\r\nHost: a\r\n\r\n");
        request.tls = file.map(|file| {
            let clients = ClientVerification {
                mode: VerificationMode::Optional,
                authorities: Some(file.into()),
                depth: 1,
            };
            let verifier = Some(Arc::new(Verifier { clients, authorities: 0 }));
            Rc::new(TlsFacts {
                version: "",
                suite: "",
                curve: "",
                server_name: None,
                is_resumed: false,
                verification,
                verifier,
                client: None,
            })
        });
        match apps.address(&request) {
            Some(Address::NoStream(why)) => why,
            Some(Address::Stream(address)) => address.name,
            None => String::new(),
        }
    }

    #[test]
    fn an_application_that_wants_certificates_is_open_to_who_has_shown_one() {
        let refused = "clients of application \"inner\" show a certificate (ssl_verify_client), and this one has shown none";
        assert_eq!(of_inner(Verification::None, None), refused);
        assert_eq!(of_inner(Verification::None, Some("ca.pem")), refused);
        assert_eq!(of_inner(Verification::Failed("".into()), Some("ca.pem")), refused);
        assert_eq!(of_inner(Verification::Success, Some("other.pem")), refused);
        assert_eq!(of_inner(Verification::Success, Some("ca.pem")), "x");
        // One that lets others in without is open.
        for listen in
            ["listen 1936 ssl; listen 1935;", "listen 1936 ssl; ssl_verify_client optional;", "listen 1936;"]
        {
            let text = format!(
                "rtmp {{ ssl_certificate a; ssl_certificate_key a; ssl_client_certificate ca.pem; server {{
                ssl_verify_client on; {listen} application inner {{ live on; }} }} }}"
            );
            let text = match listen.contains("optional") {
                true => text.replace("ssl_verify_client on;", ""),
                false => text,
            };
            let apps = apps_of(&text);
            let request = HttpRequest::for_test("GET /inner/x.flv HTTP/1.1\r\nHost: a\r\n\r\n");
            assert!(matches!(apps.address(&request), Some(Address::Stream(_))), "{text}");
        }
    }

    #[test]
    fn a_page_with_the_name_of_a_stream_in_its_query_is_a_page() {
        let apps = apps();
        for (target, expected) in [
            ("/player.html?app=live&stream=cam", true),
            ("/live/cam.m3u8?app=live&stream=cam", true),
            ("/x.flv?app=live&stream=cam", false),
            ("/live?app=live&stream=cam", false),
            ("/a.b/?app=live&stream=cam", false),
            ("/live/cam.flv", false),
        ] {
            let request = HttpRequest::for_test(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
            let Some(Address::Stream(address)) = apps.address(&request) else { panic!("{target}") };
            assert_eq!(address.is_of_file, expected, "{target}");
        }
    }
}
