//! A client that nobody here wrote: rml_rtmp, as publisher and as player.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use rml_rtmp::sessions::{
    ClientSession, ClientSessionConfig, ClientSessionEvent as Event, ClientSessionResult as Outcome,
    PublishRequestType,
};
use rml_rtmp::time::RtmpTimestamp;

use super::media::Packet;
use super::tls::transport::{Pipe, Target};
use super::{SOON, hang_up};

const UNAUTHORIZED: &str = "NetStream.Publish.Unauthorized";
const DENIED: &str = "NetStream.Publish.Denied";

/// A connected client.
pub struct Client {
    pipe: Pipe,
    session: ClientSession,
    events: VecDeque<Event>,
    is_over: bool,
}

impl Client {
    /// Its end of the connection.
    pub fn address(&self) -> SocketAddr {
        self.pipe.tcp().local_addr().unwrap()
    }

    /// Shakes hands, with a digest, and asks for the application; the refusal's description is the error.
    pub fn connect(target: impl Into<Target>, app: &str) -> Result<Self, String> {
        let target = target.into();
        let stream = TcpStream::connect(target.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.set_write_timeout(Some(SOON)).unwrap();
        let mut pipe = Pipe::over(stream, &target);
        let rest = shake_hands(&mut pipe);
        let (session, first) = ClientSession::new(ClientSessionConfig::new()).unwrap();
        let mut client = Self { pipe, session, events: VecDeque::new(), is_over: false };
        client.act(first);
        client.take(&rest);
        let request = client.session.request_connection(app.to_owned()).unwrap();
        client.act(vec![request]);
        match client.next(SOON) {
            Some(Event::ConnectionRequestAccepted) => Ok(client),
            Some(Event::ConnectionRequestRejected { description }) => {
                // The reason comes once more, for clients that overlook it here.
                let again =
                    Event::UnhandleableOnStatusCode { code: "NetConnection.Connect.InvalidApp".into() };
                assert_eq!(client.next(SOON), Some(again));
                assert_eq!(client.next(SOON), None, "a refusal is followed by the end");
                Err(description)
            }
            other => panic!("connect: {other:?}"),
        }
    }

    /// Connects to `live` and asks to publish; the status code of a refusal is the error.
    pub fn try_publish(target: impl Into<Target>, app: &str, name: &str) -> Result<Self, String> {
        let mut client = Self::connect(target, app).unwrap();
        let request = client.session.request_publishing(name.to_owned(), PublishRequestType::Live).unwrap();
        client.act(vec![request]);
        client.expect(&Event::PublishRequestAccepted)?;
        Ok(client)
    }

    /// Publishes `live/NAME`.
    pub fn publish(target: impl Into<Target>, name: &str) -> Self {
        Self::try_publish(target, "live", name).unwrap()
    }

    /// Asks to play; the status code of a refusal is the error.
    pub fn try_play(target: impl Into<Target>, app: &str, name: &str) -> Result<Self, String> {
        let mut client = Self::connect(target, app).unwrap();
        let request = client.session.request_playback(name.to_owned()).unwrap();
        client.act(vec![request]);
        client.expect(&Event::PlaybackRequestAccepted)?;
        Ok(client)
    }

    /// Plays `live/NAME`.
    pub fn play(target: impl Into<Target>, name: &str) -> Self {
        Self::try_play(target, "live", name).unwrap()
    }

    fn expect(&mut self, event: &Event) -> Result<(), String> {
        loop {
            match self.next(SOON) {
                Some(found) if found == *event => return Ok(()),
                Some(Event::UnhandleableOnStatusCode { code }) => {
                    // A publisher that is not authorized gets a second status, which OBS shows.
                    let denied = Event::UnhandleableOnStatusCode { code: DENIED.to_owned() };
                    let last = self.next(SOON).filter(|event| *event != denied || code != UNAUTHORIZED);
                    let last = last.or_else(|| self.next(SOON));
                    assert_eq!(last, None, "a refusal is followed by the end");
                    return Err(code);
                }
                Some(Event::UnknownTransactionResultReceived { .. }) => {}
                other => panic!("expected {event:?}, not {other:?}"),
            }
        }
    }

    /// Sends a packet of media.
    pub fn send(&mut self, packet: &Packet) {
        let (data, time) = (packet.payload.clone().into(), RtmpTimestamp::new(packet.timestamp));
        let message = match packet.kind {
            8 => self.session.publish_audio_data(data, time, false),
            _ => self.session.publish_video_data(data, time, false),
        };
        self.act(vec![message.unwrap()]);
    }

    /// Sends packets as fast as they go. Nothing is read meanwhile.
    pub fn send_all(&mut self, packets: &[Packet]) {
        packets.iter().for_each(|packet| self.send(packet));
    }

    /// Sends metadata that says how wide the picture is.
    pub fn send_metadata(&mut self, width: u32) {
        let mut metadata = rml_rtmp::sessions::StreamMetadata::new();
        metadata.video_width = Some(width);
        let message = self.session.publish_metadata(&metadata).unwrap();
        self.act(vec![message]);
    }

    /// Ends what is published, as its user would, and stays connected. The files of the stream are
    /// finished when this returns.
    pub fn finish(&mut self) {
        let messages = self.session.stop_publishing().unwrap();
        self.act(messages);
        let done = Event::UnhandleableOnStatusCode { code: "NetStream.Unpublish.Success".to_owned() };
        while self.next(SOON).expect("an answer") != done {}
    }

    /// Receives so many packets of media.
    pub fn receive(&mut self, count: usize) -> Vec<Packet> {
        (0..count).map(|_| self.packet().expect("the stream goes on")).collect()
    }

    /// Receives packets up to the end of the connection.
    pub fn receive_rest(&mut self) -> Vec<Packet> {
        std::iter::from_fn(|| self.packet()).collect()
    }

    /// The next packet of media; `None` at the end of the connection.
    pub fn packet(&mut self) -> Option<Packet> {
        self.packet_within(SOON)
    }

    /// The same, with a limit of its own to the wait.
    pub fn packet_within(&mut self, limit: Duration) -> Option<Packet> {
        loop {
            match self.next(limit)? {
                Event::AudioDataReceived { timestamp, data } => {
                    return Some(Packet::audio(timestamp.value, data.to_vec()));
                }
                Event::VideoDataReceived { timestamp, data } => {
                    return Some(Packet::video(timestamp.value, data.to_vec()));
                }
                _ => {}
            }
        }
    }

    /// Waits for metadata and returns the width it says.
    pub fn metadata_width(&mut self) -> Option<u32> {
        loop {
            if let Event::StreamMetadataReceived { metadata } = self.next(SOON)? {
                return metadata.video_width;
            }
        }
    }

    /// True if nothing comes for a moment, while the connection stays.
    pub fn is_quiet(&mut self, moment: Duration) -> bool {
        let deadline = Instant::now() + moment;
        while self.events.is_empty() && !self.is_over {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.read(left) {
                return true;
            }
        }
        false
    }

    /// The next event; `None` at the end of the connection.
    fn next(&mut self, limit: Duration) -> Option<Event> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && self.read(left), "nothing comes within {limit:?}");
        }
    }

    /// Reads once; false if nothing came in time.
    fn read(&mut self, limit: Duration) -> bool {
        let mut buffer = [0; 16 * 1024];
        self.pipe.tcp().set_read_timeout(Some(limit)).unwrap();
        match self.pipe.read_once(&mut buffer) {
            Ok(0) => self.is_over = true,
            Ok(count) => self.take(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return false;
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => self.is_over = true,
            Err(error) => panic!("{error}"),
        }
        true
    }

    fn take(&mut self, bytes: &[u8]) {
        let outcomes = self.session.handle_input(bytes).unwrap();
        self.act(outcomes);
    }

    fn act(&mut self, outcomes: Vec<Outcome>) {
        for outcome in outcomes {
            match outcome {
                Outcome::OutboundResponse(packet) => {
                    // The server may have hung up already; reading will tell.
                    let _ = self.pipe.write_all(&packet.bytes).and_then(|()| self.pipe.flush());
                }
                Outcome::RaisedEvent(event) => self.events.push_back(event),
                Outcome::UnhandleableMessageReceived(_) => {}
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        hang_up(self.pipe.tcp());
    }
}

/// Returns what came after the handshake.
fn shake_hands(pipe: &mut Pipe) -> Vec<u8> {
    let mut handshake = Handshake::new(PeerType::Client);
    pipe.write_all(&handshake.generate_outbound_p0_and_p1().unwrap()).unwrap();
    let mut buffer = [0; 4096];
    loop {
        let count = pipe.read_once(&mut buffer).unwrap();
        assert_ne!(count, 0, "hung up in the handshake");
        match handshake.process_bytes(&buffer[..count]).unwrap() {
            HandshakeProcessResult::InProgress { response_bytes } => {
                pipe.write_all(&response_bytes).unwrap();
            }
            HandshakeProcessResult::Completed { response_bytes, remaining_bytes } => {
                pipe.write_all(&response_bytes).unwrap();
                return remaining_bytes;
            }
        }
    }
}

/// Sends packets and lets every player receive each batch before the next goes out, so that no queue
/// overflows; returns what each player got.
pub fn relay(publisher: &mut Client, players: &mut [Client], packets: &[Packet]) -> Vec<Vec<Packet>> {
    let mut received = vec![Vec::new(); players.len()];
    for batch in packets.chunks(32) {
        publisher.send_all(batch);
        for (player, received) in players.iter_mut().zip(&mut received) {
            received.extend(player.receive(batch.len()));
        }
    }
    received
}
