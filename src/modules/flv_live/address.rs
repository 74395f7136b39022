//! The stream that a URL means, in each of the three families of URLs that servers of HTTP-FLV have: `/APP/NAME.flv` (SRS),
//! `/APP/NAME.live.flv` (ZLMediaKit), and `?app=APP&stream=NAME` (nginx-http-flv).
//!
//! Whether there is such a stream, and who may play it, is decided elsewhere.

use crate::auth::query;
use crate::engine::{AppId, Application, Config, FlvTracks};
use crate::http::Request;

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
}

impl Apps {
    /// The applications in which streams may be live.
    pub fn read(config: &Config<'_>) -> Self {
        let live = config.applications.iter().filter(|app| app.features.live);
        let read = |app: &Application<'_>| App {
            id: app.id,
            name: app.name.clone(),
            ports: config.ports_of(app),
            is_guarded: app.features.checks_players,
        };
        Self(live.map(read).collect())
    }

    /// What a request means; none if it is for something else than a stream.
    pub fn address(&self, request: &Request) -> Option<Address<'_>> {
        let port = query::value(&request.query, "port").filter(|port| !port.is_empty());
        let port = port.as_deref();
        let argument = |name| query::value(&request.query, name);
        let (app, first_name, name) = match (argument("app"), argument("stream")) {
            (Some(app), Some(name)) => match self.find(&app, port) {
                _ if name.is_empty() => return Some(Address::NoStream("the stream has no name".to_owned())),
                Some(app) => (app, None, name.into_owned()),
                None => return Some(Address::NoStream(lack(&app, port))),
            },
            _ => self.address_of_path(&request.path, port)?,
        };
        let tracks =
            match ["onlyaudio", "onlyvideo"].map(|name| argument(name).is_some_and(|value| is_on(&value))) {
                [true, false] => FlvTracks::Audio,
                [false, true] => FlvTracks::Video,
                _ => FlvTracks::All,
            };
        let args = query::without(&request.query, &OWN_ARGUMENTS);
        Some(Address::Stream(StreamAddress { app, first_name, name, tracks, args }))
    }

    /// What a path means: the name is behind the last part that is the name of an application.
    fn address_of_path(&self, path: &str, port: Option<&str>) -> Option<(&App, Option<String>, String)> {
        let path = path.strip_suffix(EXTENSION)?.strip_prefix('/')?;
        let split = |end: usize| {
            let (before, behind) = path.split_at_checked(end)?;
            let app = before.rsplit('/').next()?;
            Some((self.find(app, port)?, behind.strip_prefix('/')?))
        };
        let slashes = path.rmatch_indices('/').map(|(at, _)| at);
        let (app, name) = slashes.take(MAX_PARTS).find_map(split)?;
        match name.strip_suffix(LIVE).filter(|short| !short.is_empty() && !short.ends_with('/')) {
            Some(short) => Some((app, Some(name.to_owned()), short.to_owned())),
            None if name.is_empty() || name.ends_with('/') => None,
            None => Some((app, None, name.to_owned())),
        }
    }

    /// The application of this name, in the server with this port.
    fn find(&self, name: &str, port: Option<&str>) -> Option<&App> {
        let port = port.map(|port| port.parse::<u16>().ok());
        let has_port = |app: &App| match port {
            None => true,
            Some(port) => port.is_some_and(|port| app.ports.contains(&port)),
        };
        self.0.iter().find(|app| app.name == name && has_port(app))
    }
}

/// Why there is no stream in an application that does not exist.
fn lack(app: &str, port: Option<&str>) -> String {
    let shown = |text: &str| text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect::<String>();
    match port {
        Some(port) => format!("no RTMP server at port {} has an application \"{}\"", shown(port), shown(app)),
        None => format!("there is no application \"{}\"", shown(app)),
    }
}

/// The most characters of an argument that an answer shows.
const MAX_SHOWN: usize = 64;

/// Whether an argument asks for what it is called.
fn is_on(value: &str) -> bool {
    !matches!(value, "0" | "false" | "off" | "no")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::{Scope, Tree, check};
    use crate::engine::directive_table;

    const APPS: &str = "rtmp {
        server { listen 1935; listen 1936; application live { live on; } application vod { } }
        server { listen 2935; application live { live on; } application tv { live on; } }
    }";

    fn apps() -> Apps {
        let mut tree = Tree::from_text("f", APPS).unwrap();
        let table = directive_table(&crate::modules::table());
        check(&mut tree, &table).unwrap();
        let mut config = Config::new(&Scope::root(&tree, &table)).unwrap();
        config.applications.iter_mut().for_each(|app| app.features.live = app.scope.flag("live"));
        Apps::read(&config)
    }

    /// What a target means: the first port of its application, the names, and the other arguments.
    fn meaning(target: &str) -> Option<String> {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let request = Request::parse(head.as_bytes()).unwrap();
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
    fn what_names_no_application_is_for_others() {
        let long = format!("/live{}/cam.flv", "/a".repeat(MAX_PARTS));
        for target in [
            "/",
            "/live/cam",
            "/live/cam.ts",
            "/live/cam.FLV",
            "/cam.flv",
            "/live/.flv",
            "/live/room/.flv",
            "/nothing/cam.flv",
            "/vod/film.flv",
            "/live/cam.flv?port=1",
            "/live/cam.flv?port=x",
            "/live?app=live",
            "/live?stream=cam",
            "/live?xapp=live&stream=cam",
            &long,
        ] {
            assert_eq!(meaning(target), None, "{target}");
        }
        assert_eq!(meaning("/x?app=no&stream=cam").as_deref(), Some("there is no application \"no\""));
        assert_eq!(meaning("/x?app=live&stream=").as_deref(), Some("the stream has no name"));
    }
}
