//! Downloads of a module, whose bytes the test feeds.

use super::*;
use crate::http::client::ResponseHead;

type Events = Rc<RefCell<Vec<(u64, DownloadEvent)>>>;

/// Keeps what comes of its downloads.
struct Downloader(Events);

impl Module for Downloader {
    fn name(&self) -> &'static str {
        "downloader"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn configure(&mut self, _config: &Config<'_>) -> Result<(), conf::Errors> {
        Ok(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, _next: Box<dyn Any>) {}

    fn on_download(&mut self, _cx: &mut Ctx, token: u64, event: DownloadEvent) {
        self.0.borrow_mut().push((token, event));
    }
}

/// A world with a module that downloads, and a server.
struct Remote {
    world: World,
    events: Events,
}

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";

impl Remote {
    fn new() -> Self {
        let events = Events::default();
        let config = "rtmp { server { listen 127.0.0.1:0; application live { } } }";
        let world = World::configured(vec![Box::new(Downloader(Rc::clone(&events)))], config);
        Self { world, events }
    }

    fn begin(&mut self, token: u64) -> Result<DownloadId, CallsFull> {
        let destination = Rc::new(Destination { host: "remote".into(), port: 80, tls: None, bind: None });
        let timeout = Duration::from_secs(10);
        let request = format!("GET /{token}").into_bytes().into();
        let module = "downloader";
        self.world.engine.cx.download(&Download { module, token, destination, request, timeout })
    }

    /// A download with its connection.
    fn open(&mut self) -> (DownloadId, SessionId) {
        let download = self.begin(1).unwrap();
        let connects = self.world.end_turn().into_iter().find_map(|action| match action {
            Action::Connect(id) => Some(id),
            _ => None,
        });
        let id = connects.unwrap();
        self.world.engine.connected(id, ENDS.1, self.world.now);
        self.world.end_turn();
        (download, id)
    }

    fn send(&mut self, id: SessionId, bytes: &[u8]) {
        self.world.engine.input(id, bytes, self.world.now);
        self.world.end_turn();
    }

    /// The server closes its side.
    fn close(&mut self, id: SessionId) {
        self.world.engine.end_of_input(id, self.world.now);
        self.world.end_turn();
    }

    fn go_on(&mut self, download: DownloadId) {
        self.world.engine.cx.continue_download(download);
        self.world.end_turn();
    }

    /// What has come since it was asked last: the status, bytes, "end", or the error.
    fn events(&mut self) -> Vec<String> {
        let text = |event| match event {
            DownloadEvent::Head(ResponseHead { status, .. }) => status.to_string(),
            DownloadEvent::Part(part) => String::from_utf8(part).unwrap(),
            DownloadEvent::End => "end".to_owned(),
            DownloadEvent::Failed(error) => error.to_string(),
        };
        self.events.borrow_mut().drain(..).map(|(_, event)| text(event)).collect()
    }

    /// Goes on after each event until none comes.
    fn all_events(&mut self, download: DownloadId) -> Vec<String> {
        let mut all = self.events();
        loop {
            self.go_on(download);
            match self.events() {
                events if events.is_empty() => return all,
                events => all.extend(events),
            }
        }
    }

