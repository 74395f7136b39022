//! AMF0 (Adobe Action Message Format -- AMF 0, 2007).

use crate::media::reader::Reader;

use super::{AmfError, Budget, MAX_DEPTH, Object, Value, amf3, text};

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

/// Reads all values of a message.
pub fn decode(bytes: &[u8]) -> Result<Vec<Value>, AmfError> {
    match decode_until_fault(bytes) {
        (values, None) => Ok(values),
        (_, Some(error)) => Err(error),
    }
}

/// Reads the values of a message up to the first that cannot be read, and says why it cannot.
pub fn decode_until_fault(bytes: &[u8]) -> (Vec<Value>, Option<AmfError>) {
    let mut decoder = Decoder { reader: Reader::new(bytes), budget: Budget::new() };
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
    let whole = Budget { depth: MAX_DEPTH, ..*budget };
    let mut decoder = Decoder { reader: Reader::new(bytes), budget: whole };
    let value = decoder.value();
    budget.values = decoder.budget.values;
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
        Value::Reference(index) => {
            out.push(REFERENCE);
            out.extend(index.to_be_bytes());
        }
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
    let mut out = Vec::new();
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
}

impl Decoder<'_> {
    fn value(&mut self) -> Result<Value, AmfError> {
        self.budget.spend()?;
        Ok(match self.reader.u8()? {
            NUMBER => Value::Number(self.reader.f64()?),
            BOOLEAN => Value::Boolean(self.reader.u8()? != 0),
            STRING => Value::String(self.name()?),
            OBJECT => Value::Object(self.properties()?),
            NULL => Value::Null,
            UNDEFINED => Value::Undefined,
            REFERENCE => Value::Reference(self.reader.u16()?),
            ECMA_ARRAY => {
                // The count is a hint that senders get wrong; the end marker decides.
                self.reader.u32()?;
                Value::EcmaArray(self.properties()?)
            }
            STRICT_ARRAY => Value::StrictArray(self.items()?),
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
                Value::TypedObject(class, self.properties()?)
            }
            AVM_PLUS => amf3::decode_value(&mut self.reader, &mut self.budget)?,
            other => return Err(AmfError::Marker(other)),
        })
    }

    fn name(&mut self) -> Result<String, AmfError> {
        let length = self.reader.u16()?;
        Ok(text(self.reader.take(usize::from(length))?))
    }

    fn long_string(&mut self) -> Result<String, AmfError> {
        let length = usize::try_from(self.reader.u32()?).map_err(|_| AmfError::Truncated)?;
        Ok(text(self.reader.take(length)?))
    }

    fn properties(&mut self) -> Result<Object, AmfError> {
        self.nested(|decoder| {
            let mut object = Object::default();
            loop {
                let name = decoder.name()?;
                if decoder.reader.peek() == Some(OBJECT_END) {
                    decoder.reader.u8()?;
                    return Ok(object);
                }
                // Old encoders end an object with the message instead of the marker.
                if name.is_empty() && decoder.reader.is_empty() {
                    return Ok(object);
                }
                object.0.push((name, decoder.value()?));
            }
        })
    }

    fn items(&mut self) -> Result<Vec<Value>, AmfError> {
        self.nested(|decoder| {
            let count = decoder.reader.u32()?;
            (0..count).map(|_| decoder.value()).collect()
        })
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, AmfError>) -> Result<T, AmfError> {
        self.budget.depth = self.budget.depth.checked_sub(1).ok_or(AmfError::TooDeep)?;
        let result = read(self);
        self.budget.depth += 1;
        result
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAX_VALUES;
    use super::*;
    use proptest::prelude::*;

    fn round_trip(value: &Value) {
        let mut bytes = Vec::new();
        encode(&mut bytes, value);
        assert_eq!(decode(&bytes).as_ref(), Ok(&vec![value.clone()]));
    }

    #[test]
    fn every_type_survives_a_round_trip() {
        let object = Object::default().with("a", 1.0).with("b", "two").with("c", true);
        for value in [
            Value::Number(-0.5),
            Value::Boolean(true),
            Value::from("text"),
            Value::String("x".repeat(70_000)),
            Value::Object(object.clone()),
            Value::Null,
            Value::Undefined,
            Value::Reference(3),
            Value::EcmaArray(object.clone()),
            Value::StrictArray(vec![Value::Null, Value::from(2.0)]),
            Value::Date(1_700_000_000_000.0),
            Value::Xml("<a/>".to_owned()),
            Value::TypedObject("Class".to_owned(), object),
            Value::Unsupported,
        ] {
            round_trip(&value);
        }
    }

    #[test]
    fn every_cut_of_a_message_is_an_error_or_fewer_values() {
        let object = Object::default().with("k", "v").with("n", 1.0);
        let bytes = encode_all(&[Value::from("name"), Value::EcmaArray(object), Value::Date(1.0)]);
        for cut in 0..bytes.len() {
            if let Ok(values) = decode(&bytes[..cut]) {
                assert!(values.len() < 3, "cut at {cut}");
            }
        }
    }

    #[test]
    fn nesting_is_read_to_the_limit_and_refused_beyond() {
        let nest = |levels: usize| {
            let mut bytes = [STRICT_ARRAY, 0, 0, 0, 1].repeat(levels);
            bytes.push(NULL);
            decode(&bytes)
        };
        assert!(nest(MAX_DEPTH).is_ok());
        assert_eq!(nest(MAX_DEPTH + 1), Err(AmfError::TooDeep));
        assert_eq!(nest(100_000), Err(AmfError::TooDeep));
    }

    #[test]
    fn a_count_beyond_the_message_allocates_nothing() {
        assert_eq!(decode(&[STRICT_ARRAY, 0xff, 0xff, 0xff, 0xff]), Err(AmfError::Truncated));
        assert_eq!(decode(&[LONG_STRING, 0xff, 0xff, 0xff, 0xff]), Err(AmfError::Truncated));
        assert_eq!(decode(&vec![NULL; MAX_VALUES + 1]), Err(AmfError::TooMany));
    }

    proptest! {
        #[test]
        fn any_bytes_are_values_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn any_number_and_string_round_trips(number in any::<f64>(), text in ".{0,40}") {
            prop_assume!(!number.is_nan());
            round_trip(&Value::StrictArray(vec![Value::Number(number), Value::String(text)]));
        }
    }
}
