//! What a callback tells a backend: the event, the client, and the fields that nginx-rtmp's callbacks have for both.
//!
//! The names and the order of the fields are those of nginx-rtmp 1.2.2. The formats `form` and `json` have these
//! fields; `srs` and `mediamtx` have others, which they take from the same facts.

use std::borrow::Cow;
use std::time::Duration;

use crate::engine::PublishType;

use super::facts::ClientFacts;

/// Something that a backend is asked about or told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A client wants to connect.
    Connect,
    /// A client has gone.
    Disconnect {
        /// Bytes that it has sent to the server.
        bytes_in: u64,
        /// Bytes that the server has sent to it.
        bytes_out: u64,
    },
    /// A client wants to publish.
    Publish {
        /// The publishing type that it asks for.
        kind: PublishType,
    },
    /// A client is about to publish: the servers are asked for to which the stream is pushed.
    Forward,
    /// A client wants to play.
    Play {
        /// The start as the client sends it, 0 if it sends none: -1000 or -1 for a live stream, -2000 or -2 for a live
        /// or a recorded one, else milliseconds.
        start: i64,
        /// The duration as the client sends it, in milliseconds; 0 if it sends none.
        duration: i64,
        /// Whether the play before it is to be forgotten.
        reset: bool,
    },
    /// A publish has ended.
    PublishDone,
    /// A play has ended.
    PlayDone,
    /// A publish or a play has ended.
    Done,
    /// A publish or a play has not ended.
    Update {
        /// Which of the two.
        of: Activity,
        /// The time since the client asked for it, in seconds.
        seconds: u64,
        /// The timestamp of the stream, in milliseconds.
        timestamp_ms: u64,
    },
    /// A recording is finished.
    RecordDone {
        /// The name of its `recorder` block; empty for the application's own recorder.
        recorder: String,
        /// The path of the file.
        path: String,
        /// The length of its media.
        length: Duration,
    },
}

/// The kinds of callbacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallbackKind {
    Connect,
    Disconnect,
    Publish,
    Forward,
    Play,
    PublishDone,
    PlayDone,
    Done,
    RecordDone,
    Update,
}

impl CallbackKind {
    pub const ALL: [Self; 10] = [
        Self::Connect,
        Self::Disconnect,
        Self::Publish,
        Self::Forward,
        Self::Play,
        Self::PublishDone,
        Self::PlayDone,
        Self::Done,
        Self::RecordDone,
        Self::Update,
    ];

    /// The directive.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "on_connect",
            Self::Disconnect => "on_disconnect",
            Self::Publish => "on_publish",
            Self::Forward => "on_forward",
            Self::Play => "on_play",
            Self::PublishDone => "on_publish_done",
            Self::PlayDone => "on_play_done",
            Self::Done => "on_done",
            Self::RecordDone => "on_record_done",
            Self::Update => "on_update",
        }
    }

    /// The callback of an event.
    pub fn of(event: &Event) -> Self {
        match event {
            Event::Connect => Self::Connect,
            Event::Disconnect { .. } => Self::Disconnect,
            Event::Publish { .. } => Self::Publish,
            Event::Forward => Self::Forward,
            Event::Play { .. } => Self::Play,
            Event::PublishDone => Self::PublishDone,
            Event::PlayDone => Self::PlayDone,
            Event::Done => Self::Done,
            Event::Update { .. } => Self::Update,
            Event::RecordDone { .. } => Self::RecordDone,
        }
    }
}

/// What a client does with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// It publishes.
    Publish,
    /// It plays.
    Play,
}

/// An event, and whom and what it is about.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    /// The client.
    pub client: &'a ClientFacts,
    /// The name of the stream; empty for a connect and a disconnect.
    pub name: &'a str,
    /// The arguments behind "?" in the name.
    pub args: &'a str,
    /// The event.
    pub event: &'a Event,
}

/// The name of a field, and its value.
pub type Field<'a> = (&'static str, FieldValue<'a>);

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// A text, which may have any characters.
    Text(Cow<'a, str>),
    /// A number.
    Number(u64),
}

impl Event {
    /// What a viewer asks for: the play of a client that names nothing but the stream.
    pub const OF_VIEWER: Self = Self::Play { start: 0, duration: 0, reset: false };

    /// What a client asks for with it, or does: none if it is about a connection.
    pub fn activity(&self) -> Option<Activity> {
        match self {
            Self::Publish { .. } | Self::Forward | Self::PublishDone | Self::RecordDone { .. } => {
                Some(Activity::Publish)
            }
            Self::Play { .. } | Self::PlayDone => Some(Activity::Play),
            Self::Update { of, .. } => Some(*of),
            Self::Connect | Self::Disconnect { .. } | Self::Done => None,
        }
    }

    /// Whether it is about a client, not about a stream.
    pub fn is_of_connection(&self) -> bool {
        matches!(self, Self::Connect | Self::Disconnect { .. })
    }
}

