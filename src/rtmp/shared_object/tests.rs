//! The format, byte by byte, and what is not in it.

use super::*;
use crate::media::amf::Object;
use proptest::prelude::*;

fn raw(value: impl Into<Value>) -> RawValue {
    RawValue::new(&value.into())
}

fn message(encoding: Encoding, events: Vec<Change>) -> SharedObject {
    SharedObject { encoding, name: b"room".to_vec(), version: 7, persistent: false, events }
}

/// One event of each type.
fn all_events() -> Vec<Change> {
    let object = Value::Object(Object::default().with("x", 1.0).with("y", "two"));
    vec![
        Change::Use,
        Change::Release,
        Change::RequestChange(b"a".to_vec(), raw("text")),
        Change::Change(b"b".to_vec(), RawValue::new(&object)),
        Change::Success(b"a".to_vec()),
        Change::SendMessage(vec![raw("handler"), raw(1.0), raw(true), RawValue::new(&object)]),
        Change::Status(b"SharedObject.NoWriteAccess".to_vec(), b"error".to_vec()),
        Change::Clear,
        Change::Remove(b"b".to_vec()),
        Change::RequestRemove(Vec::new()),
        Change::UseSuccess,
    ]
}

/// A type 19 message with these events.
fn with_events(events: &[u8]) -> Vec<u8> {
    [b"\x00\x04room\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00", events].concat()
}

fn read_events(events: &[u8]) -> Vec<Change> {
    SharedObject::read(Encoding::Amf0, &with_events(events)).unwrap().events
}

#[test]
fn a_message_is_these_bytes() {
    let written = message(Encoding::Amf0, all_events()).payload(Encoding::Amf0);
    let expected = with_events(
        &[
            b"\x01\0\0\0\0\x02\0\0\0\0".as_slice(),
            b"\x03\0\0\0\x0a\0\x01a\x02\0\x04text",
            b"\x04\0\0\0\x1c\0\x01b\x03\0\x01x\0\x3f\xf0\0\0\0\0\0\0\0\x01y\x02\0\x03two\0\0\x09",
            b"\x05\0\0\0\x03\0\x01a",
            b"\x06\0\0\0\x2e\x02\0\x07handler\0\x3f\xf0\0\0\0\0\0\0\x01\x01",
            b"\x03\0\x01x\0\x3f\xf0\0\0\0\0\0\0\0\x01y\x02\0\x03two\0\0\x09",
            b"\x07\0\0\0\x23\0\x1aSharedObject.NoWriteAccess\0\x05error",
            b"\x08\0\0\0\0\x09\0\0\0\x03\0\x01b\x0a\0\0\0\x02\0\0\x0b\0\0\0\0",
        ]
        .concat(),
    );
    assert_eq!(written.escape_ascii().to_string(), expected.escape_ascii().to_string());
    let in_amf3 = message(Encoding::Amf3, all_events()).payload(Encoding::Amf3);
    assert_eq!(in_amf3, [&[0], expected.as_slice()].concat(), "one format byte more");
}

#[test]
fn every_event_reads_as_it_was_written_in_both_types() {
    for encoding in [Encoding::Amf0, Encoding::Amf3] {
        let message = SharedObject { persistent: true, ..message(encoding, all_events()) };
        assert_eq!(SharedObject::read(encoding, &message.payload(encoding)), Some(message));
    }
}

#[test]
fn a_message_cut_anywhere_has_the_events_that_are_whole() {
    let events = all_events();
    let payload = message(Encoding::Amf3, events.clone()).payload(Encoding::Amf3);
    for cut in 0..payload.len() {
        match SharedObject::read(Encoding::Amf3, &payload[..cut]) {
            None => assert!(cut < 19, "cut at {cut}"),
            Some(message) => assert_eq!(message.events, events[..message.events.len()], "cut at {cut}"),
        }
    }
}

