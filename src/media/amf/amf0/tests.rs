//! AMF0, marker by marker.

use super::*;
use crate::media::amf::strategy::values;
use crate::media::amf::{MAX_DEPTH, MAX_REPAIRS, MAX_VALUES};
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

/// Every marker of section 2.1 that may stand in a message, with the value it says.
fn vectors() -> Vec<(Vec<u8>, Value)> {
    let object = Object::default().with("a", true);
    let members = [0, 1, b'a', 1, 1, 0, 0, 9];
    let long = [&[0x0c, 0, 1, 0, 0][..], &[b'x'; 65_536]].concat();
    vec![
        (vec![0x00, 0x40, 0x08, 0, 0, 0, 0, 0, 0], Value::Number(3.0)),
        (vec![0x01, 0], Value::Boolean(false)),
        (vec![0x01, 7], Value::Boolean(true)),
        (vec![0x02, 0, 2, b'h', b'i'], Value::from("hi")),
        (vec![0x02, 0, 0], Value::from("")),
        ([&[0x03][..], &members].concat(), Value::Object(object.clone())),
        (vec![0x05], Value::Null),
        (vec![0x06], Value::Undefined),
        ([&[0x08, 0, 0, 0, 1][..], &members].concat(), Value::EcmaArray(object.clone())),
        // The count is wrong, as ffmpeg's was for long.
        ([&[0x08, 0, 0, 0, 0][..], &members].concat(), Value::EcmaArray(object.clone())),
        (vec![0x0a, 0, 0, 0, 2, 5, 6], Value::StrictArray(vec![Value::Null, Value::Undefined])),
        (vec![0x0b, 0x42, 0x77, 0x48, 0x76, 0xe8, 0, 0, 0, 0xff, 0xc4], Value::Date(1.6e12)),
        (long, Value::String("x".repeat(65_536))),
        (vec![0x0d], Value::Unsupported),
        (vec![0x0f, 0, 0, 0, 4, b'<', b'a', b'/', b'>'], Value::Xml("<a/>".to_owned())),
        ([&[0x10, 0, 1, b'C'][..], &members].concat(), Value::TypedObject("C".to_owned(), object.clone())),
        // The rest of the value is AMF3: {a: true}.
        (vec![0x11, 0x0a, 0x0b, 1, 3, b'a', 3, 1], Value::Object(object)),
    ]
}

#[test]
fn every_marker_is_read_and_every_cut_of_it_is_truncated() {
    for (bytes, value) in vectors() {
        assert_eq!(decode(&bytes), Ok(vec![value.clone()]));
        let cuts = (1..bytes.len()).filter(|cut| *cut < 100 || *cut > bytes.len() - 100);
        for cut in cuts {
            // An object may end with the message after its empty name.
            let is_whole = cut + 1 == bytes.len() && bytes.ends_with(&[0, 0, OBJECT_END]);
            let expected = if is_whole { Ok(vec![value.clone()]) } else { Err(AmfError::Truncated) };
            assert_eq!(decode(&bytes[..cut]), expected, "{value:?} cut at {cut}");
        }
    }
}

#[test]
fn markers_that_may_not_stand_in_a_message_are_errors() {
    // Movie clip, object end, record set: reserved, or out of place.
    for marker in [0x04, 0x09, 0x0e, 0x12, 0xff] {
        assert_eq!(decode(&[marker]), Err(AmfError::Marker(marker)));
        assert_eq!(decode(&[STRICT_ARRAY, 0, 0, 0, 1, marker]), Err(AmfError::Marker(marker)));
    }
}

#[test]
fn a_reference_repeats_the_object_that_began_so_many_before() {
    // [ {a: [1, "x"]}, 1 is that object, 2 is the array within it ]
    let mut bytes = vec![STRICT_ARRAY, 0, 0, 0, 4, OBJECT, 0, 1, b'a', STRICT_ARRAY, 0, 0, 0, 2];
    bytes.extend([BOOLEAN, 1, STRING, 0, 1, b'x', 0, 0, OBJECT_END]);
    bytes.extend([REFERENCE, 0, 1, REFERENCE, 0, 2]);
    // Values behind references get the next numbers.
    bytes.extend([ECMA_ARRAY, 0, 0, 0, 0, 0, 1, b'b', REFERENCE, 0, 2, 0, 0, OBJECT_END]);
    bytes.extend([REFERENCE, 0, 3]);
    let array = Value::StrictArray(vec![true.into(), "x".into()]);
    let object = Value::Object(Object(vec![("a".to_owned(), array.clone())]));
    let last = Value::EcmaArray(Object(vec![("b".to_owned(), array.clone())]));
    let all = Value::StrictArray(vec![object.clone(), object, array, last.clone()]);
    assert_eq!(decode(&bytes), Ok(vec![all, last]));
}

