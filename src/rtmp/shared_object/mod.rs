//! Shared object messages (specification 7.1.3): the format, reading and writing.
//!
//! A message names an object and carries events: changes that a client makes, or is told. Values are
//! kept as the bytes they came in, so that what one client sets reaches the others unchanged. What the
//! specification leaves out is as Flash Player, Red5 and HaishinKit have it: a message of type 16 begins
//! with a format byte 0 and then is as one of type 19, only that an AMF0 marker (0x11) may switch a value
//! to AMF3; a name is a bare string, but `send`'s handler is a value with its marker.

use std::rc::Rc;

use crate::media::amf::{AmfError, Budget, Value, amf0};
use crate::media::{Reader, Truncated};

use super::message::MessageType;

/// Longest message taken, bytes. Clients send some tens of bytes for each change; this is an object's
/// whole state, which is the most that one of them can mean.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// Most events taken from a message: a client gathers what changed since the last, 30 times a second.
pub const MAX_EVENTS: usize = 1024;

/// The bit of the flags that says the object outlives its users.
const PERSISTENT: u32 = 2;

/// The AMF0 marker before an AMF3 value.
const AVM_PLUS: u8 = 0x11;

// Event types. 14 is not the specification's: Adobe's clients ask with it what others do with 8.
const USE: u8 = 1;
const RELEASE: u8 = 2;
const REQUEST_CHANGE: u8 = 3;
const CHANGE: u8 = 4;
const SUCCESS: u8 = 5;
const SEND_MESSAGE: u8 = 6;
const STATUS: u8 = 7;
const CLEAR: u8 = 8;
const REMOVE: u8 = 9;
const REQUEST_REMOVE: u8 = 10;
const USE_SUCCESS: u8 = 11;
const REQUEST_CLEAR: u8 = 14;

/// One of the two message types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Type 19: all values are AMF0.
    Amf0,
    /// Type 16: values may be AMF3.
    Amf3,
}

impl Encoding {
    /// The message type.
    pub fn message_type(self) -> MessageType {
        match self {
            Self::Amf0 => MessageType::SharedObjectAmf0,
            Self::Amf3 => MessageType::SharedObjectAmf3,
        }
    }
}

/// One AMF value as it came: AMF0, or the marker 0x11 and AMF3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawValue(Rc<[u8]>);

impl RawValue {
    /// The AMF0 bytes of a value.
    pub fn new(value: &Value) -> Self {
        Self(amf0::encode_all(std::slice::from_ref(value)).into())
    }

    /// Takes one value, which has to be whole, from the reader.
    fn read(reader: &mut Reader<'_>, budget: &mut Budget) -> Result<(Self, Value), AmfError> {
        let (value, length) = amf0::decode_within(reader.rest(), budget)?;
        Ok((Self(reader.take(length)?.into()), value))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// True if it is null or undefined, of either version.
    pub fn is_nothing(&self) -> bool {
        matches!(*self.0, [0x05 | 0x06] | [AVM_PLUS, 0x00 | 0x01])
    }
}

/// An event of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The client wants to use the object.
    Use,
    /// The client uses it no longer.
    Release,
    /// The client sets an attribute.
    RequestChange(Vec<u8>, RawValue),
    /// An attribute has been set by somebody else, or is told to a newcomer.
    Change(Vec<u8>, RawValue),
    /// The client's own change has been made.
    Success(Vec<u8>),
    /// A handler's name and its arguments, for all users.
    SendMessage(Vec<RawValue>),
    /// Something has been refused: a code and a level.
    Status(Vec<u8>, Vec<u8>),
    /// All attributes are gone; from a client: are to go.
    Clear,
    /// An attribute is gone.
    Remove(Vec<u8>),
    /// The client deletes an attribute.
    RequestRemove(Vec<u8>),
    /// The client now uses the object.
    UseSuccess,
}

/// A shared object message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedObject {
    /// The message type that it came in.
    pub encoding: Encoding,
    /// The object's name, which may be any bytes.
    pub name: Vec<u8>,
    /// The version of the object that the sender has.
    pub version: u32,
    /// The object is meant to outlive its users.
    pub persistent: bool,
    /// The events that could be read.
    pub events: Vec<Change>,
}

impl SharedObject {
    /// Reads a message. An event that is malformed or unknown is left out; without a whole head, with a
    /// format that is not known, or beyond [`MAX_PAYLOAD`], it is no message at all.
    pub fn read(encoding: Encoding, payload: &[u8]) -> Option<Self> {
        if payload.len() > MAX_PAYLOAD {
            return None;
        }
        let mut reader = Reader::new(payload);
        if encoding == Encoding::Amf3 && reader.u8().ok()? != 0 {
            return None;
        }
        let name = name(&mut reader).ok()?;
        let version = reader.u32().ok()?;
        let persistent = reader.u32().ok()? & PERSISTENT != 0;
        reader.u32().ok()?;
        let (mut events, mut budget) = (Vec::new(), Budget::new());
        while events.len() < MAX_EVENTS {
            let Ok((type_id, data)) = event(&mut reader) else { break };
            events.extend(changes(type_id, data, &mut budget).unwrap_or_default());
        }
        events.truncate(MAX_EVENTS);
        Some(Self { encoding, name, version, persistent, events })
    }

