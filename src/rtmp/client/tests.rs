//! Sessions of a client against the server's own, and against servers by hand.

use super::*;
use crate::rtmp::ServerSession;
use crate::rtmp::chunk::{Extended, ExtendedHabit};
use crate::rtmp::command::Level;
use crate::rtmp::server;

const SETTINGS: Settings = Settings {
    chunking: Chunking { size: 4096, extended: Extended::Repeated },
    ack_window: 5_000_000,
    extended_habit: ExtendedHabit::Unknown,
    limits: Limits { message: 1 << 20, streams: 32, held: 1 << 21 },
};

fn ask(purpose: Purpose) -> Ask {
    Ask {
        app: "live?token=t0ken".to_owned(),
        tc_url: "rtmp://origin.example/live?token=t0ken".to_owned(),
        page_url: String::new(),
        swf_url: String::new(),
        flash_ver: "FMLE/3.0 (compatible; Millstream)".to_owned(),
        auth: String::new(),
        path: "00000000000000aa".to_owned(),
        stream: "cam?key=se-cret".to_owned(),
        purpose,
    }
}

const PLAY: Purpose = Purpose::Play { start: -1000, duration: -1000, buffer: 5000 };

/// A client and the server's own session, which grants all.
struct Pair {
    client: ClientSession,
    server: ServerSession,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    /// What both have made of it.
    events: Vec<String>,
}

impl Pair {
    fn new(purpose: Purpose) -> Self {
        let mut pair = Self {
            client: ClientSession::new(ask(purpose), &SETTINGS, 7),
            server: ServerSession::new(1),
            to_server: Vec::new(),
            to_client: Vec::new(),
            events: Vec::new(),
        };
        pair.client.begin(&mut pair.to_server);
        pair
    }

    fn run(&mut self) {
        while !(self.to_server.is_empty() && self.to_client.is_empty()) {
            self.serve();
            let input = mem::take(&mut self.to_client);
            let mut rest = &input[..];
            while let Some(event) = self.client.next(&mut rest, &mut self.to_server).unwrap() {
                self.events.push(format!("client {event:?}"));
            }
        }
    }

    fn serve(&mut self) {
        let input = mem::take(&mut self.to_server);
        let mut rest = &input[..];
        while let Some(event) = self.server.next(&mut rest, &mut self.to_client).unwrap() {
            let out = &mut self.to_client;
            self.events.push(match event {
                server::Event::Connect(connect) => {
                    self.server.accept_connect(&connect, &SETTINGS, out);
                    format!("connect {} {} {}", connect.app, connect.args, connect.is_publisher)
                }
                server::Event::Publish(publish) => {
                    self.server.begin_publishing(SETTINGS.limits);
                    let code = (Level::Status, "NetStream.Publish.Start");
                    self.server.write_status(out, publish.msid, code, "");
                    format!("publish {} {}", publish.name, publish.args)
                }
                server::Event::Play(play) => {
                    self.server.write_status(out, play.msid, (Level::Status, "NetStream.Play.Start"), "");
                    format!("play {} {} {:?} {:?}", play.name, play.args, play.start, play.duration)
                }
                server::Event::HandshakeDone => continue,
                other => format!("{other:?}"),
            });
        }
    }
}

#[test]
fn it_publishes_to_the_server_s_own_session() {
    let mut pair = Pair::new(Purpose::Publish);
    pair.run();
    let expected = [
        "client HandshakeDone",
        "connect live token=t0ken true",
        "publish cam key=se-cret",
        "client Began(1)",
    ];
    assert_eq!(pair.events, expected);
    assert_eq!(pair.client.message_stream(), Some(1));
    pair.client.unpublish(&mut pair.to_server);
    pair.run();
    assert_eq!(pair.events[4..], ["Stop(Published(\"cam\"))", "Stop(Stream(1))"]);
}

#[test]
fn it_plays_from_the_server_s_own_session() {
    let mut pair = Pair::new(PLAY);
    pair.run();
    let expected = [
        "client HandshakeDone",
        "connect live token=t0ken false",
        "play cam key=se-cret Some(-1000) None",
        "client Began(1)",
    ];
    assert_eq!(pair.events, expected);
    pair.client.unpublish(&mut pair.to_server);
    pair.run();
    assert_eq!(pair.events[4..], ["Stop(Stream(1))"]);
}