#[test]
fn several_attributes_in_one_event_are_several_changes() {
    let a = Change::RequestChange(b"a".to_vec(), raw(true));
    let b = Change::RequestChange(b"b".to_vec(), RawValue::new(&Value::Null));
    assert_eq!(read_events(b"\x03\0\0\0\x09\0\x01a\x01\x01\0\x01b\x05"), [a, b]);
}

#[test]
fn a_malformed_event_is_left_out_and_the_others_are_not() {
    for malformed in [
        b"\x03\0\0\0\x03\0\x01a".as_slice(),     // no value
        b"\x03\0\0\0\x04\0\x01a\xee",            // no such marker
        b"\x03\0\0\0\x06\0\x01a\x02\0\x09",      // a value longer than the event
        b"\x03\0\0\0\x07\0\x01a\x05\0\x09b",     // a second name longer than the event
        b"\x05\0\0\0\x02\0\x01",                 // a name longer than the event
        b"\x06\0\0\0\x00",                       // no handler
        b"\x06\0\0\0\x01\x05",                   // a handler that is no string
        b"\x07\0\0\0\x04\0\x02ab",               // no level
        b"\x03\0\0\0\x07\0\x01a\x11\x09\x80\0",  // AMF3 that ends early
        b"\x0c\0\0\0\x02\0\0\x0d\0\0\0\x02\0\0", // what only Adobe knows
        b"\xff\0\0\0\0",
    ] {
        let events = [b"\x01\0\0\0\0", malformed, b"\x02\0\0\0\0"].concat();
        assert_eq!(read_events(&events), [Change::Use, Change::Release], "{}", malformed.escape_ascii());
    }
    assert_eq!(read_events(b"\x01\0\0\0\0\x02\xff\xff\xff\xff"), [Change::Use]);
}

#[test]
fn adobes_own_request_to_clear_is_one() {
    assert_eq!(read_events(b"\x0e\0\0\0\0"), [Change::Clear]);
}

#[test]
fn a_payload_that_is_too_long_or_of_an_unknown_format_is_no_message() {
    let padded = |length: usize| {
        let mut payload = with_events(b"\x01\0\0\0\0");
        payload.resize(length, 0xff);
        payload
    };
    assert!(SharedObject::read(Encoding::Amf0, &padded(MAX_PAYLOAD)).is_some());
    assert!(SharedObject::read(Encoding::Amf0, &padded(MAX_PAYLOAD + 1)).is_none());
    assert!(SharedObject::read(Encoding::Amf3, &[&[3], with_events(b"").as_slice()].concat()).is_none());
    assert_eq!(read_events(&b"\x01\0\0\0\0".repeat(MAX_EVENTS + 1)).len(), MAX_EVENTS);
    let pairs = b"\0\0\x05".repeat(MAX_EVENTS + 1);
    let many = [b"\x03", (pairs.len() as u32).to_be_bytes().as_slice(), &pairs].concat();
    assert_eq!(read_events(&many).len(), MAX_EVENTS);
}

#[test]
fn an_amf3_value_reaches_amf3_as_it_came_and_amf0_in_its_own_words() {
    // {a: "x"} and a byte array.
    let object = b"\x11\x0a\x0b\x01\x03a\x06\x03x\x01".as_slice();
    let bytes = b"\x11\x0c\x05ab".as_slice();
    let event = |object: &[u8], bytes: &[u8]| {
        let (first, second) = ([b"\0\x01o", object].concat(), [b"\0\x01b", bytes].concat());
        let length = ((first.len() + second.len()) as u32).to_be_bytes();
        [b"\x03", length.as_slice(), &first, &second].concat()
    };
    let payload = [&[0], with_events(&event(object, bytes)).as_slice()].concat();
    let message = SharedObject::read(Encoding::Amf3, &payload).unwrap();
    let raw = |name: &str, bytes: &[u8]| Change::RequestChange(name.into(), RawValue(bytes.into()));
    assert_eq!(message.events, [raw("o", object), raw("b", bytes)]);
    let amf0 = message.payload(Encoding::Amf0);
    let read = SharedObject::read(Encoding::Amf0, &amf0).unwrap();
    let object = Value::Object(Object::default().with("a", "x"));
    let expected = [("o", object), ("b", Value::Unsupported)];
    let expected = expected.map(|(name, value)| Change::RequestChange(name.into(), RawValue::new(&value)));
    assert_eq!(read.events, expected);
}