    fn sessions(&self) -> usize {
        self.world.engine.session_count()
    }
}

#[test]
fn each_part_waits_until_the_module_takes_it() {
    let mut remote = Remote::new();
    let (download, id) = remote.open();
    assert_eq!(remote.world.take(id, usize::MAX).concat(), b"GET /1");
    remote.send(id, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab");
    assert_eq!(remote.events(), ["200"]);
    remote.send(id, b"cd");
    assert_eq!(remote.events(), [""; 0]);
    remote.go_on(download);
    assert_eq!(remote.events(), ["abcd"]);
    remote.send(id, b"ef");
    assert_eq!((remote.events(), remote.sessions()), (vec![], 1));
    remote.go_on(download);
    assert_eq!((remote.events(), remote.sessions()), (vec!["ef".into()], 1));
    remote.go_on(download);
    assert_eq!((remote.events(), remote.sessions()), (vec!["end".into()], 0));
    remote.go_on(download);
    assert_eq!(remote.events(), [""; 0]);
}

#[test]
fn a_connection_is_not_read_while_a_part_is_full() {
    let mut remote = Remote::new();
    let (download, id) = remote.open();
    remote.send(id, HEAD);
    let mut sent = 0;
    while !remote.world.engine.is_held(id) {
        remote.send(id, &[b'x'; 10_000]);
        sent += 10_000;
    }
    assert!((LONGEST_PART..LONGEST_PART + 10_000).contains(&sent), "{sent}");
    // What net has read already waits as well.
    remote.send(id, &[b'y'; 20_000]);
    let held = remote.world.engine.cx.sessions.get(id).unwrap().held_input();
    assert!((sent + 20_000..2 * LONGEST_PART).contains(&held), "{held}");
    remote.events();
    remote.go_on(download);
    assert_eq!(remote.events(), ["x".repeat(LONGEST_PART)]);
    assert!(!remote.world.engine.is_held(id));
    remote.go_on(download);
    let rest = ["x".repeat(sent - LONGEST_PART), "y".repeat(20_000)].concat();
    assert_eq!(remote.events(), [rest]);
}

#[test]
fn a_long_body_is_the_same_in_whatever_pieces_it_comes() {
    let mut remote = Remote::new();
    let body: String = (0..200_000).map(|number| format!("{number:05}")).collect();
    let chunk = |bytes: &[u8]| format!("{:x}\r\n{}\r\n", bytes.len(), str::from_utf8(bytes).unwrap());
    let chunks: String = body.as_bytes().chunks(99_999).map(chunk).collect();
    let by_length = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
    let closed = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
    for (answer, piece) in [(&by_length, 16_384), (&chunked, 16_384), (&chunked, 7777), (&closed, 16_384)] {
        let (download, id) = remote.open();
        let mut events = Vec::new();
        for piece in answer.as_bytes().chunks(piece) {
            remote.send(id, piece);
            while remote.world.engine.is_held(id) && remote.world.is_open(id) {
                events.extend(remote.events());
                remote.go_on(download);
            }
        }
        if remote.world.is_open(id) && answer == &closed {
            remote.close(id);
        }
        events.extend(remote.all_events(download));
        assert_eq!((events.first().unwrap().as_str(), events.last().unwrap().as_str()), ("200", "end"));
        assert!(events.iter().all(|event| event.len() <= LONGEST_PART));
        assert!(events[1..events.len() - 1].concat() == body);
        assert_eq!(remote.sessions(), 0);
    }
}

#[test]
fn what_has_come_before_a_connection_breaks_is_given_before_the_error() {
    let mut remote = Remote::new();
    let broken = "the connection was lost in the middle of the answer";
    for is_reset in [false, true] {
        let (download, id) = remote.open();
        remote.send(id, &[HEAD, b"abc"].concat());
        if is_reset {
            remote.world.engine.lost(id, remote.world.now);
        } else {
            remote.close(id);
        }
        assert_eq!(remote.sessions(), 1);
        assert_eq!(remote.all_events(download), ["200", "abc", broken]);
        assert_eq!(remote.sessions(), 0);
    }
    let (download, id) = remote.open();
    remote.send(id, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx");
    assert_eq!(remote.all_events(download), ["200", "a bad chunk"]);
    let (download, id) = remote.open();
    remote.send(id, b"HTTP/1.1 200 OK\r\n\r\nabc");
    remote.world.engine.lost(id, remote.world.now);
    assert_eq!(remote.all_events(download), ["200", "abc", broken], "a reset is no end");
    let (download, id) = remote.open();
    remote.close(id);
    assert_eq!(remote.all_events(download), ["the connection was closed without an answer"]);
    let (download, id) = remote.open();
    remote.send(id, b"\x15\x03");
    assert_eq!(remote.all_events(download), ["no HTTP but TLS"]);
}

#[test]
fn a_download_that_cannot_be_connected_fails_and_says_why() {
    let mut remote = Remote::new();
    remote.begin(1).unwrap();
    let actions = remote.world.end_turn();
    let Some(Action::Connect(id)) = actions.first() else { panic!("{actions:?}") };
    remote.world.engine.connect_failed(*id, "connection refused", remote.world.now);
    remote.world.end_turn();
    assert_eq!((remote.events(), remote.sessions()), (vec!["connection refused".into()], 0));
}

#[test]
fn a_download_has_a_time_without_any_byte_but_none_for_all_of_it() {
    let mut remote = Remote::new();
    let (download, id) = remote.open();
    remote.send(id, HEAD);
    remote.go_on(download);
    remote.events();
    for _ in 0..10 {
        remote.world.pass(9);
        remote.send(id, b"x");
        remote.go_on(download);
    }
    assert_eq!(remote.events().concat(), "x".repeat(10));
    remote.world.pass(9);
    assert_eq!(remote.events(), [""; 0]);
    remote.world.pass(1);
    assert_eq!((remote.events(), remote.sessions()), (vec!["no answer in time".into()], 0));
}

#[test]
fn the_time_does_not_pass_while_the_module_has_not_taken_what_has_come() {
    let mut remote = Remote::new();
    let (download, id) = remote.open();
    remote.send(id, &[HEAD, b"abc"].concat());
    remote.world.pass(100);
    assert_eq!(remote.events(), ["200"]);
    remote.go_on(download);
    remote.go_on(download);
    assert_eq!(remote.events(), ["abc"]);
    remote.world.pass(11);
    assert_eq!(remote.events(), ["no answer in time"]);
}

#[test]
fn who_gives_up_a_download_hears_nothing_more_of_it() {
    let mut remote = Remote::new();
    let (download, id) = remote.open();
    remote.send(id, &[HEAD, b"abc"].concat());
    remote.events();
    remote.world.engine.cx.end_download(download);
    remote.world.engine.cx.end_download(download);
    remote.send(id, b"def");
    remote.go_on(download);
    assert_eq!((remote.events(), remote.sessions()), (vec![], 0));
    assert_eq!(remote.world.engine.cx.calls.downloads, 0);
}

#[test]
fn there_are_64_downloads_at_a_time() {
    let mut remote = Remote::new();
    let ids: Vec<_> = (0..64).map(|token| remote.begin(token).unwrap()).collect();
    assert_eq!(remote.begin(64), Err(CallsFull));
    remote.world.engine.cx.end_download(ids[0]);
    assert!(remote.begin(64).is_ok());
    remote.world.pass(10);
    assert_eq!(remote.events(), ["no answer in time"; 64]);
    assert_eq!((remote.sessions(), remote.world.engine.cx.calls.downloads), (0, 0));
}

#[test]
fn a_redirect_and_a_refusal_are_answers() {
    let mut remote = Remote::new();
    for status in [206, 302, 404] {
        let (download, id) = remote.open();
        remote.send(
            id,
            format!("HTTP/1.1 {status} x\r\nLocation: /y\r\nContent-Length: 2\r\n\r\nab").as_bytes(),
        );
        assert_eq!(remote.all_events(download), [&*status.to_string(), "ab", "end"]);
    }
    let (download, id) = remote.open();
    remote.send(id, b"HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(remote.all_events(download), ["204", "end"]);
}

#[test]
fn a_server_that_drains_finishes_downloads_and_one_that_stops_ends_them() {
    let mut remote = Remote::new();
    let (download, id) = remote.open();
    remote.send(id, HEAD);
    remote.world.engine.drain(remote.world.now);
    remote.world.end_turn();
    remote.send(id, b"abc");
    remote.go_on(download);
    assert_eq!(remote.events(), ["200", "abc"]);
    remote.world.engine.stop(remote.world.now);
    remote.world.end_turn();
    assert_eq!((remote.events(), remote.sessions()), (vec!["server stops".into()], 0));
    assert!(remote.begin(2).is_err());
}