impl<'a> Occasion<'a> {
    /// The fields that nginx-rtmp has for the event, in its order, without the client's own arguments. A disconnect
    /// has `app` twice.
    pub fn fields(&self) -> Vec<Field<'a>> {
        let name = ("name", self.name.into());
        let rest = match self.event {
            Event::Connect => vec![],
            Event::Disconnect { .. } => vec![("app", self.client.app.as_str().into())],
            Event::Publish { kind } => vec![name, ("type", word(*kind).into())],
            Event::Play { start, duration, reset } => vec![
                name,
                ("start", unsigned(*start)),
                ("duration", unsigned(*duration)),
                ("reset", u64::from(*reset).into()),
            ],
            Event::Forward | Event::PublishDone | Event::PlayDone | Event::Done => vec![name],
            Event::Update { seconds, timestamp_ms, .. } => {
                vec![("time", (*seconds).into()), ("timestamp", (*timestamp_ms).into()), name]
            }
            Event::RecordDone { recorder, path, .. } => {
                vec![("recorder", recorder.as_str().into()), name, ("path", path.as_str().into())]
            }
        };
        let mut fields = self.client_fields();
        fields.push(("call", self.call().into()));
        fields.extend(rest);
        fields
    }

    /// The arguments that the client has given with what the event is about: with the application for a connect and
    /// a disconnect, else with the stream.
    pub fn own_args(&self) -> &'a str {
        if self.event.is_of_connection() { &self.client.args } else { self.args }
    }

    /// The arguments of the whole URL: those behind the stream, or else those behind the application.
    pub fn url_args(&self) -> &'a str {
        if self.args.is_empty() { &self.client.args } else { self.args }
    }

    /// The fields that all events have.
    fn client_fields(&self) -> Vec<Field<'a>> {
        let ClientFacts { app, flash_ver, tc_url, page_url, swf_url, peer, client_id, epoch_ms, .. } =
            self.client;
        let number = match self.event {
            Event::Connect => ("epoch", u64::from(*epoch_ms).into()),
            _ => ("clientid", u64::from(*client_id).into()),
        };
        vec![
            ("app", app.as_str().into()),
            ("flashver", flash_ver.as_str().into()),
            ("swfurl", swf_url.as_str().into()),
            ("tcurl", tc_url.as_str().into()),
            ("pageurl", page_url.as_str().into()),
            ("addr", FieldValue::Text(peer.map(|peer| peer.host()).unwrap_or_default().into())),
            number,
        ]
    }

    /// nginx-rtmp's word for the event.
    fn call(&self) -> &'static str {
        match self.event {
            Event::Connect => "connect",
            Event::Disconnect { .. } => "disconnect",
            Event::Publish { .. } => "publish",
            Event::Forward => "forward",
            Event::Play { .. } => "play",
            Event::PublishDone => "publish_done",
            Event::PlayDone => "play_done",
            Event::Done => "done",
            Event::Update { of: Activity::Publish, .. } => "update_publish",
            Event::Update { of: Activity::Play, .. } => "update_play",
            Event::RecordDone { .. } => "record_done",
        }
    }
}

impl<'a> From<&'a str> for FieldValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<u64> for FieldValue<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

/// A number as nginx-rtmp writes it: of 32 bits and without a sign, so -1 is 4294967295. Backends know it so.
fn unsigned(number: i64) -> FieldValue<'static> {
    u64::from(number as u32).into()
}

