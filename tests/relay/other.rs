//! The other server of a relay, made by hand.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use millstream::media::amf::{Object, Value, amf0};
use millstream::rtmp::message::MessageType;
use rustls::ServerConfig;

use crate::common::media::Packet;
use crate::common::raw::Raw;
use crate::common::tls::certificates::{Certificates, HERE, Wanted};
use crate::common::tls::transport::serving;
use crate::common::{SOON, until};

/// Where a server by hand listens.
pub struct Other {
    listener: TcpListener,
    tls: Option<(Arc<ServerConfig>, Certificates)>,
}

/// One of its connections: the relay is a client of it.
pub struct Guest {
    pub raw: Raw,
    /// The object of its connect.
    pub connect: Object,
}

impl Other {
    pub fn new() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap())
    }

    pub fn at(address: SocketAddr) -> Self {
        let listener = until("the address is free", SOON, || TcpListener::bind(address).ok());
        listener.set_nonblocking(true).unwrap();
        Self { listener, tls: None }
    }

    /// One of RTMPS.
    pub fn over_tls() -> Self {
        let certificates = Certificates::empty();
        certificates.sign(&Wanted::new("server", HERE));
        Self { tls: Some((serving(&certificates), certificates)), ..Self::new() }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// The certificates of one of RTMPS.
    pub fn certificates(&self) -> &Certificates {
        &self.tls.as_ref().unwrap().1
    }

    /// The next connection, of which nothing has been read.
    pub fn accept(&self) -> Raw {
        self.accept_within(SOON).expect("the relay connects")
    }

    pub fn accept_within(&self, limit: Duration) -> Option<Raw> {
        let deadline = std::time::Instant::now() + limit;
        while std::time::Instant::now() < deadline {
            if let Ok((stream, _)) = self.listener.accept() {
                stream.set_nonblocking(false).unwrap();
                return Some(Raw::accepted(stream, self.tls.as_ref().map(|(config, _)| config)).unwrap());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        None
    }

    /// The next connection with its connect, which is not answered yet.
    pub fn connecting(&self) -> Guest {
        let mut raw = self.accept();
        raw.serve_handshake();
        let message = raw.message_of(MessageType::CommandAmf0);
        let values = amf0::decode(message.payload()).unwrap();
        assert_eq!(values[..2], ["connect".into(), 1.0.into()]);
        Guest { raw, connect: values[2].as_object().unwrap().clone() }
    }

    /// The next connection, whose connect is granted.
    pub fn connected(&self) -> Guest {
        let mut guest = self.connecting();
        guest.grant_connect();
        guest
    }

    /// The next connection, and the stream that it publishes; granted.
    pub fn published(&self) -> (Guest, String) {
        let mut guest = self.connected();
        let name = guest.await_publish();
        guest.status(1, "status", "NetStream.Publish.Start", "");
        (guest, name)
    }

    /// The next connection, and the stream that it plays; granted.
    pub fn played(&self) -> (Guest, String) {
        let mut guest = self.connected();
        let name = guest.await_play();
        guest.status(1, "status", "NetStream.Play.Start", "");
        (guest, name)
    }
}

impl Guest {
    pub fn grant_connect(&mut self) {
        let server = Object::default().with("fmsVer", "FMS/3,5,3,824").with("capabilities", 127.0);
        let info = status("status", "NetConnection.Connect.Success", "Connection succeeded.");
        self.raw.command("_result", 1.0, 0, &[Value::Object(server), Value::Object(info)]);
    }

    /// The next command, with its message stream: name, transaction, and the values behind the command object.
    pub fn command(&mut self) -> (String, f64, Vec<Value>) {
        let message = self.raw.message_of(MessageType::CommandAmf0);
        let mut values = amf0::decode(message.payload()).unwrap();
        let rest = values.split_off(3.min(values.len()));
        (values[0].as_str().unwrap().to_owned(), values[1].as_number().unwrap(), rest)
    }

    /// Answers what comes before the publish; its name. It is not granted yet.
    pub fn await_publish(&mut self) -> String {
        self.await_command("publish")
    }

    /// The same for a play.
    pub fn await_play(&mut self) -> String {
        self.await_command("play")
    }

    fn await_command(&mut self, wanted: &str) -> String {
        loop {
            let (name, transaction, values) = self.command();
            match name.as_str() {
                "createStream" => self.create_stream(transaction),
                "releaseStream" | "_checkbw" => self.result(transaction, Value::Undefined),
                "FCPublish" => self.notice("onFCPublish", "NetStream.Publish.Start"),
                _ if name == wanted => return values[0].as_str().unwrap().to_owned(),
                other => panic!("{other} in place of {wanted}"),
            }
        }
    }

    pub fn create_stream(&mut self, transaction: f64) {
        self.result(transaction, 1.0.into());
    }

    pub fn result(&mut self, transaction: f64, value: Value) {
        self.raw.command("_result", transaction, 0, &[Value::Null, value]);
    }

    pub fn error(&mut self, transaction: f64, code: &str, description: &str) {
        let info = status("error", code, description);
        self.raw.command("_error", transaction, 0, &[Value::Null, Value::Object(info)]);
    }

    pub fn notice(&mut self, name: &str, code: &str) {
        let info = status("status", code, "");
        self.raw.command(name, 0.0, 0, &[Value::Null, Value::Object(info)]);
    }

    pub fn status(&mut self, msid: u32, level: &str, code: &str, description: &str) {
        let info = status(level, code, description);
        self.raw.command("onStatus", 0.0, msid, &[Value::Null, Value::Object(info)]);
    }

    /// The next packet of media; `None` at the end of the connection.
    pub fn packet(&mut self) -> Option<Packet> {
        loop {
            let message = self.raw.message()?;
            let payload = message.payload().to_vec();
            match message.type_id {
                8 | 9 => {
                    return Some(Packet { kind: message.type_id, timestamp: message.timestamp, payload });
                }
                _ => {}
            }
        }
    }

    pub fn packets(&mut self, count: usize) -> Vec<Packet> {
        (0..count).map(|_| self.packet().expect("the push goes on")).collect()
    }

    /// The names of commands up to the end of the connection.
    pub fn last_commands(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(message) = self.raw.message() {
            if message.type_id == MessageType::CommandAmf0 as u8 {
                let values = amf0::decode(message.payload()).unwrap();
                names.push(values[0].as_str().unwrap().to_owned());
            }
        }
        names
    }
}

fn status(level: &str, code: &str, description: &str) -> Object {
    Object::default().with("level", level).with("code", code).with("description", description)
}
