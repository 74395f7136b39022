//! Data messages of what is played, and the notices that servers send in their form.

use crate::media::amf::{Value, amf0};
use crate::media::{Frame, Kind};

use super::{ClientSession, Event};
use crate::rtmp::chunk::Message;

/// Data messages that speak to the player, and are none of the stream.
const SAMPLE_ACCESS: &str = "|RtmpSampleAccess";
const SET_DATA_FRAME: &str = "@setDataFrame";

impl ClientSession {
    /// The times of data messages do not move the clock: many encoders stamp them 0.
    pub(super) fn handle_data(&mut self, message: Message, kind: Kind) -> Option<Event> {
        let whole = message.payload();
        let (format, values) = whole.split_at(whole.len().min(usize::from(kind == Kind::DataAmf3)));
        let (name, length) = match amf0::decode_first(values) {
            Ok((Value::String(name), length)) => (name, length),
            _ => (String::new(), 0),
        };
        match name.as_str() {
            SAMPLE_ACCESS => return None,
            "onStatus" | "onPlayStatus" => {
                let rest = values.get(length..).unwrap_or_default();
                return self.handle_data_status(rest);
            }
            _ => {}
        }
        if let Some(began) = self.begin_by_media(&message) {
            self.pending = Some(message);
            return Some(began);
        }
        if !self.takes_media() {
            return None;
        }
        let timestamp = self.input.unwrap(message.timestamp);
        if name == SET_DATA_FRAME {
            let data = [format, values.get(length..).unwrap_or_default()].concat();
            return Some(Event::Frame(Frame::from_payload(kind, timestamp, &data)));
        }
        Some(Event::Frame(message.into_frame(kind, timestamp)))
    }

    /// The status of a play in the form of data: the first object has the code.
    fn handle_data_status(&mut self, values: &[u8]) -> Option<Event> {
        let (values, _) = amf0::decode_until_fault(values);
        let info = values.iter().find_map(Value::as_object)?;
        match info.str("code").unwrap_or_default() {
            "NetStream.Play.Complete" => self.end(info),
            _ => None,
        }
    }
}
