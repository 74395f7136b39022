//! AMF0 (Adobe Action Message Format -- AMF 0, 2007).

use crate::media::reader::Reader;

use super::{AmfError, Budget, Object, Seen, Value, amf3};

// Type markers, section 2.1.
const NUMBER: u8 = 0x00;
const BOOLEAN: u8 = 0x01;
const STRING: u8 = 0x02;
const OBJECT: u8 = 0x03;
const NULL: u8 = 0x05;
const UNDEFINED: u8 = 0x06;
const REFERENCE: u8 = 0x07;
const ECMA_ARRAY: u8 = 0x08;
const OBJECT_END: u8 = 0x09;
const STRICT_ARRAY: u8 = 0x0a;
const DATE: u8 = 0x0b;
const LONG_STRING: u8 = 0x0c;
const UNSUPPORTED: u8 = 0x0d;
const XML_DOCUMENT: u8 = 0x0f;
const TYPED_OBJECT: u8 = 0x10;
const AVM_PLUS: u8 = 0x11;

/// Room for most commands, bytes.
const USUAL_LENGTH: usize = 256;

/// Reads all values of a message.
pub fn decode(bytes: &[u8]) -> Result<Vec<Value>, AmfError> {
    match decode_until_fault(bytes) {
        (values, None) => Ok(values),
        (_, Some(error)) => Err(error),
    }
}

/// Reads the values of a message up to the first that cannot be read, and says why it cannot.
pub fn decode_until_fault(bytes: &[u8]) -> (Vec<Value>, Option<AmfError>) {
    let mut decoder = Decoder::new(bytes);
    let mut values = Vec::new();
    while !decoder.reader.is_empty() {
        match decoder.value() {
            Ok(value) => values.push(value),
            Err(error) => return (values, Some(error)),
        }
    }
    (values, None)
}

/// Reads the first value of a message and says how many bytes it took.
pub fn decode_first(bytes: &[u8]) -> Result<(Value, usize), AmfError> {
    decode_within(bytes, &mut Budget::new())
}

/// The same for one of several values that are paid for together.
pub fn decode_within(bytes: &[u8], budget: &mut Budget) -> Result<(Value, usize), AmfError> {
    let mut decoder = Decoder::new(bytes);
    (decoder.budget.values, decoder.budget.repairs) = (budget.values, budget.repairs);
    let value = decoder.value();
    (budget.values, budget.repairs) = (decoder.budget.values, decoder.budget.repairs);
    Ok((value?, bytes.len() - decoder.reader.rest().len()))
}

/// Writes one value.
pub fn encode(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Number(number) => {
            out.push(NUMBER);
            out.extend(number.to_be_bytes());
        }
        Value::Boolean(flag) => out.extend([BOOLEAN, u8::from(*flag)]),
        Value::String(text) => encode_string(out, text),
        Value::Object(object) => {
            out.push(OBJECT);
            encode_properties(out, object);
        }
        Value::Null => out.push(NULL),
        Value::Undefined => out.push(UNDEFINED),
        Value::EcmaArray(object) => {
            out.push(ECMA_ARRAY);
            out.extend(length32(object.0.len()));
            encode_properties(out, object);
        }
        Value::StrictArray(items) => {
            out.push(STRICT_ARRAY);
            out.extend(length32(items.len()));
            items.iter().for_each(|item| encode(out, item));
        }
        Value::Date(milliseconds) => {
            out.push(DATE);
            out.extend(milliseconds.to_be_bytes());
            out.extend([0, 0]);
        }
        Value::Xml(text) => encode_long(out, XML_DOCUMENT, text),
        Value::TypedObject(class, object) => {
            out.push(TYPED_OBJECT);
            encode_name(out, class);
            encode_properties(out, object);
        }
        // AMF0 has no byte array (that is AMF3's).
        Value::Bytes(_) | Value::Unsupported => out.push(UNSUPPORTED),
    }
}

/// Writes several values one after another: a command or a data message.
pub fn encode_all(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::with_capacity(USUAL_LENGTH);
    values.iter().for_each(|value| encode(&mut out, value));
    out
}

fn encode_string(out: &mut Vec<u8>, text: &str) {
    if text.len() > usize::from(u16::MAX) {
        return encode_long(out, LONG_STRING, text);
    }
    out.push(STRING);
    encode_name(out, text);
}

fn encode_long(out: &mut Vec<u8>, marker: u8, text: &str) {
    out.push(marker);
    out.extend(length32(text.len()));
    out.extend(text.as_bytes());
}

