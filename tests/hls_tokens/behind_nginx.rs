//! nginx as a cache in front: fragments are fetched once for all viewers, and what is for one viewer is never kept.

use std::collections::HashSet;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use super::{HLS, expect_private, link_until, now, uris};
use crate::common::http::{Connection, get};
use crate::common::media;
use crate::common::nginx::Nginx;
use crate::common::player::Client;
use crate::common::{Folder, Server, files_below, free_port, not_tested, until, wait};

/// Viewers, and how many of them ask side by side.
const VIEWERS: u64 = 100;
const SIDE_BY_SIDE: u64 = 10;

/// The limit of what takes a second on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A careless cache: it keeps whatever it is not forbidden to.
const CACHE: &str = "events { }
    http { access_log off; proxy_temp_path temp;
        proxy_cache_path cache levels=1:2 keys_zone=hls:1m inactive=10m use_temp_path=off;
        server { listen ADDRESS; location / { proxy_pass http://ORIGIN; proxy_http_version 1.1;
            proxy_set_header Host $http_host; proxy_set_header Connection '';
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_cache hls; proxy_cache_valid any 10m; proxy_cache_lock on; proxy_cache_lock_timeout 15s; } } }";

/// A viewer with a link or a key of its own.
struct Viewer {
    query: String,
    /// Header fields of its requests: its address.
    fields: String,
    seen: HashSet<String>,
    polls: usize,
}

impl Viewer {
    fn new(number: u64) -> Self {
        let of_link = link_until("cam", now() + 3600 + number);
        let query = if number.is_multiple_of(10) { "key=key-of-some-viewers".to_owned() } else { of_link };
        Self {
            query,
            fields: format!("X-Forwarded-For: 192.0.2.{number}\r\n"),
            seen: HashSet::new(),
            polls: 0,
        }
    }

    /// Polls the playlist and fetches what is new in it.
    fn poll(&mut self, connection: &mut Connection) {
        let target = format!("/hls/cam.m3u8?{}", self.query);
        let reply = connection.request("GET", &target, &self.fields);
        assert_eq!(reply.status, 200, "{target}");
        self.polls += 1;
        expect_private(&reply, &target);
        for uri in uris(&reply.text()) {
            if self.seen.insert(uri.clone()) {
                let reply = connection.request("GET", &format!("/hls/{uri}"), &self.fields);
                assert_eq!((reply.status, reply.body[0]), (200, 0x47), "{uri}");
            }
        }
    }
}

