//! Data messages (specification 7.1.2), and the instructions to the server that they may begin with.

use crate::media::amf::{Value, amf0};
use crate::media::flv;
use crate::media::{Frame, Kind};

use super::{Event, ServerSession};
use crate::rtmp::RtmpError;
use crate::rtmp::chunk::Message;

/// The names of data messages that the server acts on itself.
const SET_DATA_FRAME: &str = "@setDataFrame";
const NAMES: [&str; 3] = [SET_DATA_FRAME, "@clearDataFrame", "onMetaData"];

/// Numbers that may stand in front of these names; Uniview's cameras send two.
const MAX_NUMBERS: usize = 16;
/// Bytes of a number in AMF0, and what the first of them is.
const NUMBER: usize = 9;
const NUMBER_MARKER: u8 = 0;

impl ServerSession {
    /// `@setDataFrame` is an instruction to the server and is taken off, as are numbers in front of it; the rest is what
    /// players get. The times of data messages do not move the clock: many encoders stamp them 0.
    pub(super) fn handle_data(&mut self, message: &Message, kind: Kind) -> Result<Option<Event>, RtmpError> {
        self.require_connected()?;
        let timestamp = self.input.unwrap(message.timestamp);
        let whole = message.payload();
        let (format, values) = whole.split_at(whole.len().min(usize::from(kind == Kind::DataAmf3)));
        let named = from_name(values).unwrap_or(values);
        let data = match amf0::decode_first(named) {
            Ok((Value::String(name), length)) if name == SET_DATA_FRAME => {
                named.get(length..).unwrap_or_default()
            }
            _ => named,
        };
        let frame = if data.len() == values.len() {
            Frame::from_payload(kind, timestamp, whole)
        } else {
            Frame::from_payload(kind, timestamp, &[format, data].concat())
        };
        Ok(Some(Event::Frame { msid: message.msid, frame }))
    }
}

/// AMF0 values from the name on that says what they are to the server; `None` if they have no such name, and are the
/// publisher's own.
pub(super) fn from_name(values: &[u8]) -> Option<&[u8]> {
    let mut rest = values;
    for _ in 0..=MAX_NUMBERS {
        if NAMES.iter().any(|name| flv::is_named(Kind::Data, rest, name)) {
            return Some(rest);
        }
        rest = rest.get(NUMBER..).filter(|_| rest.first() == Some(&NUMBER_MARKER))?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_behind_numbers_up_to_the_limit_and_behind_nothing_else() {
        let numbers = |count: usize| vec![Value::Number(0.0); count];
        for name in NAMES {
            let named = amf0::encode_all(&[name.into(), Value::Null]);
            for count in [0, 1, 2, MAX_NUMBERS] {
                let values = [amf0::encode_all(&numbers(count)), named.clone()].concat();
                assert_eq!(from_name(&values), Some(&named[..]), "{count} in front of {name}");
                assert_eq!(from_name(&values[..NUMBER * count + 4]), None, "cut");
            }
            let many = [amf0::encode_all(&numbers(MAX_NUMBERS + 1)), named.clone()].concat();
            assert_eq!(from_name(&many), None);
            assert_eq!(from_name(&[amf0::encode_all(&[true.into()]), named].concat()), None);
        }
        let own = amf0::encode_all(&[1.0.into(), "onCuePoint".into()]);
        assert_eq!(from_name(&own), None, "a publisher's own data is left as it is");
        assert_eq!(from_name(&own[..5]), None);
    }
}