#[test]
fn a_reference_to_nothing_or_to_what_it_stands_in_is_an_error() {
    assert_eq!(decode(&[REFERENCE, 0, 0]), Err(AmfError::Reference));
    assert_eq!(decode(&[STRICT_ARRAY, 0, 0, 0, 1, REFERENCE, 0, 0]), Err(AmfError::Reference));
    let (values, fault) = decode_until_fault(&[NULL, REFERENCE, 0, 9]);
    assert_eq!((values, fault), (vec![Value::Null], Some(AmfError::Reference)));
}

#[test]
fn references_cannot_unfold_a_short_message_into_a_long_one() {
    // Each array holds the one before it eight times.
    let mut bytes = vec![STRICT_ARRAY, 0, 0, 0, 0];
    for level in 0..30 {
        bytes.extend([STRICT_ARRAY, 0, 0, 0, 8]);
        bytes.extend([REFERENCE, 0, level].repeat(8));
    }
    assert_eq!(decode(&bytes), Err(AmfError::TooMany));
    // A long text, in AMF0 and behind the switch to AMF3, and a few thousand references to it.
    let text = [&[STRING, 0xff, 0xff][..], &[b'x'; 65_535]].concat();
    let bytes_of_3 = [&[AVM_PLUS, 6, 0x83, 0xff, 0x7f][..], &[b'x'; 32_767]].concat();
    for inner in [text, bytes_of_3] {
        let bytes = [&[STRICT_ARRAY, 0, 0, 0, 1][..], &inner, &[REFERENCE, 0, 0].repeat(5000)].concat();
        assert_eq!(decode(&bytes), Err(AmfError::TooMany));
        assert!(decode(&bytes[..bytes.len() - 3 * 4990]).is_ok(), "ten are");
    }
}

#[test]
fn references_are_as_deep_as_what_they_repeat() {
    // Each array holds the one before it: the last is as deep as there are arrays.
    let chain = |levels: u8| {
        let mut bytes = vec![STRICT_ARRAY, 0, 0, 0, 0];
        (1..levels).for_each(|level| bytes.extend([STRICT_ARRAY, 0, 0, 0, 1, REFERENCE, 0, level - 1]));
        decode(&bytes)
    };
    assert!(chain(MAX_DEPTH as u8).is_ok());
    assert_eq!(chain(MAX_DEPTH as u8 + 1), Err(AmfError::TooDeep));
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
fn texts_are_repaired_as_far_as_that_takes_no_time() {
    let texts = |count: usize, bad: usize| {
        let one = [&[LONG_STRING], &(bad as u32 + 1).to_be_bytes()[..], b"a", &vec![0xff; bad]].concat();
        let values = decode(&one.repeat(count)).unwrap();
        values.iter().map(|value| value.as_str().unwrap().chars().count()).collect::<Vec<_>>()
    };
    assert_eq!(texts(1, MAX_REPAIRS - 1), [MAX_REPAIRS]);
    assert_eq!(texts(1, MAX_REPAIRS), [1]);
    assert_eq!(texts(3, MAX_REPAIRS / 2 - 1), [MAX_REPAIRS / 2, MAX_REPAIRS / 2, 1]);
}

#[test]
fn a_count_beyond_the_message_allocates_nothing() {
    assert_eq!(decode(&[STRICT_ARRAY, 0xff, 0xff, 0xff, 0xff]), Err(AmfError::Truncated));
    assert_eq!(decode(&[LONG_STRING, 0xff, 0xff, 0xff, 0xff]), Err(AmfError::Truncated));
    assert_eq!(decode(&vec![NULL; MAX_VALUES + 1]), Err(AmfError::TooMany));
}

proptest! {
    #[test]
    fn any_value_survives_a_round_trip_and_any_cut_is_survived(value in values(), cut in any::<prop::sample::Index>()) {
        round_trip(&value);
        let bytes = encode_all(&[value]);
        let _ = decode(&bytes[..cut.index(bytes.len())]);
    }

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