/// All viewers poll once, some side by side.
fn poll(viewers: &mut [Viewer], address: SocketAddr) {
    std::thread::scope(|scope| {
        for some in viewers.chunks_mut((VIEWERS / SIDE_BY_SIDE) as usize) {
            scope.spawn(move || {
                let mut connection = Connection::open(address);
                some.iter_mut().for_each(|viewer| viewer.poll(&mut connection));
            });
        }
    });
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_hundred_viewers_behind_a_cache_cost_one_fetch_of_a_fragment_and_leave_nothing_of_theirs_in_it() {
    // A viewer counts for three fragments after its poll; on a busy machine a hundred take their time.
    let hls = HLS.replace("hls_fragment 1s", "hls_fragment 4s");
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {hls} play_key key-of-some-viewers; }} }} }}
         http {{ set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For; real_ip_recursive on;
             log_format targets \"$remote_addr $request_uri $status\"; access_log FOLDER/access.log targets;
             server {{ listen 127.0.0.1:0; location /hls {{ alias FOLDER/hls; }} }}
             server {{ listen 127.0.0.1:0; access_log off; location / {{ metrics on; }} }} }}"
    ));
    let (folder, address) = (Folder::new(), SocketAddr::from(([127, 0, 0, 1], free_port())));
    let text = CACHE.replace("ADDRESS", &address.to_string()).replace("ORIGIN", &server.http().to_string());
    let Some(_nginx) = Nginx::start(&folder, &text, address) else {
        return not_tested("nginx is not on this machine");
    };
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::both(0, 17_000));
    wait("three fragments", || {
        server.folder.list("hls").iter().filter(|name| name.ends_with(".ts")).count() >= 3
    });
    // Those who may not are refused, and that is not kept for those who may.
    let mut outsider = Connection::open(address);
    let mut refused = |target: &str| {
        let reply = outsider.get(target);
        assert_eq!((reply.status, reply.header("cache-control")), (403, "no-store"), "{target}");
    };
    for target in ["/hls/cam.m3u8", "/hls/cam-0.ts", "/hls/cam-0.ts?t=AAAAAAAAAAAA"] {
        refused(target);
    }
    let mut viewers: Vec<_> = (0..VIEWERS).map(Viewer::new).collect();
    until("all are counted", PATIENCE, || {
        poll(&mut viewers, address);
        let metrics = get(server.http[1], "/").text();
        let counted = metrics.split_once("stream_viewers{app=\"live\",stream=\"cam\"} ").expect("a count").1;
        let counted = counted.lines().next().unwrap();
        assert!(counted.parse::<u64>().unwrap() <= VIEWERS, "{counted}");
        (counted == VIEWERS.to_string()).then_some(())
    });
    publisher.send_all(&media::both(17_000, 12_000));
    publisher.finish();
    poll(&mut viewers, address);
    for target in ["/hls/cam.m3u8", "/hls/cam-0.ts", "/hls/cam.m3u8?key=another"] {
        refused(target);
    }
    let fragments = viewers[0].seen.clone();
    assert!(fragments.len() >= 5 && viewers.iter().all(|viewer| viewer.seen == fragments), "{fragments:?}");
    expect_fetched_once(&server, &viewers, &fragments);
    expect_only_fragments(&folder, &viewers, fragments.len());
}

/// The origin has sent each fragment once, and each viewer's playlists to the viewer.
fn expect_fetched_once(server: &Server, viewers: &[Viewer], fragments: &HashSet<String>) {
    let polls = || {
        let log = fs::read_to_string(server.folder.join("access.log")).unwrap_or_default();
        log.lines().filter(|line| line.ends_with(" 200")).map(str::to_owned).collect::<Vec<_>>()
    };
    let is_list = |line: &&String| line.contains("/hls/cam.m3u8");
    let all = viewers.iter().map(|viewer| viewer.polls).sum::<usize>() + fragments.len();
    wait("the log has all", || polls().len() >= all);
    let log = polls();
    for (number, viewer) in viewers.iter().enumerate() {
        let own = format!("192.0.2.{number} ");
        assert_eq!(
            log.iter().filter(|line| line.starts_with(&own) && is_list(line)).count(),
            viewer.polls,
            "{own}"
        );
    }
    for uri in fragments {
        let path = format!("/hls/{}?", uri.split('?').next().unwrap());
        assert_eq!(log.iter().filter(|line| line.contains(&path)).count(), 1, "{uri}");
    }
    assert_eq!(log.len(), all, "nothing else was asked for");
    for viewer in viewers {
        let own = viewer.query.rsplit('=').next().unwrap();
        assert!(!log.iter().any(|line| line.contains(own)), "what {} shows is in the log", viewer.query);
    }
}

/// The cache has so many fragments, and of viewers nothing.
fn expect_only_fragments(folder: &Folder, viewers: &[Viewer], fragments: usize) {
    let cached = files_below(&folder.join("cache"));
    let kept: Vec<_> = cached.iter().filter(|(_, bytes)| contains(bytes, "\nKEY: ")).collect();
    assert_eq!(kept.len(), fragments);
    for (name, bytes) in cached.iter().chain(&files_below(&folder.join("temp"))) {
        for word in ["sig=", "expires=", "key=", "key-of-some-viewers", "#EXTM3U", ".m3u8", "192.0.2."] {
            assert!(!contains(bytes, word), "{word} in {name}");
        }
        for viewer in viewers {
            assert!(
                !contains(bytes, viewer.query.rsplit('=').next().unwrap()),
                "what {} shows in {name}",
                viewer.query
            );
        }
    }
}
