//! AMF, the Action Message Format: the values of FLV script tags and of RTMP's commands and data.
//!
//! [`Value`] is what both versions carry. AMF0 is read and written; AMF3 is read, since commands and
//! metadata may come in it, and answered in AMF0, which every peer understands. References are
//! resolved: each is read again from where its value stands, and pays for every value once more, so a
//! short message cannot unfold into a long one.

pub mod amf0;
pub mod amf3;

use std::error::Error;
use std::fmt;

use super::reader::{Reader, Truncated};

/// Nesting allowed in one value. Deeper input is refused before it can exhaust the stack.
pub const MAX_DEPTH: usize = 32;

/// Values allowed in one message: a keyframe index of a recording of some hours fits, a bomb does not.
pub const MAX_VALUES: usize = 16_384;

/// Bytes of a message's texts that are looked through for what is not UTF-8, to replace it: that takes as long as
/// all else that is done with 50 times as many.
const MAX_REPAIRS: usize = 64 * 1024;

/// One AMF value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number; AMF3 integers are numbers too.
    Number(f64),
    /// A boolean.
    Boolean(bool),
    /// A string; bytes that are not UTF-8 have been replaced.
    String(String),
    /// An anonymous object.
    Object(Object),
    /// Null.
    Null,
    /// Undefined.
    Undefined,
    /// An associative array, or an AMF3 dictionary, whose keys are named as ActionScript prints them.
    EcmaArray(Object),
    /// A dense array, or an AMF3 vector.
    StrictArray(Vec<Value>),
    /// Milliseconds since 1970, UTC.
    Date(f64),
    /// An XML document.
    Xml(String),
    /// An object of a named class.
    TypedObject(String, Object),
    /// An AMF3 byte array.
    Bytes(Vec<u8>),
    /// A value whose type the sender could not write.
    Unsupported,
}

impl Value {
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, also of a boolean.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Boolean(flag) => Some(f64::from(u8::from(*flag))),
            _ => None,
        }
    }

    /// True if there is a number in it that is infinite or none at all (NaN).
    pub fn has_non_finite(&self) -> bool {
        match self {
            Self::Number(number) | Self::Date(number) => !number.is_finite(),
            Self::Object(object) | Self::EcmaArray(object) | Self::TypedObject(_, object) => {
                object.0.iter().any(|(_, value)| value.has_non_finite())
            }
            Self::StrictArray(items) => items.iter().any(Self::has_non_finite),
            _ => false,
        }
    }

    /// The properties of an object or an associative array.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) | Self::EcmaArray(object) | Self::TypedObject(_, object) => Some(object),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Boolean(flag)
    }
}

/// Named properties in the order they came.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object(pub Vec<(String, Value)>);

impl Object {
    /// The first property of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The text of a string property.
    pub fn str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The number of a numeric property.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(Value::as_number)
    }

    /// This object with one more property.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }
}

/// An error in AMF, always the peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmfError {
    /// The message ended inside a value.
    Truncated,
    /// A type marker that does not exist or may not stand here.
    Marker(u8),
    /// A reference to something not yet read, or not to its end: a cycle.
    Reference,
    /// An AMF3 object of a class that only its own code can read.
    Externalizable,
    /// Deeper than [`MAX_DEPTH`].
    TooDeep,
    /// More than [`MAX_VALUES`].
    TooMany,
}

impl fmt::Display for AmfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("truncated AMF"),
            Self::Marker(marker) => write!(f, "unexpected AMF marker 0x{marker:02x}"),
            Self::Reference => f.write_str("AMF reference to nothing"),
            Self::Externalizable => f.write_str("AMF3 object in a format of its own"),
            Self::TooDeep => write!(f, "AMF nested deeper than {MAX_DEPTH}"),
            Self::TooMany => write!(f, "more than {MAX_VALUES} AMF values"),
        }
    }
}

impl Error for AmfError {}

impl From<Truncated> for AmfError {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

/// The rest of [`MAX_DEPTH`] and [`MAX_VALUES`] while one message is read.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    depth: usize,
    values: usize,
    /// The present values have been read before, for a reference: then their texts count, too.
    is_copying: bool,
    /// Bytes of texts that may still be repaired.
    repairs: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

impl Budget {
    /// All of both.
    pub fn new() -> Self {
        Self { depth: MAX_DEPTH, values: MAX_VALUES, is_copying: false, repairs: MAX_REPAIRS }
    }

    /// Pays for one value.
    fn spend(&mut self) -> Result<(), AmfError> {
        self.values = self.values.checked_sub(1).ok_or(AmfError::TooMany)?;
        Ok(())
    }

    /// Pays for bytes that the message holds, if they are read once more.
    fn spend_text(&mut self, count: usize) -> Result<(), AmfError> {
        if self.is_copying { self.spend_copy(count) } else { Ok(()) }
    }

    /// A text, with what is not UTF-8 in it replaced. Beyond [`MAX_REPAIRS`] it ends there instead.
    fn text(&mut self, bytes: &[u8]) -> String {
        match (std::str::from_utf8(bytes), self.repairs.checked_sub(bytes.len())) {
            (Ok(text), _) => text.to_owned(),
            (Err(_), Some(left)) => {
                self.repairs = left;
                String::from_utf8_lossy(bytes).into_owned()
            }
            (Err(error), None) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                String::from_utf8_lossy(valid).into_owned()
            }
        }
    }

    /// Pays for the copy of a text: as much as for the values that would take up its room.
    fn spend_copy(&mut self, count: usize) -> Result<(), AmfError> {
        self.values = self.values.checked_sub(count / size_of::<Value>()).ok_or(AmfError::TooMany)?;
        Ok(())
    }
}

/// A value that references may name.
#[derive(Debug)]
struct Seen<'a> {
    /// The reader at its marker.
    at: Reader<'a>,
    is_whole: bool,
}

#[cfg(test)]
mod strategy;
