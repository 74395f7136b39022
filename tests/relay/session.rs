//! The client's session alone, without the engine, to and from servers that nobody here wrote: nginx-rtmp and ffmpeg.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use millstream::rtmp::chunk::{Chunking, Extended, ExtendedHabit, Limits, write_message};
use millstream::rtmp::client::{Ask, ClientSession, Event, Purpose};
use millstream::rtmp::message::MessageType;
use millstream::rtmp::server::Settings;

use crate::common::media::{self, Packet};
use crate::common::nginx::Nginx;
use crate::common::player::Client;
use crate::common::{Folder, SOON, Server, ffmpeg, free_port, not_tested, until};

/// The module of nginx, where Debian has it.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

const SETTINGS: Settings = Settings {
    chunking: Chunking { size: 4096, extended: Extended::Repeated },
    ack_window: 5_000_000,
    extended_habit: ExtendedHabit::Unknown,
    limits: Limits { message: 8 << 20, streams: 32, held: 16 << 20 },
};

/// A client's session with a socket.
struct Peer {
    stream: TcpStream,
    session: ClientSession,
    input: Vec<u8>,
}

impl Peer {
    fn connect(address: SocketAddr, stream: &str, purpose: Purpose) -> Self {
        let ask = Ask {
            app: "live".to_owned(),
            tc_url: format!("rtmp://{address}/live"),
            page_url: String::new(),
            swf_url: String::new(),
            flash_ver: "FMLE/3.0 (compatible; test)".to_owned(),
            auth: String::new(),
            path: "0123456789abcdef".to_owned(),
            stream: stream.to_owned(),
            purpose,
        };
        let stream = until("the server listens", SOON, || TcpStream::connect(address).ok());
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut peer = Self { stream, session: ClientSession::new(ask, &SETTINGS, 5), input: Vec::new() };
        let mut out = Vec::new();
        peer.session.begin(&mut out);
        peer.stream.write_all(&out).unwrap();
        peer
    }

    /// The next event but for the quiet ones; none at the end of the connection.
    fn event(&mut self) -> Option<Event> {
        let deadline = Instant::now() + SOON;
        loop {
            let (mut rest, mut out) = (&self.input[..], Vec::new());
            let event = self.session.next(&mut rest, &mut out).unwrap();
            self.input = rest.to_vec();
            self.stream.write_all(&out).unwrap();
            match event {
                Some(Event::HandshakeDone | Event::Nothing) => continue,
                Some(event) => return Some(event),
                None => {}
            }
            assert!(Instant::now() < deadline, "nothing comes");
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.input.extend(&buffer[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn begun(mut self) -> Self {
        match self.event() {
            Some(Event::Began(1)) => self,
            other => panic!("{other:?}"),
        }
    }

    fn send_all(&mut self, packets: &[Packet]) {
        let mut bytes = Vec::new();
        for packet in packets {
            let kind = if packet.kind == 8 { MessageType::Audio } else { MessageType::Video };
            let header = (kind, 1, packet.timestamp);
            write_message(&mut bytes, SETTINGS.chunking, packet.kind - 2, header, &packet.payload);
        }
        self.stream.write_all(&bytes).unwrap();
    }

    /// The payloads of the next frames.
    fn payloads(&mut self, count: usize) -> Vec<Vec<u8>> {
        let frames = std::iter::from_fn(|| self.event()).filter_map(|event| match event {
            Event::Frame(frame) if matches!(frame.kind.type_id(), 8 | 9) => Some(frame.payload().to_vec()),
            _ => None,
        });
        frames.take(count).collect()
    }

    fn finish(mut self) {
        let mut out = Vec::new();
        self.session.unpublish(&mut out);
        self.stream.write_all(&out).unwrap();
    }
}

const PLAY: Purpose = Purpose::Play { start: -1000, duration: -1000, buffer: 5000 };

fn travels_over(address: SocketAddr) {
    let mut peer = Peer::connect(address, "cam", Purpose::Publish).begun();
    let mut player = Client::play(address, "cam");
    let packets = media::video_only(0, 2000);
    peer.send_all(&packets);
    assert_eq!(player.receive(packets.len()), packets);
    peer.finish();
    let mut peer = Peer::connect(address, "cam2", PLAY).begun();
    let mut publisher = Client::publish(address, "cam2");
    publisher.send_all(&packets);
    let received = peer.payloads(packets.len());
    assert!(received.iter().eq(packets.iter().map(|packet| &packet.payload)));
    peer.finish();
}

#[test]
fn it_publishes_to_and_plays_from_nginx_rtmp() {
    if !Path::new(MODULE).exists() {
        return not_tested("nginx-rtmp is not installed");
    }
    let (folder, address) = (Folder::new(), SocketAddr::from(([127, 0, 0, 1], free_port())));
    let text = format!(
        "load_module {MODULE}; events {{}} rtmp {{ server {{ listen {address}; application live {{ live on; }} }} }}"
    );
    let Some(_nginx) = Nginx::start(&folder, &text, address) else {
        return not_tested("nginx is not installed");
    };
    travels_over(address);
    // Of two publishers nginx refuses the second.
    let _first = Peer::connect(address, "cam3", Purpose::Publish).begun();
    match Peer::connect(address, "cam3", Purpose::Publish).event() {
        Some(Event::Refused { code, .. }) => assert_eq!(code, "NetStream.Publish.BadName"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_publishes_to_and_plays_from_this_server() {
    travels_over(Server::live("").rtmp());
}

#[test]
fn it_publishes_to_and_plays_from_ffmpeg() {
    let folder = Folder::new();
    let source = ffmpeg::encode(&folder, ffmpeg::Tracks::Both, 2);
    let (address, file) = (SocketAddr::from(([127, 0, 0, 1], free_port())), folder.join("got.flv"));
    let url = format!("rtmp://{address}/live/cam");
    let mut command = ffmpeg::command();
    command.args(["-listen", "1", "-f", "flv", "-i", &url, "-c", "copy"]).arg(&file).stderr(Stdio::piped());
    let listener = ffmpeg::spawn(&mut command);
    let mut peer = Peer::connect(address, "cam", Purpose::Publish).begun();
    peer.send_all(&source);
    peer.finish();
    let output = listener.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ffmpeg::decode(file.to_str().unwrap());

    // ffmpeg as a server sends what it has to its first player.
    let (address, own) = (SocketAddr::from(([127, 0, 0, 1], free_port())), folder.join("got.flv"));
    let url = format!("rtmp://{address}/live/cam");
    let mut command = ffmpeg::command();
    command.args(["-re", "-i"]).arg(&own).args(["-c", "copy", "-f", "flv", "-listen", "1", &url]);
    let mut server = ffmpeg::spawn(&mut command);
    let mut peer = Peer::connect(address, "cam", PLAY).begun();
    let payloads = peer.payloads(40);
    assert!(payloads.iter().all(|payload| source.iter().any(|packet| packet.payload == *payload)));
    let _ = server.kill();
    let _ = server.wait();
}
