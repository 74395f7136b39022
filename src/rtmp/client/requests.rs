//! What a session writes: its commands, in the order that ffmpeg and OBS have.

use crate::media::amf::{Object, Value, amf0};

use super::{ClientSession, Purpose};
use crate::rtmp::capabilities::announce_client;
use crate::rtmp::chunk::write_message;
use crate::rtmp::control::{UserControl, write_control};
use crate::rtmp::message::{MessageType, csid};

/// The chunk stream of commands on a message stream.
const STREAM_COMMAND: u8 = 8;

/// The transactions, by which an answer is told to be that of a command.
pub(super) const CONNECT: f64 = 1.0;
const RELEASE_STREAM: f64 = 2.0;
const FC_PUBLISH: f64 = 3.0;
pub(super) const CREATE_STREAM: f64 = 4.0;
/// That of `publish` or `play`.
pub(super) const BEGIN: f64 = 5.0;
/// That of what ends it.
const END: f64 = 6.0;
const CHECK_BANDWIDTH: f64 = 8.0;

impl ClientSession {
    /// Announces nothing before the connect: there are servers that wait for it as the first message.
    pub(super) fn write_connect(&self, out: &mut Vec<u8>) {
        let ask = &self.ask;
        let app = with_arguments(&ask.app, &ask.auth);
        let tc_url = with_arguments(&ask.tc_url, &ask.auth);
        let mut object = Object::default().with("app", app.as_str());
        if !self.is_player() {
            object = object.with("type", "nonprivate");
        }
        object = object.with("flashVer", ask.flash_ver.as_str());
        for (name, text) in [("swfUrl", &ask.swf_url), ("tcUrl", &tc_url), ("pageUrl", &ask.page_url)] {
            if !text.is_empty() {
                object = object.with(name, text.as_str());
            }
        }
        object = object
            .with("fpad", false)
            .with("capabilities", 15.0)
            .with("audioCodecs", 4071.0)
            .with("videoCodecs", 252.0)
            .with("objectEncoding", 0.0);
        if !ask.path.is_empty() {
            object = object.with("relayPath", ask.path.as_str());
        }
        let object = announce_client(object);
        self.write_command(
            out,
            (csid::COMMAND, 0),
            &["connect".into(), CONNECT.into(), Value::Object(object)],
        );
    }

    /// What follows the grant of the connect, up to `createStream`.
    pub(super) fn write_create(&mut self, out: &mut Vec<u8>) {
        if self.is_player() {
            self.announced = self.settings.ack_window;
            write_control(out, MessageType::WindowAcknowledgementSize, &self.announced.to_be_bytes());
        } else {
            write_control(out, MessageType::SetChunkSize, &self.settings.chunking.size.to_be_bytes());
            self.chunking = self.settings.chunking;
            self.write_named(out, "releaseStream", RELEASE_STREAM);
            self.write_named(out, "FCPublish", FC_PUBLISH);
        }
        self.write_command(
            out,
            (csid::COMMAND, 0),
            &["createStream".into(), CREATE_STREAM.into(), Value::Null],
        );
    }

    /// `publish`, or `play` with the client's buffer.
    pub(super) fn write_begin(&self, msid: u32, out: &mut Vec<u8>) {
        let stream = self.ask.stream.as_str();
        match self.ask.purpose {
            Purpose::Publish => {
                let values = ["publish".into(), BEGIN.into(), Value::Null, stream.into(), "live".into()];
                self.write_command(out, (STREAM_COMMAND, msid), &values);
            }
            Purpose::Play { start, duration, buffer } => {
                let mut values = vec!["play".into(), BEGIN.into(), Value::Null, stream.into()];
                values.extend([start as f64, duration as f64].map(Value::Number));
                self.write_command(out, (STREAM_COMMAND, msid), &values);
                UserControl::SetBufferLength(msid, buffer).write(out);
            }
        }
    }

    pub(super) fn write_unpublish(&self, msid: u32, out: &mut Vec<u8>) {
        if !self.is_player() {
            self.write_named(out, "FCUnpublish", END);
        }
        let values = ["deleteStream".into(), 0.0.into(), Value::Null, f64::from(msid).into()];
        self.write_command(out, (csid::COMMAND, 0), &values);
    }

    /// The answer to `onBWDone`, as ffmpeg has it.
    pub(super) fn write_check_bandwidth(&self, out: &mut Vec<u8>) {
        let values = ["_checkbw".into(), CHECK_BANDWIDTH.into(), Value::Null];
        self.write_command(out, (csid::COMMAND, 0), &values);
    }

    /// The answer to a server that measures the bandwidth.
    pub(super) fn write_result(&self, transaction: f64, out: &mut Vec<u8>) {
        let values = ["_result".into(), transaction.into(), Value::Null, Value::Undefined];
        self.write_command(out, (csid::COMMAND, 0), &values);
    }

    fn write_named(&self, out: &mut Vec<u8>, name: &str, transaction: f64) {
        let values = [name.into(), transaction.into(), Value::Null, self.ask.stream.as_str().into()];
        self.write_command(out, (csid::COMMAND, 0), &values);
    }

    fn write_command(&self, out: &mut Vec<u8>, (csid, msid): (u8, u32), values: &[Value]) {
        let header = (MessageType::CommandAmf0, msid, 0);
        write_message(out, self.chunking, csid, header, &amf0::encode_all(values));
    }
}

/// An application or its URL with more arguments.
fn with_arguments(text: &str, more: &str) -> String {
    match more {
        "" => text.to_owned(),
        _ if text.contains('?') => format!("{text}&{more}"),
        _ => format!("{text}?{more}"),
    }
}
