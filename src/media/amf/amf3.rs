//! AMF3 (Adobe Action Message Format -- AMF 3, January 2013), reading only.
//!
//! A reference copies what it names, and pays for every value of the copy, so a short message cannot
//! unfold into a long one.

use crate::media::reader::Reader;

use super::{AmfError, Budget, Object, Value, text};

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

/// The shape of a class (section 3.12).
#[derive(Debug, Clone)]
struct Traits {
    class: String,
    members: Vec<String>,
    dynamic: bool,
}

struct Decoder<'a, 'b> {
    reader: &'b mut Reader<'a>,
    budget: &'b mut Budget,
    strings: Vec<String>,
    /// `None` while the object is still being read: a cycle, which no message of RTMP needs.
    objects: Vec<Option<Value>>,
    traits: Vec<Traits>,
}

/// A header of a complex value: a reference into a table, or a length (or flags) of an inline value.
enum Head {
    Reference(usize),
    Inline(usize),
}

impl Decoder<'_, '_> {
    fn value(&mut self) -> Result<Value, AmfError> {
        self.budget.spend()?;
        Ok(match self.reader.u8()? {
            0x00 => Value::Undefined,
            0x01 => Value::Null,
            0x02 => Value::Boolean(false),
            0x03 => Value::Boolean(true),
            // 29 bits in two's complement.
            0x04 => Value::Number(f64::from((self.u29()?.cast_signed() << 3) >> 3)),
            0x05 => Value::Number(self.reader.f64()?),
            0x06 => Value::String(self.string()?),
            0x07 | 0x0b => {
                self.object(|decoder, length| Ok(Value::Xml(text(decoder.reader.take(length)?))))?
            }
            0x08 => self.object(|decoder, _| Ok(Value::Date(decoder.reader.f64()?)))?,
            0x09 => self.object(Self::array)?,
            0x0a => self.object(Self::instance)?,
            0x0c => self.object(|decoder, length| Ok(Value::Bytes(decoder.reader.take(length)?.to_vec())))?,
            other => return Err(AmfError::Marker(other)),
        })
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

    fn string(&mut self) -> Result<String, AmfError> {
        match self.head()? {
            Head::Reference(index) => {
                let found = self.strings.get(index).ok_or(AmfError::Reference)?;
                self.budget.spend_bytes(found.len())?;
                Ok(found.clone())
            }
            Head::Inline(length) => {
                let string = text(self.reader.take(length)?);
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
        read: impl FnOnce(&mut Self, usize) -> Result<Value, AmfError>,
    ) -> Result<Value, AmfError> {
        let inline = match self.head()? {
            Head::Reference(index) => {
                let found = self.objects.get(index).and_then(Option::as_ref).ok_or(AmfError::Reference)?;
                self.budget.spend_copy(found)?;
                return Ok(found.clone());
            }
            Head::Inline(inline) => inline,
        };
        let slot = self.objects.len();
        self.objects.push(None);
        self.budget.depth = self.budget.depth.checked_sub(1).ok_or(AmfError::TooDeep)?;
        let value = read(self, inline)?;
        self.budget.depth += 1;
        self.budget.spend_copy(&value)?; // the table's copy
        if let Some(entry) = self.objects.get_mut(slot) {
            *entry = Some(value.clone());
        }
        Ok(value)
    }

    /// Section 3.11: an associative part that ends with an empty name, then `count` dense values.
    fn array(&mut self, count: usize) -> Result<Value, AmfError> {
        let mut named = self.dynamic_members()?;
        let mut dense = Vec::new();
        for _ in 0..count {
            dense.push(self.value()?);
        }
        if named.0.is_empty() {
            return Ok(Value::StrictArray(dense));
        }
        let numbered = dense.into_iter().enumerate();
        named.0.extend(numbered.map(|(index, value)| (index.to_string(), value)));
        Ok(Value::EcmaArray(named))
    }

    /// Section 3.12.
    fn instance(&mut self, flags: usize) -> Result<Value, AmfError> {
        let traits = self.traits(flags)?;
        let mut object = Object::default();
        for name in traits.members {
            object.0.push((name, self.value()?));
        }
        if traits.dynamic {
            object.0.extend(self.dynamic_members()?.0);
        }
        Ok(if traits.class.is_empty() {
            Value::Object(object)
        } else {
            Value::TypedObject(traits.class, object)
        })
    }

    fn traits(&mut self, flags: usize) -> Result<Traits, AmfError> {
        if flags & 1 == 0 {
            let found = self.traits.get(flags >> 1).ok_or(AmfError::Reference)?;
            self.budget.spend_bytes(found.class.len())?;
            for name in &found.members {
                self.budget.spend()?;
                self.budget.spend_bytes(name.len())?;
            }
            return Ok(found.clone());
        }
        if flags & 2 != 0 {
            // Externalizable: only the class itself knows how long it is.
            return Err(AmfError::Marker(0x0a));
        }
        let class = self.string()?;
        let mut members = Vec::new();
        for _ in 0..flags >> 3 {
            self.budget.spend()?;
            members.push(self.string()?);
        }
        let traits = Traits { class, members, dynamic: flags & 4 != 0 };
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_have_29_bits_and_a_sign() {
        let number = |bytes: &[u8]| decode(bytes).map(|values| values[0].clone());
        assert_eq!(number(&[4, 0x7f]), Ok(Value::Number(127.0)));
        assert_eq!(number(&[4, 0x81, 0x00]), Ok(Value::Number(128.0)));
        assert_eq!(number(&[4, 0xff, 0xff, 0xff, 0xff]), Ok(Value::Number(-1.0)));
        assert_eq!(number(&[4, 0xc0, 0x80, 0x80, 0x00]), Ok(Value::Number(-268_435_456.0)));
    }

    #[test]
    fn strings_traits_and_objects_are_repeated_by_reference() {
        // [ {a: "x"}, {a: "x"} of the same traits and strings, and the first object again ]
        let bytes = [
            9, 0x07, 0x01, // array of three, no named part
            10, 0x13, 0x01, 0x03, b'a', 6, 0x03, b'x', // traits: one member, class ""
            10, 0x01, 6, 0x02, // traits 0, string 1 ("x")
            10, 0x02, // object 1
        ];
        let object = Value::Object(Object::default().with("a", "x"));
        assert_eq!(
            decode(&bytes),
            Ok(vec![Value::StrictArray(vec![object.clone(), object.clone(), object])])
        );
    }

    #[test]
    fn a_cycle_and_a_dangling_reference_are_errors() {
        assert_eq!(decode(&[9, 0x03, 0x01, 9, 0x00]), Err(AmfError::Reference));
        assert_eq!(decode(&[6, 0x04]), Err(AmfError::Reference));
    }

    #[test]
    fn references_cannot_unfold_a_short_message_into_a_long_one() {
        // Each array holds the one before it many times.
        let mut bytes = vec![9, 0x81, 0x01, 0x01];
        bytes.extend([9, 0x03, 0x01, 1]);
        for level in 1..20u8 {
            bytes.extend([9, 0x11, 0x01]);
            bytes.extend([9, level * 2].repeat(8));
        }
        assert_eq!(decode(&bytes), Err(AmfError::TooMany));
    }

    #[test]
    fn references_to_a_long_class_are_paid_for() {
        // An array; its first object has a class of 8000 bytes, the others only refer to it.
        let mut bytes = vec![9, 0xa7, 0x11, 0x01, 10, 0x03, 0xfd, 0x01];
        bytes.extend([b'x'; 8000]);
        bytes.extend([10, 0x01].repeat(2500));
        assert_eq!(decode(&bytes), Err(AmfError::TooMany));
    }

    proptest! {
        #[test]
        fn any_bytes_are_values_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }
}