/// The word for a publishing type (specification 7.2.2.6).
fn word(publish_type: PublishType) -> &'static str {
    match publish_type {
        PublishType::Live => "live",
        PublishType::Record => "record",
        PublishType::Append => "append",
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::engine::{ClientProtocol, Peer};
    use crate::modules::notify::facts::{Protocol, ServerFacts};

    /// What ffmpeg says of itself, behind `rtmp://192.0.2.1:1935/live?token=t`.
    pub fn client() -> ClientFacts {
        ClientFacts {
            protocol: Protocol::Session(ClientProtocol::Rtmp),
            app: "live".into(),
            flash_ver: "FMLE/3.0 (compatible; Lavf59.27".into(),
            tc_url: "rtmp://192.0.2.1:1935/live".into(),
            page_url: String::new(),
            swf_url: String::new(),
            args: "token=t".into(),
            peer: Some("192.0.2.7:50000".parse::<std::net::SocketAddr>().unwrap().into()),
            client_id: 7,
            epoch_ms: 4_000_000_000,
        }
    }

    /// What hls.js in a web page sends for `http://192.0.2.1:8080/hls/cam.m3u8`.
    pub fn viewer() -> ClientFacts {
        ClientFacts {
            protocol: Protocol::Hls,
            app: "live".into(),
            flash_ver: "Mozilla/5.0".into(),
            tc_url: "http://192.0.2.1:8080/hls/cam.m3u8".into(),
            page_url: "http://192.0.2.1:8080/watch".into(),
            swf_url: String::new(),
            args: String::new(),
            peer: Some("192.0.2.9:50000".parse::<std::net::SocketAddr>().unwrap().into()),
            client_id: 9,
            epoch_ms: 0,
        }
    }

    /// A server with the ids of one that runs SRS, and the folder of SRS's image.
    pub fn server() -> ServerFacts {
        ServerFacts {
            server_id: "vid-y8d385z".into(),
            service_id: "366z1g23".into(),
            folder: "/usr/local/srs".into(),
            seed: 1,
        }
    }

    /// One of each event.
    pub fn events() -> Vec<Event> {
        let update = |of| Event::Update { of, seconds: 31, timestamp_ms: 30_960 };
        vec![
            Event::Connect,
            Event::Disconnect { bytes_in: 10, bytes_out: 20 },
            Event::Publish { kind: PublishType::Live },
            Event::Play { start: -2000, duration: 0, reset: false },
            Event::PublishDone,
            Event::PlayDone,
            Event::Done,
            update(Activity::Publish),
            update(Activity::Play),
            Event::RecordDone {
                recorder: "all".into(),
                path: "/rec/cam.flv".into(),
                length: Duration::from_secs(60),
            },
        ]
    }

    fn shown(client: &ClientFacts, event: &Event) -> String {
        let name = if event.is_of_connection() { "" } else { "cam" };
        let fields = Occasion { client, name, args: "key=1", event }.fields();
        let fields = fields.iter().map(|(name, value)| match value {
            FieldValue::Text(text) => format!("{name}={text}"),
            FieldValue::Number(number) => format!("{name}={number}"),
        });
        fields.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn every_event_has_the_fields_of_nginx_rtmp_in_its_order() {
        let client = client();
        let expected = [
            "epoch=4000000000|call=connect",
            "clientid=7|call=disconnect|app=live",
            "clientid=7|call=publish|name=cam|type=live",
            "clientid=7|call=play|name=cam|start=4294965296|duration=0|reset=0",
            "clientid=7|call=publish_done|name=cam",
            "clientid=7|call=play_done|name=cam",
            "clientid=7|call=done|name=cam",
            "clientid=7|call=update_publish|time=31|timestamp=30960|name=cam",
            "clientid=7|call=update_play|time=31|timestamp=30960|name=cam",
            "clientid=7|call=record_done|recorder=all|name=cam|path=/rec/cam.flv",
        ];
        for (event, rest) in events().iter().zip(expected) {
            let expected = format!(
                "app=live|flashver=FMLE/3.0 (compatible; Lavf59.27|swfurl=|tcurl=rtmp://192.0.2.1:1935/live|\
                 pageurl=|addr=192.0.2.7|{rest}"
            );
            assert_eq!(shown(&client, event), expected);
        }
    }

    #[test]
    fn a_viewer_has_the_fields_of_a_player() {
        let begin = "app=live|flashver=Mozilla/5.0|swfurl=|tcurl=http://192.0.2.1:8080/hls/cam.m3u8|\
                     pageurl=http://192.0.2.1:8080/watch|addr=192.0.2.9|clientid=9";
        for (event, rest) in [
            (Event::OF_VIEWER, "call=play|name=cam|start=0|duration=0|reset=0"),
            (Event::PlayDone, "call=play_done|name=cam"),
            (Event::Done, "call=done|name=cam"),
        ] {
            assert_eq!(shown(&viewer(), &event), format!("{begin}|{rest}"));
        }
    }

    #[test]
    fn a_number_without_a_sign_is_written_as_nginx_rtmp_does() {
        let client = client();
        for (start, duration, reset, expected) in [
            (1000, 2000, true, "start=1000|duration=2000|reset=1"),
            (-1, -2, false, "start=4294967295|duration=4294967294|reset=0"),
            (30_000_000_000, 0, false, "start=4230196224|duration=0|reset=0"),
        ] {
            let fields = shown(&client, &Event::Play { start, duration, reset });
            assert!(fields.ends_with(expected), "{fields}");
        }
    }

    #[test]
    fn a_client_at_a_unix_socket_has_the_address_unix() {
        let client = ClientFacts { peer: Some(Peer::Unix), ..client() };
        assert!(shown(&client, &Event::Connect).contains("|addr=unix:|"));
    }

    #[test]
    fn a_publishing_type_has_its_word() {
        for (kind, word) in [(PublishType::Record, "type=record"), (PublishType::Append, "type=append")] {
            assert!(shown(&client(), &Event::Publish { kind }).ends_with(word));
        }
    }

    #[test]
    fn the_arguments_of_the_connect_belong_to_connect_and_disconnect() {
        let client = client();
        for event in &events() {
            let occasion = Occasion { client: &client, name: "cam", args: "key=1", event };
            let expected = if event.is_of_connection() { "token=t" } else { "key=1" };
            assert_eq!(occasion.own_args(), expected, "{event:?}");
        }
        let occasion = Occasion { client: &client, name: "cam", args: "", event: &Event::PublishDone };
        assert_eq!((occasion.own_args(), occasion.url_args()), ("", "token=t"));
    }
}