    /// The payload of a message of this type with this content. In AMF0, values that came in AMF3 are
    /// written anew; of those no more than [`MAX_PAYLOAD`] bytes, since a reference is shorter than what
    /// it stands for. What does not fit, and what AMF0 has no type for, is "unsupported".
    pub fn payload(&self, encoding: Encoding) -> Vec<u8> {
        let mut values = ValueWriter { encoding, budget: Budget::new(), room: MAX_PAYLOAD };
        let mut out = Vec::new();
        if encoding == Encoding::Amf3 {
            out.push(0);
        }
        write_name(&mut out, &self.name);
        out.extend(self.version.to_be_bytes());
        out.extend(if self.persistent { PERSISTENT } else { 0 }.to_be_bytes());
        out.extend([0; 4]);
        let mut data = Vec::new();
        for event in &self.events {
            let type_id = values.write_event(&mut data, event);
            out.push(type_id);
            out.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.append(&mut data);
        }
        out
    }
}

fn name(reader: &mut Reader<'_>) -> Result<Vec<u8>, Truncated> {
    let length = reader.u16()?;
    Ok(reader.take(usize::from(length))?.to_vec())
}

/// Names come from [`name`], so they fit; one of ours that does not is cut.
fn write_name(out: &mut Vec<u8>, name: &[u8]) {
    let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
    out.extend(length.to_be_bytes());
    out.extend(name.iter().take(usize::from(length)));
}

/// An event's type and data.
fn event<'a>(reader: &mut Reader<'a>) -> Result<(u8, &'a [u8]), Truncated> {
    let type_id = reader.u8()?;
    let length = usize::try_from(reader.u32()?).map_err(|_| Truncated)?;
    Ok((type_id, reader.take(length)?))
}

/// The changes of an event: none if it is not known, several if it has several attributes.
fn changes(type_id: u8, data: &[u8], budget: &mut Budget) -> Result<Vec<Change>, AmfError> {
    let mut reader = Reader::new(data);
    Ok(vec![match type_id {
        USE => Change::Use,
        RELEASE => Change::Release,
        REQUEST_CHANGE => return attributes(&mut reader, budget, Change::RequestChange),
        CHANGE => return attributes(&mut reader, budget, Change::Change),
        SUCCESS => Change::Success(name(&mut reader)?),
        SEND_MESSAGE => Change::SendMessage(handler_and_arguments(&mut reader, budget)?),
        STATUS => Change::Status(name(&mut reader)?, name(&mut reader)?),
        CLEAR | REQUEST_CLEAR => Change::Clear,
        REMOVE => Change::Remove(name(&mut reader)?),
        REQUEST_REMOVE => Change::RequestRemove(name(&mut reader)?),
        USE_SUCCESS => Change::UseSuccess,
        _ => return Ok(Vec::new()),
    }])
}

fn attributes(
    reader: &mut Reader<'_>,
    budget: &mut Budget,
    change: fn(Vec<u8>, RawValue) -> Change,
) -> Result<Vec<Change>, AmfError> {
    let mut found = Vec::new();
    while !reader.is_empty() {
        let name = name(reader)?;
        found.push(change(name, RawValue::read(reader, budget)?.0));
    }
    Ok(found)
}

fn handler_and_arguments(reader: &mut Reader<'_>, budget: &mut Budget) -> Result<Vec<RawValue>, AmfError> {
    let (handler, value) = RawValue::read(reader, budget)?;
    if value.as_str().is_none() {
        return Err(AmfError::Marker(handler.bytes().first().copied().unwrap_or_default()));
    }
    let mut values = vec![handler];
    while !reader.is_empty() {
        values.push(RawValue::read(reader, budget)?.0);
    }
    Ok(values)
}

/// Writes the values of one message.
struct ValueWriter {
    encoding: Encoding,
    budget: Budget,
    /// Bytes left for values written anew.
    room: usize,
}

impl ValueWriter {
    /// Appends an event's data; returns its type.
    fn write_event(&mut self, out: &mut Vec<u8>, event: &Change) -> u8 {
        match event {
            Change::Use => USE,
            Change::Release => RELEASE,
            Change::RequestChange(name, value) => {
                write_name(out, name);
                self.write_value(out, value);
                REQUEST_CHANGE
            }
            Change::Change(name, value) => {
                write_name(out, name);
                self.write_value(out, value);
                CHANGE
            }
            Change::Success(name) => {
                write_name(out, name);
                SUCCESS
            }
            Change::SendMessage(values) => {
                values.iter().for_each(|value| self.write_value(out, value));
                SEND_MESSAGE
            }
            Change::Status(code, level) => {
                write_name(out, code);
                write_name(out, level);
                STATUS
            }
            Change::Clear => CLEAR,
            Change::Remove(name) => {
                write_name(out, name);
                REMOVE
            }
            Change::RequestRemove(name) => {
                write_name(out, name);
                REQUEST_REMOVE
            }
            Change::UseSuccess => USE_SUCCESS,
        }
    }

    fn write_value(&mut self, out: &mut Vec<u8>, value: &RawValue) {
        if self.encoding == Encoding::Amf3 || value.bytes().first() != Some(&AVM_PLUS) {
            return out.extend(value.bytes());
        }
        let start = out.len();
        let decoded = amf0::decode_within(value.bytes(), &mut self.budget);
        amf0::encode(out, &decoded.map_or(Value::Unsupported, |(value, _)| value));
        match self.room.checked_sub(out.len() - start) {
            Some(room) => self.room = room,
            None => {
                out.truncate(start);
                amf0::encode(out, &Value::Unsupported);
            }
        }
    }
}

#[cfg(test)]
mod tests;
