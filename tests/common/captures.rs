//! The captures of `tests/captures`, what must come of each, and what has come of it.

use std::path::Path;

use m3u8_rs::MediaPlaylist;
use millstream::media::amf::Value;
use millstream::rtmp::message::MessageType;

use super::Server;
use super::flv;
use super::hls::playlist;
use super::http::get;
use super::media::Packet;
use super::raw::Raw;

/// The name of a capture's codec in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it is in the file: AVC by FLV's number, HEVC as Enhanced RTMP has it.
    AsItIs,
    /// HEVC by the number that some encoders have agreed on, 12.
    Legacy,
}

/// A capture, and what a decoder must make of it.
pub struct Capture {
    /// The file's name, and the form if that is another: what it is published as.
    pub name: String,
    pub packets: Vec<Packet>,
    /// The pictures of each size, in order: how many, and the size as in "160x90".
    pub pictures: Vec<(usize, String)>,
    /// Frames of sound.
    pub sound: usize,
    /// MD5 of all decoded pictures.
    pub digest: String,
}

impl Capture {
    /// Reads a capture, and what `decoded.txt` says of it.
    pub fn read(name: &str, form: Form) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
        let mut packets = flv::packets(&flv::read(&folder.join(format!("{name}.flv"))));
        if form == Form::Legacy {
            packets.iter_mut().for_each(number_hevc);
        }
        let text = std::fs::read_to_string(folder.join("decoded.txt")).unwrap();
        let line = text.lines().find(|line| line.split(' ').next() == Some(name)).expect("a line for it");
        let words: Vec<&str> = line.split(' ').collect();
        let pictures = words[1].split(',').map(|part| part.split_once('*').unwrap());
        Self {
            name: format!("{name}{}", if form == Form::Legacy { "-12" } else { "" }),
            packets,
            pictures: pictures.map(|(count, size)| (count.parse().unwrap(), size.to_owned())).collect(),
            sound: words[2].parse().unwrap(),
            digest: words[3].to_owned(),
        }
    }

    /// These captures; those of HEVC in both forms.
    pub fn all(names: &[&str]) -> Vec<Self> {
        let forms = |name: &str| {
            if name.starts_with("hevc") { &[Form::AsItIs, Form::Legacy][..] } else { &[Form::AsItIs] }
        };
        names.iter().flat_map(|name| forms(name).iter().map(|&form| Self::read(name, form))).collect()
    }

    /// The number of pictures.
    pub fn count(&self) -> usize {
        self.pictures.iter().map(|(count, _)| count).sum()
    }

    /// FFmpeg 5.1 knows its picture in FLV.
    pub fn is_known_in_flv(&self) -> bool {
        !self.name.starts_with("hevc")
    }
}

/// An Enhanced RTMP message of HEVC as one with FLV's number 12.
fn number_hevc(packet: &mut Packet) {
    if packet.kind == 9 {
        let first = packet.payload[0];
        let head = match first & 0xf {
            0 => vec![first & 0x70 | 12, 0, 0, 0, 0],
            _ => [&[first & 0x70 | 12, 1], &packet.payload[5..8]].concat(),
        };
        let body = if first & 0xf == 0 { 5 } else { 8 };
        packet.payload.splice(..body, head);
    }
}

/// The results of a broadcast.
pub struct Outcome {
    /// The packets of a player that was there before.
    pub early: Vec<Packet>,
    /// The packets of a player that came in the middle.
    pub late: Vec<Packet>,
    pub recorded: Vec<Packet>,
    pub list: MediaPlaylist,
}

/// The moment of the media at which the late player comes: in the middle of the third group of pictures.
const MIDDLE: u32 = 2500;

/// Publishes packets as fast as they go, to players, a recording and HLS.
pub fn broadcast(server: &Server, name: &str, packets: &[Packet]) -> Outcome {
    let mut early = play(server, name);
    let mut publisher = publish(server, name);
    let middle = packets.iter().position(|packet| packet.kind == 9 && packet.timestamp >= MIDDLE).unwrap();
    packets[..middle].iter().for_each(|packet| publisher.send_packet(packet));
    let mut received = receive(&mut early, Some(&packets[middle - 1]));
    let mut late = play(server, name);
    packets[middle..].iter().for_each(|packet| publisher.send_packet(packet));
    finish(&mut publisher);
    received.extend(receive(&mut early, None));
    let list = get(server.http(), &format!("/hls/{name}.m3u8"));
    assert_eq!(list.status, 200, "there is no HLS of {name}");
    Outcome {
        early: received,
        late: receive(&mut late, None),
        recorded: flv::packets(&flv::read(&server.folder.join(format!("rec/{name}.flv")))),
        list: playlist(&list.body),
    }
}

/// Begins to publish.
pub fn publish(server: &Server, name: &str) -> Raw {
    let mut publisher = Raw::connected(server.rtmp(), "live");
    publisher.publish(name);
    assert_eq!(publisher.status().0, "NetStream.Publish.Start");
    publisher
}

/// Ends what is published; its files are finished when this returns.
pub fn finish(publisher: &mut Raw) {
    publisher.command("deleteStream", 0.0, 0, &[Value::Null, 1.0.into()]);
    assert_eq!(publisher.status().0, "NetStream.Unpublish.Success");
}

/// Begins to play.
fn play(server: &Server, name: &str) -> Raw {
    let mut player = Raw::connected(server.rtmp(), "live");
    player.play(name);
    while player.status().0 != "NetStream.Play.Start" {}
    player
}

/// The packets that a player gets, up to this one or to the end of the stream.
fn receive(player: &mut Raw, last: Option<&Packet>) -> Vec<Packet> {
    let mut packets = Vec::new();
    loop {
        let message = player.message().expect("the connection goes on");
        let (kind, payload) = (message.type_id, message.payload().to_vec());
        if kind == MessageType::UserControl as u8 && payload.starts_with(&[0, 1]) {
            return packets;
        }
        if kind == MessageType::Audio as u8 || kind == MessageType::Video as u8 {
            packets.push(Packet { kind, timestamp: message.timestamp, payload });
            if packets.last() == last {
                return packets;
            }
        }
    }
}
