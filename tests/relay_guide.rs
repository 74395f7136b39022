//! What docs/relay.md says is so: its directory works, and the reasons that the log has are those that it lists.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::common::media::both;
use crate::common::player::Client;
use crate::common::{Folder, Server, free_port, wait};

const GUIDE: &str = include_str!("../docs/relay.md");

/// A program that ends with the value.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The directory of the guide, which listens there and says that `cam` lives at a URL.
fn directory(folder: &Folder, port: u16, url: &str) -> Program {
    let (_, rest) = GUIDE.split_once("A directory in a few lines of Python:\n").unwrap();
    let lines: Vec<_> = rest
        .lines()
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with("    "))
        .map(|line| line.strip_prefix("    ").unwrap_or_default())
        .collect();
    let text = lines.join("\n").replace("8000", &port.to_string()).replace("rtmp://10.0.0.7/live/cam", url);
    let mut command = Command::new("python3");
    command.arg(folder.write("directory.py", text)).stdin(Stdio::null()).stderr(Stdio::null());
    let program = Program(command.spawn().unwrap());
    wait("the directory", || TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).is_ok());
    program
}

#[test]
fn the_directory_of_the_guide_says_where_a_stream_is_played_from() {
    let (folder, port) = (Folder::new(), free_port());
    let origin = Server::live("");
    let _directory = directory(&folder, port, &format!("rtmp://{}/live/cam", origin.rtmp()));
    let server =
        Server::live(&format!("origin_lookup http://127.0.0.1:{port}/where; relay_allow 127.0.0.0/8;"));
    let mut publisher = Client::publish(origin.rtmp(), "cam");
    publisher.send_all(&both(0, 2000));
    let mut player = Client::play(server.rtmp(), "cam");
    assert!(player.receive(10).iter().any(|packet| packet.kind == 9));
    server.wait_log("live/cam <- 127.0.0.1");
    // What the directory does not know lives here.
    let _here = Client::publish(server.rtmp(), "other");
    server.wait_log("publish live/other");
    assert_eq!(server.lines("live/other ->"), Vec::<String>::new());
}

/// The reasons in the table of what does not work: the texts in backquotes in its first column.
fn listed() -> Vec<&'static str> {
    let (_, rest) = GUIDE.split_once("\n## If it does not work\n").unwrap();
    let rows =
        rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = rows.skip(2).filter_map(|row| row.split('|').nth(1));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn the_reasons_in_the_log_are_those_of_the_guide() {
    let other = Server::start(
        "rtmp { server { listen 127.0.0.1:0; application live { live on; publish_key right-0123456789; } } }
         http { server { listen 127.0.0.1:0; location / { return 204; } } }",
    );
    let (rtmp, http, closed) = (other.rtmp().port(), other.http().port(), free_port());
    let server = Server::live(&format!(
        "push_reconnect 100ms;
         push rtmp://127.0.0.1:{closed}/live/s3cr3t; push rtmp://no-such-name.invalid/live/s3cr3t;
         push rtmp://127.0.0.1:{http}/live/s3cr3t; push rtmps://127.0.0.1:{rtmp}/live/s3cr3t;
         push rtmp://127.0.0.1:{rtmp}/none/s3cr3t; push rtmp://127.0.0.1:{rtmp}/live/s3cr3t;
         push rtmp://127.0.0.1:{rtmp}/live/$arg_yt;"
    ));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 2000));
    server.wait_log("needs the argument \"yt\", which the client has not sent");
    server.wait_lines("next try in", 6);
    let listed = listed();
    for reason in [
        "connection refused",
        "is not known",
        "does not speak RTMP",
        "the connection was closed during the TLS handshake",
        "NetConnection.Connect.Rejected",
        "NetStream.Publish.Unauthorized",
    ] {
        server.wait_log(reason);
        assert!(listed.iter().any(|listed| listed.contains(reason)), "{reason} is none of {listed:?}");
    }
}
