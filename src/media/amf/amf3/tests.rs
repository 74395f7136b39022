//! AMF3, marker by marker.

use super::*;
use crate::media::amf::strategy::values;
use crate::media::amf::{MAX_DEPTH, MAX_VALUES};
use proptest::prelude::*;

/// Writes values plainly: without references, numbers as integers where they fit.
fn encode(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Undefined => out.push(0x00),
        Value::Null => out.push(0x01),
        Value::Boolean(flag) => out.push(0x02 + u8::from(*flag)),
        Value::Number(number) => encode_number(out, *number),
        Value::String(text) => encode_text(out, Some(0x06), text),
        Value::Xml(text) => encode_text(out, Some(0x0b), text),
        Value::Date(time) => out.extend([&[0x08, 0x01][..], &time.to_be_bytes()].concat()),
        Value::Bytes(bytes) => {
            out.push(0x0c);
            out.extend(u29(bytes.len() << 1 | 1));
            out.extend(bytes);
        }
        Value::StrictArray(items) => {
            out.push(0x09);
            out.extend(u29(items.len() << 1 | 1));
            out.push(0x01);
            items.iter().for_each(|item| encode(out, item));
        }
        Value::EcmaArray(object) => {
            out.extend([0x09, 0x01]);
            encode_dynamic(out, object);
        }
        Value::Object(object) => {
            out.extend([0x0a, 0x0b, 0x01]);
            encode_dynamic(out, object);
        }
        // Sealed, to have both kinds.
        Value::TypedObject(class, object) => {
            out.push(0x0a);
            out.extend(u29(object.0.len() << 4 | 3));
            encode_text(out, None, class);
            object.0.iter().for_each(|(name, _)| encode_text(out, None, name));
            object.0.iter().for_each(|(_, member)| encode(out, member));
        }
        Value::Unsupported => panic!("AMF3 has no such value"),
    }
}

fn encode_number(out: &mut Vec<u8>, number: f64) {
    let integer = number as i32;
    let fits = (-(1 << 28)..1 << 28).contains(&integer) && f64::from(integer).to_bits() == number.to_bits();
    if fits {
        out.push(0x04);
        out.extend(u29(integer.cast_unsigned() as usize & 0x1fff_ffff));
    } else {
        out.push(0x05);
        out.extend(number.to_be_bytes());
    }
}

fn encode_text(out: &mut Vec<u8>, marker: Option<u8>, text: &str) {
    out.extend(marker);
    out.extend(u29(text.len() << 1 | 1));
    out.extend(text.as_bytes());
}

fn encode_dynamic(out: &mut Vec<u8>, object: &Object) {
    for (name, value) in &object.0 {
        encode_text(out, None, name);
        encode(out, value);
    }
    out.push(0x01);
}

fn u29(value: usize) -> Vec<u8> {
    let seven = |shift: usize| (value >> shift & 0x7f) as u8;
    match value {
        0..0x80 => vec![seven(0)],
        0x80..0x4000 => vec![seven(7) | 0x80, seven(0)],
        0x4000..0x20_0000 => vec![seven(14) | 0x80, seven(7) | 0x80, seven(0)],
        _ => vec![seven(22) | 0x80, seven(15) | 0x80, seven(8) | 0x80, value as u8],
    }
}

