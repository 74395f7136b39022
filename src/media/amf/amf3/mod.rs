//! AMF3 (Adobe Action Message Format -- AMF 3, January 2013), reading only.

use crate::media::reader::{Reader, Truncated};

use super::{AmfError, Budget, Object, Seen, Value};

/// Reads all values of an AMF3 message (type 17 or 15 bodies after their first byte hold AMF0 values
/// that switch to AMF3 with a marker; this is for messages that are AMF3 throughout).
pub fn decode(bytes: &[u8]) -> Result<Vec<Value>, AmfError> {
    let mut reader = Reader::new(bytes);
    let mut budget = Budget::new();
    let mut values = Vec::new();
    while !reader.is_empty() {
        values.push(decode_value(&mut reader, &mut budget)?);
    }
    Ok(values)
}

/// Reads one value with reference tables of its own, as after AMF0's avmplus marker (section 4.1).
pub(super) fn decode_value(reader: &mut Reader<'_>, budget: &mut Budget) -> Result<Value, AmfError> {
    Decoder { reader, budget, strings: Vec::new(), objects: Vec::new(), traits: Vec::new() }.value()
}

/// Flex's wrappers: each writes the value it wraps and nothing else, and is read as that value.
const WRAPPERS: [&str; 3] =
    ["flex.messaging.io.ArrayCollection", "flex.messaging.io.ArrayList", "flex.messaging.io.ObjectProxy"];

/// The shape of a class (section 3.12).
#[derive(Debug, Clone)]
struct Traits {
    class: String,
    members: Vec<String>,
    kind: Kind,
}

/// The members behind those that traits name.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Nothing.
    Sealed,
    /// Further members with their names.
    Dynamic,
    /// Only the class itself knows.
    Externalizable,
}

struct Decoder<'a, 'b> {
    reader: &'b mut Reader<'a>,
    budget: &'b mut Budget,
    strings: Vec<String>,
    objects: Vec<Seen<'a>>,
    traits: Vec<Traits>,
}

/// A header of a complex value: a reference into a table, or a length (or flags) of an inline value.
enum Head {
    Reference(usize),
    Inline(usize),
}

