//! Callbacks over real sockets: backends that are slow, wrong or away, clients that do not wait, and what both see.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod broken;
mod connections;
mod formats;
mod names;
mod reports;
mod tls;
mod viewers;
mod waiting;

use std::sync::{Arc, Condvar, Mutex};

use crate::common::Server;
use crate::common::media::{FRAME, Packet, video_frame, video_header};
use crate::common::player::Client;
use crate::common::raw::Raw;

const UNAUTHORIZED: &str = "NetStream.Publish.Unauthorized";
const DENIED: &str = "NetStream.Publish.Denied";
const BAD_NAME: &str = "NetStream.Publish.BadName";
const PLAY_FAILED: &str = "NetStream.Play.Failed";
const PUBLISH_START: &str = "NetStream.Publish.Start";

/// What a client is told if its backend gives no answer.
const NOT_ASKED: &str = "the server cannot ask its backend now; try again soon";

/// A server with these directives for `live` and around it, and another port whose application `free` asks nobody.
fn server(of_server: &str, of_live: &str) -> Server {
    Server::start(&configuration(of_server, of_live))
}

fn configuration(of_server: &str, of_live: &str) -> String {
    format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; {of_server}
             application live {{ live on; {of_live} }} }}
         server {{ listen 127.0.0.1:0; application free {{ live on; }} }} }}"
    )
}

/// A publisher and a player of a server, whom no callback concerns.
struct Others {
    publisher: Client,
    player: Client,
    frames: u32,
}

impl Others {
    fn new(server: &Server) -> Self {
        let player = Client::try_play(server.rtmp[1], "free", "others").unwrap();
        let publisher = Client::try_publish(server.rtmp[1], "free", "others").unwrap();
        let mut others = Self { publisher, player, frames: 0 };
        others.send(&[video_header(0), video_frame(0, true, 500)]);
        others
    }

    /// What one publishes now, the other plays now.
    fn go_on(&mut self) {
        for _ in 0..5 {
            self.frames += 1;
            self.send(&[video_frame(self.frames * FRAME, self.frames.is_multiple_of(5), 500)]);
        }
    }

    fn send(&mut self, packets: &[Packet]) {
        self.publisher.send_all(packets);
        assert_eq!(self.player.receive(packets.len()), packets);
    }
}

/// The code and the text of a refusal, behind which the connection ends.
fn refusal(raw: &mut Raw) -> (String, String) {
    let (code, why) = raw.status();
    if code == UNAUTHORIZED {
        assert_eq!(raw.status(), (DENIED.to_owned(), why.clone()), "once more, for OBS");
    }
    raw.expect_end();
    (code, why)
}

/// The refusal of a publish of `live/NAME`.
fn refused(server: &Server, name: &str) -> (String, String) {
    let mut raw = Raw::connected(server.rtmp(), "live");
    raw.publish(name);
    refusal(&mut raw)
}

/// Looks for the one line of the log about a refusal, and that the arguments of clients are nowhere in the log. The
/// arguments are those of [`SECRET`].
fn assert_logged(server: &Server, request: &str, why: &str) {
    server.wait_log(&format!(" closed: {request} refused: {why} ("));
    server.expect_lines(&format!(" {request} refused: "), 1);
    assert!(!server.log().contains("s3cret"), "{}", server.log());
}

/// Arguments that no log may show, of clients and of URLs.
const SECRET: &str = "?key=s3cret";

/// Something that a backend waits for, and that the test lets happen.
#[derive(Clone, Default)]
struct Go(Arc<(Mutex<bool>, Condvar)>);

impl Go {
    fn now(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let waiting = self.0.1.wait_while(self.0.0.lock().unwrap(), |may_go| !*may_go);
        drop(waiting.unwrap());
    }
}