#[test]
fn amf3_references_unfold_into_no_more_than_a_message() {
    // An array whose items all are the same long string.
    let mut value = vec![0x11, 9, 0x87, 0x6b, 0x01, 6, 0x87, 0x69];
    value.extend([b'x'; 500]);
    value.extend([6, 0].repeat(500));
    let mut reader = Reader::new(&value);
    let value = RawValue::read(&mut reader, &mut Budget::new()).map(|(value, _)| value);
    let Ok(value) = value else { panic!("{value:?}") };
    let message = message(Encoding::Amf3, vec![Change::Change(b"a".to_vec(), value); 20]);
    assert!(message.payload(Encoding::Amf0).len() < 2 * MAX_PAYLOAD);
}

#[test]
fn nothing_is_null_or_undefined() {
    assert!(RawValue::new(&Value::Null).is_nothing() && RawValue::new(&Value::Undefined).is_nothing());
    assert!(RawValue([0x11, 1].as_slice().into()).is_nothing());
    assert!(!raw(false).is_nothing() && !raw("").is_nothing());
}

fn any_value() -> impl Strategy<Value = RawValue> {
    prop_oneof![
        any::<f64>().prop_map(raw),
        ".{0,20}".prop_map(|text| raw(text.as_str())),
        prop::collection::vec(any::<bool>(), 0..5).prop_map(|flags| {
            RawValue::new(&Value::StrictArray(flags.into_iter().map(Value::Boolean).collect()))
        }),
        (-1i32..64).prop_map(|byte| RawValue([0x11, 4, (byte & 0x7f) as u8].as_slice().into())),
    ]
}

fn any_name() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..30)
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Use),
        Just(Change::Release),
        Just(Change::Clear),
        Just(Change::UseSuccess),
        (any_name(), any_value()).prop_map(|(name, value)| Change::RequestChange(name, value)),
        (any_name(), any_value()).prop_map(|(name, value)| Change::Change(name, value)),
        any_name().prop_map(Change::Success),
        any_name().prop_map(Change::Remove),
        any_name().prop_map(Change::RequestRemove),
        (any_name(), any_name()).prop_map(|(code, level)| Change::Status(code, level)),
        prop::collection::vec(any_value(), 0..4).prop_map(|mut values| {
            values.insert(0, raw("handler"));
            Change::SendMessage(values)
        }),
    ]
}

proptest! {
    #[test]
    fn any_message_reads_as_it_was_written(
        name in any_name(),
        version in any::<u32>(),
        persistent in any::<bool>(),
        events in prop::collection::vec(any_change(), 0..20),
    ) {
        let message = SharedObject { encoding: Encoding::Amf3, name, version, persistent, events };
        prop_assert_eq!(SharedObject::read(Encoding::Amf3, &message.payload(Encoding::Amf3)), Some(message));
    }

    #[test]
    fn any_bytes_are_a_message_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = SharedObject::read(Encoding::Amf3, &bytes);
        for change in read_events(&bytes) {
            message(Encoding::Amf0, vec![change]).payload(Encoding::Amf0);
        }
    }

    #[test]
    fn an_event_with_any_data_is_read_or_left_out(
        type_id in 0u8..16,
        data in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let length = (data.len() as u32).to_be_bytes();
        let bytes = [&[type_id], length.as_slice(), &data, b"\x01\0\0\0\0"].concat();
        let events = read_events(&bytes);
        prop_assert_eq!(events.last(), Some(&Change::Use));
    }
}