/// Every marker of section 3.1, with the value it says.
fn vectors() -> Vec<(Vec<u8>, Value)> {
    let xml = Value::Xml("<a/>".to_owned());
    let numbers =
        |numbers: &[f64]| Value::StrictArray(numbers.iter().map(|number| (*number).into()).collect());
    let object = Object::default().with("a", 5.0).with("b", true);
    let named = |class: &str| [&[0x0a, 0x07, (class.len() as u8) << 1 | 1], class.as_bytes()].concat();
    vec![
        (vec![0x00], Value::Undefined),
        (vec![0x01], Value::Null),
        (vec![0x02], Value::Boolean(false)),
        (vec![0x03], Value::Boolean(true)),
        (vec![0x05, 0x40, 0x08, 0, 0, 0, 0, 0, 0], Value::Number(3.0)),
        (vec![0x06, 0x01], Value::from("")),
        (vec![0x06, 0x07, 0xe2, 0x82, 0xac], Value::from("\u{20ac}")),
        (vec![0x07, 0x09, b'<', b'a', b'/', b'>'], xml.clone()),
        (vec![0x08, 0x01, 0x42, 0x77, 0x48, 0x76, 0xe8, 0, 0, 0], Value::Date(1.6e12)),
        (vec![0x09, 0x01, 0x01], Value::StrictArray(vec![])),
        (vec![0x09, 0x05, 0x01, 1, 0], Value::StrictArray(vec![Value::Null, Value::Undefined])),
        (
            vec![0x09, 0x03, 0x03, b'k', 3, 0x01, 4, 9],
            Value::EcmaArray(Object::default().with("k", true).with("0", 9.0)),
        ),
        // One sealed member and one dynamic; anonymous and of a class.
        (vec![0x0a, 0x1b, 0x01, 3, b'a', 4, 5, 3, b'b', 3, 1], Value::Object(object.clone())),
        (vec![0x0a, 0x23, 0x03, b'C', 3, b'a', 3, b'b', 4, 5, 3], Value::TypedObject("C".to_owned(), object)),
        (vec![0x0b, 0x09, b'<', b'a', b'/', b'>'], xml),
        (vec![0x0c, 0x07, 0, 0xff, 7], Value::Bytes(vec![0, 0xff, 7])),
        (vec![0x0d, 0x05, 1, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 7], numbers(&[-2.0, 7.0])),
        (vec![0x0e, 0x03, 0, 0xff, 0xff, 0xff, 0xfe], numbers(&[4_294_967_294.0])),
        (vec![0x0f, 0x03, 0, 0x40, 0x08, 0, 0, 0, 0, 0, 0], numbers(&[3.0])),
        (vec![0x10, 0x05, 0, 0x03, b'C', 4, 1, 3], Value::StrictArray(vec![1.0.into(), true.into()])),
        (
            vec![0x11, 0x07, 0, 6, 3, b'k', 4, 1, 4, 2, 3, 9, 1, 1, 1],
            Value::EcmaArray(
                Object::default().with("k", 1.0).with("2", true).with("[object Object]", Value::Null),
            ),
        ),
        ([named(WRAPPERS[0]), vec![9, 3, 1, 4, 7]].concat(), numbers(&[7.0])),
        ([named(WRAPPERS[1]), vec![9, 3, 1, 4, 7]].concat(), numbers(&[7.0])),
        (
            [named(WRAPPERS[2]), vec![0x0a, 0x0b, 1, 3, b'k', 3, 1]].concat(),
            Value::Object(Object::default().with("k", true)),
        ),
    ]
}

#[test]
fn every_marker_is_read_and_every_cut_of_it_is_truncated() {
    for (bytes, value) in vectors() {
        assert_eq!(decode(&bytes), Ok(vec![value.clone()]), "{bytes:02x?}");
        for cut in 1..bytes.len() {
            assert_eq!(decode(&bytes[..cut]), Err(AmfError::Truncated), "{value:?} cut at {cut}");
        }
    }
    for marker in [0x12, 0x7f, 0xff] {
        assert_eq!(decode(&[marker]), Err(AmfError::Marker(marker)));
    }
}

#[test]
fn u29_is_read_at_the_edges_of_every_length() {
    for (bytes, value) in [
        (&[0x00][..], 0),
        (&[0x7f], 0x7f),
        (&[0x81, 0x00], 0x80),
        (&[0xff, 0x7f], 0x3fff),
        (&[0x81, 0x80, 0x00], 0x4000),
        (&[0xff, 0xff, 0x7f], 0x1f_ffff),
        (&[0x80, 0xc0, 0x80, 0x00], 0x20_0000),
        (&[0xbf, 0xff, 0xff, 0xff], 0x0fff_ffff),
        (&[0xc0, 0x80, 0x80, 0x00], -0x1000_0000),
        (&[0xff, 0xff, 0xff, 0xff], -1),
        // Longer than need be.
        (&[0x80, 0x80, 0x05], 5),
    ] {
        let input = [&[0x04], bytes].concat();
        assert_eq!(decode(&input), Ok(vec![Value::Number(f64::from(value))]), "{bytes:02x?}");
        for cut in 1..input.len() {
            assert_eq!(decode(&input[..cut]), Err(AmfError::Truncated));
        }
    }
}

#[test]
fn every_kind_of_object_is_repeated_by_reference() {
    for (bytes, value) in vectors() {
        let is_object = !matches!(bytes[0], 0x00..=0x06);
        if is_object {
            let repeated = [&[9, 0x05, 0x01], &bytes[..], &[bytes[0], 0x02]].concat();
            let expected = Value::StrictArray(vec![value.clone(), value]);
            assert_eq!(decode(&repeated), Ok(vec![expected]), "{bytes:02x?}");
        }
    }
}

#[test]
fn a_repeated_value_keeps_the_numbers_that_it_refers_to() {
    let object = |texts: [&str; 2]| Value::Object(Object::default().with("a", texts[0]).with("b", texts[1]));
    let bytes = [
        &[9, 0x0b, 0x01][..],                                     // object 0
        &[10, 0x23, 0x01, 3, b'a', 3, b'b', 6, 3, b'x', 6, 0x04], // object 1: strings a, b, x, x
        &[10, 0x02],                                              // object 1 again
        &[6, 3, b'y'],                                            // string 3
        &[10, 0x01, 6, 0x06, 6, 0x04],                            // object 2: y, x
        &[10, 0x04],                                              // object 2 again
    ]
    .concat();
    let (first, second) = (object(["x", "x"]), object(["y", "x"]));
    let all = vec![first.clone(), first, "y".into(), second.clone(), second];
    assert_eq!(decode(&bytes), Ok(vec![Value::StrictArray(all)]));
}