impl<'a> Decoder<'a, '_> {
    fn value(&mut self) -> Result<Value, AmfError> {
        self.budget.spend()?;
        let at = *self.reader;
        match self.reader.u8()? {
            0x00 => Ok(Value::Undefined),
            0x01 => Ok(Value::Null),
            0x02 => Ok(Value::Boolean(false)),
            0x03 => Ok(Value::Boolean(true)),
            // 29 bits in two's complement.
            0x04 => Ok(Value::Number(f64::from((self.u29()?.cast_signed() << 3) >> 3))),
            0x05 => Ok(Value::Number(self.reader.f64()?)),
            0x06 => Ok(Value::String(self.string()?)),
            0x07 | 0x0b => self.object(at, |decoder, length| Ok(Value::Xml(decoder.text(length)?))),
            0x08 => self.object(at, |decoder, _| Ok(Value::Date(decoder.reader.f64()?))),
            0x09 => self.object(at, Self::array),
            0x0a => self.object(at, Self::instance),
            0x0c => self.object(at, |decoder, length| Ok(Value::Bytes(decoder.bytes(length)?.to_vec()))),
            0x0d => self.numbers(at, |reader| Ok(f64::from(reader.u32()?.cast_signed()))),
            0x0e => self.numbers(at, |reader| Ok(f64::from(reader.u32()?))),
            0x0f => self.numbers(at, Reader::f64),
            0x10 => self.object(at, Self::vector),
            0x11 => self.object(at, Self::dictionary),
            other => Err(AmfError::Marker(other)),
        }
    }

    /// U29: seven bits a byte, eight in the fourth (section 1.3.1).
    fn u29(&mut self) -> Result<u32, AmfError> {
        let mut value = 0;
        for _ in 0..3 {
            let byte = self.reader.u8()?;
            value = value << 7 | u32::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Ok(value << 8 | u32::from(self.reader.u8()?))
    }

    fn head(&mut self) -> Result<Head, AmfError> {
        let raw = usize::try_from(self.u29()?).map_err(|_| AmfError::TooMany)?;
        Ok(if raw & 1 == 0 { Head::Reference(raw >> 1) } else { Head::Inline(raw >> 1) })
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], AmfError> {
        let bytes = self.reader.take(length)?;
        self.budget.spend_text(length)?;
        Ok(bytes)
    }

    fn text(&mut self, length: usize) -> Result<String, AmfError> {
        let bytes = self.bytes(length)?;
        Ok(self.budget.text(bytes))
    }

    /// Section 1.3.2: the empty string is never referred to.
    fn string(&mut self) -> Result<String, AmfError> {
        match self.head()? {
            Head::Reference(index) => {
                let found = self.strings.get(index).ok_or(AmfError::Reference)?;
                self.budget.spend_copy(found.len())?;
                Ok(found.clone())
            }
            Head::Inline(length) => {
                let string = self.text(length)?;
                if !string.is_empty() {
                    self.strings.push(string.clone());
                }
                Ok(string)
            }
        }
    }

    /// Reads a value that takes part in the object table.
    fn object(
        &mut self,
        at: Reader<'a>,
        read: impl FnOnce(&mut Self, usize) -> Result<Value, AmfError>,
    ) -> Result<Value, AmfError> {
        let inline = match self.head()? {
            Head::Reference(index) => return self.reference(index),
            Head::Inline(inline) => inline,
        };
        let index = self.objects.len();
        self.objects.push(Seen { at, is_whole: false });
        self.budget.depth = self.budget.depth.checked_sub(1).ok_or(AmfError::TooDeep)?;
        let value = read(self, inline)?;
        self.budget.depth += 1;
        if let Some(seen) = self.objects.get_mut(index) {
            seen.is_whole = true;
        }
        Ok(value)
    }

    /// Reads an earlier value again. What it refers to itself was in the tables then and is now.
    fn reference(&mut self, index: usize) -> Result<Value, AmfError> {
        let seen = self.objects.get(index).filter(|seen| seen.is_whole).ok_or(AmfError::Reference)?;
        let here = std::mem::replace(self.reader, seen.at);
        let was_copying = std::mem::replace(&mut self.budget.is_copying, true);
        let counts = (self.strings.len(), self.objects.len(), self.traits.len());
        let value = self.value()?;
        // Values that are read again have their places already.
        self.strings.truncate(counts.0);
        self.objects.truncate(counts.1);
        self.traits.truncate(counts.2);
        *self.reader = here;
        self.budget.is_copying = was_copying;
        Ok(value)
    }

    /// Section 3.11: an associative part that ends with an empty name, then `count` dense values.
    fn array(&mut self, count: usize) -> Result<Value, AmfError> {
        let mut named = self.dynamic_members()?;
        let dense = self.values(count)?;
        if named.0.is_empty() {
            return Ok(Value::StrictArray(dense));
        }
        let numbered = dense.into_iter().enumerate();
        named.0.extend(numbered.map(|(index, value)| (index.to_string(), value)));
        Ok(Value::EcmaArray(named))
    }

    fn values(&mut self, count: usize) -> Result<Vec<Value>, AmfError> {
        (0..count).map(|_| self.value()).collect()
    }

    /// Section 3.15: a vector of numbers. Whether its length is fixed means nothing here.
    fn numbers(
        &mut self,
        at: Reader<'a>,
        number: fn(&mut Reader<'a>) -> Result<f64, Truncated>,
    ) -> Result<Value, AmfError> {
        self.object(at, |decoder, count| {
            decoder.reader.u8()?;
            let numbers = (0..count).map(|_| {
                decoder.budget.spend()?;
                Ok(Value::Number(number(decoder.reader)?))
            });
            numbers.collect::<Result<_, _>>().map(Value::StrictArray)
        })
    }

    /// Section 3.15: a vector of objects, which may be of any class derived from the one it names.
    fn vector(&mut self, count: usize) -> Result<Value, AmfError> {
        self.reader.u8()?;
        self.string()?;
        self.values(count).map(Value::StrictArray)
    }

    /// Section 3.16. Whether keys are weak means nothing here.
    fn dictionary(&mut self, count: usize) -> Result<Value, AmfError> {
        self.reader.u8()?;
        let mut entries = Object::default();
        for _ in 0..count {
            let key = key_name(self.value()?);
            entries.0.push((key, self.value()?));
        }
        Ok(Value::EcmaArray(entries))
    }

    /// Section 3.12.
    fn instance(&mut self, flags: usize) -> Result<Value, AmfError> {
        let traits = self.traits(flags)?;
        if traits.kind == Kind::Externalizable {
            let is_wrapper = WRAPPERS.contains(&traits.class.as_str());
            return if is_wrapper { self.value() } else { Err(AmfError::Externalizable) };
        }
        let mut object = Object::default();
        for name in traits.members {
            object.0.push((name, self.value()?));
        }
        if traits.kind == Kind::Dynamic {
            object.0.extend(self.dynamic_members()?.0);
        }
        Ok(if traits.class.is_empty() {
            Value::Object(object)
        } else {
            Value::TypedObject(traits.class, object)
        })
    }

    /// The flags from the lowest on: inline, externalizable, dynamic; then the count of members, or
    /// the index of a reference.
    fn traits(&mut self, flags: usize) -> Result<Traits, AmfError> {
        if flags & 1 == 0 {
            let found = self.traits.get(flags >> 1).ok_or(AmfError::Reference)?;
            self.budget.spend_copy(found.class.len())?;
            for name in &found.members {
                self.budget.spend()?;
                self.budget.spend_copy(name.len())?;
            }
            return Ok(found.clone());
        }
        let (kind, count) = match (flags & 2, flags & 4) {
            (2, _) => (Kind::Externalizable, 0),
            (_, 4) => (Kind::Dynamic, flags >> 3),
            _ => (Kind::Sealed, flags >> 3),
        };
        let class = self.string()?;
        let mut members = Vec::new();
        for _ in 0..count {
            self.budget.spend()?;
            members.push(self.string()?);
        }
        let traits = Traits { class, members, kind };
        self.traits.push(traits.clone());
        Ok(traits)
    }

    fn dynamic_members(&mut self) -> Result<Object, AmfError> {
        let mut object = Object::default();
        loop {
            let name = self.string()?;
            if name.is_empty() {
                return Ok(object);
            }
            object.0.push((name, self.value()?));
        }
    }
}

/// A dictionary's key as ActionScript prints it.
fn key_name(key: Value) -> String {
    match key {
        Value::String(text) | Value::Xml(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Null => "null".to_owned(),
        Value::Undefined => "undefined".to_owned(),
        _ => "[object Object]".to_owned(),
    }
}

#[cfg(test)]
mod tests;