/// A name has a 16-bit length; a longer one is cut at a character.
fn encode_name(out: &mut Vec<u8>, name: &str) {
    let end = (0..=name.len().min(usize::from(u16::MAX))).rev().find(|&end| name.is_char_boundary(end));
    let name = &name[..end.unwrap_or(0)];
    out.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(name.as_bytes());
}

fn encode_properties(out: &mut Vec<u8>, object: &Object) {
    for (name, value) in &object.0 {
        encode_name(out, name);
        encode(out, value);
    }
    out.extend([0, 0, OBJECT_END]);
}

fn length32(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

struct Decoder<'a> {
    reader: Reader<'a>,
    budget: Budget,
    /// Objects and arrays in the order they begin (2.9).
    seen: Vec<Seen<'a>>,
}

impl<'a> Decoder<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { reader: Reader::new(bytes), budget: Budget::new(), seen: Vec::new() }
    }

    fn value(&mut self) -> Result<Value, AmfError> {
        self.budget.spend()?;
        let at = self.reader;
        Ok(match self.reader.u8()? {
            NUMBER => Value::Number(self.reader.f64()?),
            BOOLEAN => Value::Boolean(self.reader.u8()? != 0),
            STRING => Value::String(self.name()?),
            OBJECT => Value::Object(self.nested(at, Self::properties)?),
            NULL => Value::Null,
            UNDEFINED => Value::Undefined,
            REFERENCE => self.reference()?,
            ECMA_ARRAY => {
                // The count is a hint that senders get wrong; the end marker decides.
                self.reader.u32()?;
                Value::EcmaArray(self.nested(at, Self::properties)?)
            }
            STRICT_ARRAY => Value::StrictArray(self.nested(at, Self::items)?),
            DATE => {
                let milliseconds = self.reader.f64()?;
                self.reader.u16()?; // the time zone is reserved and ignored (2.13)
                Value::Date(milliseconds)
            }
            LONG_STRING => Value::String(self.long_string()?),
            UNSUPPORTED => Value::Unsupported,
            XML_DOCUMENT => Value::Xml(self.long_string()?),
            TYPED_OBJECT => {
                let class = self.name()?;
                Value::TypedObject(class, self.nested(at, Self::properties)?)
            }
            AVM_PLUS => amf3::decode_value(&mut self.reader, &mut self.budget)?,
            other => return Err(AmfError::Marker(other)),
        })
    }

    fn name(&mut self) -> Result<String, AmfError> {
        let length = self.reader.u16()?;
        self.text(usize::from(length))
    }

    fn long_string(&mut self) -> Result<String, AmfError> {
        let length = usize::try_from(self.reader.u32()?).map_err(|_| AmfError::Truncated)?;
        self.text(length)
    }

    fn text(&mut self, length: usize) -> Result<String, AmfError> {
        let bytes = self.reader.take(length)?;
        self.budget.spend_text(length)?;
        Ok(self.budget.text(bytes))
    }

    fn properties(&mut self) -> Result<Object, AmfError> {
        let mut object = Object::default();
        loop {
            let name = self.name()?;
            if self.reader.peek() == Some(OBJECT_END) {
                self.reader.u8()?;
                return Ok(object);
            }
            // Old encoders end an object with the message instead of the marker.
            if name.is_empty() && self.reader.is_empty() {
                return Ok(object);
            }
            object.0.push((name, self.value()?));
        }
    }

    fn items(&mut self) -> Result<Vec<Value>, AmfError> {
        let count = self.reader.u32()?;
        (0..count).map(|_| self.value()).collect()
    }

    /// Reads what holds other values and may be named by a reference.
    fn nested<T>(
        &mut self,
        at: Reader<'a>,
        read: impl FnOnce(&mut Self) -> Result<T, AmfError>,
    ) -> Result<T, AmfError> {
        self.budget.depth = self.budget.depth.checked_sub(1).ok_or(AmfError::TooDeep)?;
        let index = self.seen.len();
        self.seen.push(Seen { at, is_whole: false });
        let result = read(self)?;
        if let Some(seen) = self.seen.get_mut(index) {
            seen.is_whole = true;
        }
        self.budget.depth += 1;
        Ok(result)
    }

    /// Reads an earlier value again (2.9).
    fn reference(&mut self) -> Result<Value, AmfError> {
        let index = usize::from(self.reader.u16()?);
        let seen = self.seen.get(index).filter(|seen| seen.is_whole).ok_or(AmfError::Reference)?;
        let here = std::mem::replace(&mut self.reader, seen.at);
        let was_copying = std::mem::replace(&mut self.budget.is_copying, true);
        let count = self.seen.len();
        let value = self.value()?;
        // Values that are read again have their places already.
        self.seen.truncate(count);
        self.reader = here;
        self.budget.is_copying = was_copying;
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