#[test]
fn a_wrapper_is_recognised_by_reference_to_its_traits() {
    let mut bytes = vec![9, 0x05, 0x01, 10, 0x07, 0x43];
    bytes.extend(WRAPPERS[0].as_bytes());
    bytes.extend([9, 0x01, 0x01, 10, 0x01, 9, 0x01, 0x01]);
    bytes[5] = (WRAPPERS[0].len() as u8) << 1 | 1;
    let empty = Value::StrictArray(vec![]);
    assert_eq!(decode(&bytes), Ok(vec![Value::StrictArray(vec![empty.clone(), empty])]));
}

#[test]
fn a_class_with_a_format_of_its_own_is_an_error_that_says_so() {
    let bytes = [10, 0x07, 0x07, b'D', b'S', b'K', 1, 2, 3];
    assert_eq!(decode(&bytes), Err(AmfError::Externalizable));
    assert_eq!(AmfError::Externalizable.to_string(), "AMF3 object in a format of its own");
}

#[test]
fn nesting_is_read_to_the_limit_and_refused_beyond() {
    let nest = |levels: usize| decode(&[[9, 0x03, 0x01].repeat(levels), vec![1]].concat());
    assert!(nest(MAX_DEPTH).is_ok());
    assert_eq!(nest(MAX_DEPTH + 1), Err(AmfError::TooDeep));
    assert_eq!(nest(100_000), Err(AmfError::TooDeep));
    // Each array holds the one before it, by reference.
    let chain = |levels: u8| {
        let links = (0..levels).flat_map(|level| [9, 0x03, 0x01, 9, (level + 1) << 1]);
        let bytes: Vec<u8> =
            [9, (levels + 1) << 1 | 1, 0x01, 9, 0x01, 0x01].into_iter().chain(links).collect();
        decode(&bytes)
    };
    assert!(chain(MAX_DEPTH as u8 - 2).is_ok());
    assert_eq!(chain(MAX_DEPTH as u8 - 1), Err(AmfError::TooDeep));
}

#[test]
fn counts_beyond_the_message_allocate_nothing() {
    // The largest count, of everything that has one.
    for marker in [0x06, 0x07, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11] {
        assert_eq!(decode(&[marker, 0xff, 0xff, 0xff, 0xff, 0, 1]), Err(AmfError::Truncated), "{marker}");
    }
    assert_eq!(decode(&[9, 0xff, 0xff, 0xff, 0xff, 1]), Err(AmfError::Truncated));
    assert_eq!(decode(&[10, 0xff, 0xff, 0xff, 0xfb, 1]), Err(AmfError::Truncated));
    // Members without a name cost a byte each; so do the values of a vector, of four bytes.
    let members = [&[10, 0xff, 0xff, 0xff, 0xf3, 1][..], &[1; 20_000]].concat();
    assert_eq!(decode(&members), Err(AmfError::TooMany));
    let count = u29((MAX_VALUES << 1) | 1);
    let vector = [&[0x0d][..], &count, &[0], &[0; MAX_VALUES * 4]].concat();
    assert_eq!(decode(&vector), Err(AmfError::TooMany));
}

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
    assert_eq!(decode(&bytes), Ok(vec![Value::StrictArray(vec![object.clone(), object.clone(), object])]));
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
fn references_to_long_texts_are_paid_for() {
    let text = [&[6, 0xff, 0x7f][..], &[b'x'; 8191]].concat();
    let bytes = [&[0x0c, 0xff, 0x7f][..], &[b'x'; 8191]].concat();
    for (item, reference) in [(&text, [6, 0x00]), (&bytes, [0x0c, 0x02])] {
        let many = |count: usize| {
            let head = [&[9][..], &u29((count + 1) << 1 | 1), &[0x01]].concat();
            decode(&[&head, &item[..], &reference.repeat(count)].concat())
        };
        assert!(many(50).is_ok());
        assert_eq!(many(5000), Err(AmfError::TooMany));
    }
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
    fn any_value_survives_a_round_trip_and_any_cut_is_survived(
        value in values(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        cut in any::<prop::sample::Index>(),
    ) {
        let value = Value::StrictArray(vec![value, Value::Bytes(bytes)]);
        let mut encoded = Vec::new();
        encode(&mut encoded, &value);
        prop_assert_eq!(decode(&encoded), Ok(vec![value]));
        let _ = decode(&encoded[..cut.index(encoded.len())]);
    }

    #[test]
    fn any_bytes_are_values_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }
}
