//! Files of other servers, whose answers the test sends.

use std::collections::VecDeque;

use super::*;
use crate::engine::calls::connection::Stage;

/// A server whose application plays files of another one.
struct Remote {
    theatre: Theatre,
    /// Connections with a request that has not been answered, and its first line.
    asked: VecDeque<(SessionId, String)>,
}

impl Remote {
    fn new(url: &str) -> Self {
        let folder = Folder::new();
        let text = format!(
            "rtmp {{ server {{ listen 127.0.0.1:0; application vod {{
             play {url}; play_temp_path {}; }} }} }}",
            folder.join("temp").display()
        );
        let world = World::configured(table(), &text);
        Self { theatre: Theatre::of(folder, world), asked: VecDeque::new() }
    }

    fn play(&mut self, name: &str) -> Client {
        let client = self.theatre.play(name, &[]);
        self.turn();
        client
    }

    /// Does what net does for downloads.
    fn turn(&mut self) {
        let world = &mut self.theatre.world;
        world.end_turn();
        let is_new = |session: &&Session| {
            session.http_client().is_some_and(|client| client.stage == Stage::Connecting)
        };
        let new: Vec<_> = world.engine.cx.sessions.iter().filter(is_new).map(|session| session.id).collect();
        for id in new {
            world.engine.connected(id, ENDS.1, world.now);
            world.end_turn();
            let sent = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
            self.asked.push_back((id, sent.lines().next().unwrap_or_default().to_owned()));
        }
    }

    /// Answers the oldest request; its first line.
    fn answer(&mut self, answer: &[u8]) -> String {
        let (id, line) = self.asked.pop_front().unwrap();
        for piece in answer.chunks(16_384) {
            self.theatre.world.engine.input(id, piece, self.theatre.world.now);
            self.theatre.world.end_turn();
        }
        self.turn();
        line
    }

    /// Answers it with a file.
    fn answer_file(&mut self) -> String {
        let file = film(10);
        self.answer(&[head(file.len()).as_bytes(), &file].concat())
    }

    fn pass(&mut self, seconds: u64) {
        self.theatre.world.pass(seconds);
        self.turn();
    }

    fn leave(&mut self, client: &Client) {
        self.theatre.world.engine.lost(client.id, self.theatre.world.now);
        self.turn();
    }

    fn downloads(&self) -> usize {
        self.theatre.world.engine.cx.calls.downloads
    }
}

fn head(length: usize) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")
}

const LINE: &str = "GET /cam.flv?addr=192.0.2.1 HTTP/1.1";
const FAILED: &str = "Play.Failed";

#[test]
fn who_comes_back_within_10_seconds_finds_the_file_of_another_server() {
    let mut remote = Remote::new("http://remote/");
    let mut client = remote.play("cam.flv");
    assert_eq!(remote.answer_file(), LINE);
    assert!(!remote.theatre.pictures(&mut client).is_empty());
    remote.leave(&client);
    remote.pass(6);
    let mut client = remote.play("cam.flv");
    assert!(remote.asked.is_empty() && !remote.theatre.pictures(&mut client).is_empty());
    remote.pass(60);
    let mut other = remote.play("cam.flv");
    assert!(remote.asked.is_empty() && !remote.theatre.pictures(&mut other).is_empty());
    remote.leave(&client);
    remote.leave(&other);
    remote.pass(20);
    remote.play("cam.flv");
    assert_eq!(remote.asked.len(), 1);
    assert_eq!(remote.theatre.folder.list("temp").len(), 0);
}

#[test]
fn a_file_is_fetched_no_more_when_its_last_player_has_left() {
    let mut remote = Remote::new("http://remote/");
    let mut client = remote.play("cam.flv");
    let file = film(10);
    remote.answer(&[head(500_000).as_bytes(), &file].concat());
    assert_eq!((remote.downloads(), remote.theatre.pictures(&mut client)), (1, vec![]));
    remote.leave(&client);
    remote.pass(9);
    assert_eq!(remote.downloads(), 1);
    remote.pass(7);
    assert_eq!((remote.downloads(), remote.theatre.world.engine.session_count()), (0, 0));
}

#[test]
fn what_was_asked_for_encrypted_is_not_asked_for_in_the_open() {
    for (location, is_followed) in [("http://remote/x.flv", false), ("https://other/x.flv", true)] {
        let mut remote = Remote::new("https://remote/");
        let mut client = remote.play("cam.flv");
        remote.answer(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n").as_bytes());
        assert_eq!(remote.asked.len(), usize::from(is_followed), "{location}");
        if is_followed {
            assert_eq!(remote.answer_file(), "GET /x.flv HTTP/1.1");
        } else {
            assert!(remote.theatre.news(&mut client).contains(&FAILED.to_owned()));
        }
    }
}

#[test]
fn clients_that_send_other_arguments_each_do_not_have_a_file_fetched_without_end() {
    let mut remote = Remote::new("http://remote/");
    let clients: Vec<_> = (0..8).map(|number| remote.play(&format!("cam.flv?{number}"))).collect();
    assert_eq!((remote.asked.len(), remote.downloads()), (8, 8));
    let mut late = remote.play("cam.flv?8");
    assert_eq!(remote.downloads(), 8);
    assert!(remote.theatre.news(&mut late).iter().any(|word| word.contains("Failed")));
    remote.play("other.flv?8");
    assert_eq!(remote.downloads(), 9);
    remote.leave(&clients[0]);
    remote.play("cam.flv?8");
    assert_eq!(remote.downloads(), 9, "the one that nobody waits for any more makes room");
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for_without_end() {
    let mut remote = Remote::new("http://remote/");
    let mut client = remote.play("cam.flv");
    remote.pass(11);
    assert!(remote.theatre.news(&mut client).contains(&FAILED.to_owned()));
    assert_eq!(remote.downloads(), 0);
    // One that sends a byte now and then.
    let mut client = remote.play("cam.flv");
    remote.asked.pop_front();
    let id = remote.asked.front().unwrap().0;
    remote.theatre.world.engine.input(id, head(500_000).as_bytes(), remote.theatre.world.now);
    let mut news = Vec::new();
    for _ in 0..31 {
        remote.theatre.world.engine.input(id, b"x", remote.theatre.world.now);
        remote.pass(1);
        news.extend(remote.theatre.news(&mut client));
    }
    assert_eq!(news, ["Play.Failed"]);
}

#[test]
fn a_server_that_stops_fetches_nothing_more() {
    let mut remote = Remote::new("http://remote/");
    remote.play("cam.flv");
    remote.answer(head(500_000).as_bytes());
    let now = remote.theatre.world.now;
    remote.theatre.world.engine.stop(now);
    remote.theatre.world.end_turn();
    assert_eq!(remote.downloads(), 0);
}
