//! The messages that a session writes: answers to commands, statuses and notices.

use crate::media::amf::{Object, Value, amf0};

use super::{Phase, ServerSession, Settings};
use crate::rtmp::capabilities::announce;
use crate::rtmp::chunk::write_message;
use crate::rtmp::command::{CONNECT_REFUSED, Connect, Level, information};
use crate::rtmp::control::write_control;
use crate::rtmp::message::{MessageType, csid};
use crate::rtmp::shared_object::Encoding;

impl ServerSession {
    /// Grants `connect`: announces window, bandwidth and chunk size, and sets the limits of a client that
    /// does not publish.
    pub fn accept_connect(&mut self, connect: &Connect, settings: &Settings, out: &mut Vec<u8>) {
        self.phase = Phase::Connected;
        self.input.reader.set_limits_without_media(settings.limits);
        (self.announced, self.bandwidth) = (settings.ack_window, settings.ack_window);
        let window = settings.ack_window.to_be_bytes();
        write_control(out, MessageType::WindowAcknowledgementSize, &window);
        // Limit type 2: dynamic (5.4.5).
        let [a, b, c, d] = window;
        write_control(out, MessageType::SetPeerBandwidth, &[a, b, c, d, 2]);
        write_control(out, MessageType::SetChunkSize, &settings.chunking.size.to_be_bytes());
        self.chunking = settings.chunking;
        self.input.reader.set_extended_habit(settings.extended_habit);
        let server = Object::default().with("fmsVer", "FMS/3,0,1,123").with("capabilities", 31.0);
        let info = information(Level::Status, "NetConnection.Connect.Success", "Connection succeeded.")
            .with("objectEncoding", connect.object_encoding);
        // Enhanced RTMP leaves open in which of the two objects its properties stand.
        let is_enhanced = connect.capabilities.is_enhanced();
        let [server, info] = [server, info]
            .map(|object| if is_enhanced { announce(object) } else { object })
            .map(Value::Object);
        self.write_answer(out, "_result", connect.transaction, server, info);
        // No onBWDone, like nginx-rtmp: no client waits for it, and simple ones take it for an answer.
    }

    /// Asks a client that can to connect anew, once it has come to a key frame (Enhanced RTMP v2).
    pub fn write_reconnect_request(&self, out: &mut Vec<u8>) {
        let why = "the server stops when its streams have ended";
        let info = information(Level::Status, "NetConnection.Connect.ReconnectRequest", why);
        self.write_values(out, &["onStatus".into(), 0.0.into(), Value::Null, Value::Object(info)]);
    }

    /// Refuses `connect`, and says why once more in a status: OBS does not log what an `_error` says.
    pub fn refuse_connect(&self, connect: &Connect, why: &str, out: &mut Vec<u8>) {
        self.reject_connect(connect, why, out);
        self.write_status(out, 0, CONNECT_REFUSED, why);
    }

    /// Refuses `connect` by its answer alone.
    pub fn reject_connect(&self, connect: &Connect, why: &str, out: &mut Vec<u8>) {
        self.reject(connect.transaction, why, out);
    }

    pub(super) fn reject(&self, transaction: f64, why: &str, out: &mut Vec<u8>) {
        let info = information(Level::Error, "NetConnection.Connect.Rejected", why);
        self.write_answer(out, "_error", transaction, Value::Null, Value::Object(info));
    }

    /// Sends an `onStatus` on the message stream `msid`.
    pub fn write_status(
        &self,
        out: &mut Vec<u8>,
        msid: u32,
        (level, code): (Level, &str),
        description: &str,
    ) {
        let info = information(level, code, description);
        let values = ["onStatus".into(), 0.0.into(), Value::Null, Value::Object(info)];
        self.write_amf0(out, csid::DATA, (MessageType::CommandAmf0, msid), &values);
    }

    /// Tells a player that it may look at audio and video samples, which Flash asks for.
    pub fn write_sample_access(&self, out: &mut Vec<u8>, msid: u32) {
        let values = ["|RtmpSampleAccess".into(), true.into(), true.into()];
        self.write_amf0(out, csid::DATA, (MessageType::DataAmf0, msid), &values);
    }

    /// Sends a shared object message's payload, as [`SharedObject::payload`] made it.
    ///
    /// [`SharedObject::payload`]: crate::rtmp::shared_object::SharedObject::payload
    pub fn write_shared_object(&self, out: &mut Vec<u8>, encoding: Encoding, payload: &[u8]) {
        let kind = encoding.message_type();
        write_message(out, self.chunking, csid::COMMAND, (kind, 0, 0), payload);
    }

    /// Tells a player that its play has come to the end that it asked for.
    pub fn write_play_status(&self, out: &mut Vec<u8>, msid: u32, code: &str) {
        let info = Object::default().with("level", "status").with("code", code);
        let values = ["onPlayStatus".into(), Value::Object(info)];
        self.write_amf0(out, csid::DATA, (MessageType::DataAmf0, msid), &values);
    }

    /// Tells a player that all of a file has been sent: seconds, and bytes of media.
    pub fn write_play_complete(&self, out: &mut Vec<u8>, msid: u32, duration: f64, bytes: u64) {
        let info = Object::default()
            .with("level", "status")
            .with("code", "NetStream.Play.Complete")
            .with("duration", duration)
            .with("bytes", bytes as f64);
        let values = ["onPlayStatus".into(), Value::Object(info)];
        self.write_amf0(out, csid::DATA, (MessageType::DataAmf0, msid), &values);
    }

    pub(super) fn write_failure(&self, out: &mut Vec<u8>, transaction: f64, why: &str) {
        let info = information(Level::Error, "NetConnection.Call.Failed", why);
        self.write_answer(out, "_error", transaction, Value::Null, Value::Object(info));
    }

    pub(super) fn write_result(&self, out: &mut Vec<u8>, transaction: f64, result: Value) {
        self.write_answer(out, "_result", transaction, Value::Null, result);
    }

    fn write_answer(&self, out: &mut Vec<u8>, name: &str, transaction: f64, properties: Value, info: Value) {
        self.write_values(out, &[name.into(), transaction.into(), properties, info]);
    }

    fn write_values(&self, out: &mut Vec<u8>, values: &[Value]) {
        self.write_amf0(out, csid::COMMAND, (MessageType::CommandAmf0, 0), values);
    }

    pub(super) fn write_notice(&self, out: &mut Vec<u8>, name: &str, info: Object) {
        self.write_answer(out, name, 0.0, Value::Null, Value::Object(info));
    }

    fn write_amf0(&self, out: &mut Vec<u8>, csid: u8, (kind, msid): (MessageType, u32), values: &[Value]) {
        write_message(out, self.chunking, csid, (kind, msid, 0), &amf0::encode_all(values));
    }
}
