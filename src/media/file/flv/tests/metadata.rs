use super::*;

/// The values of the first message of a file with this metadata, and whether it is as it was.
fn given(kind: Kind, body: &[u8]) -> (Vec<Value>, bool) {
    let mut file = Writer::new();
    file.tag(kind, 0, body);
    file.configurations();
    file.picture(0, true, 10);
    file.picture(40, false, 10);
    let mut reading = Reading::open(Memory::new(file.0)).unwrap();
    let message = reading.next().unwrap().unwrap();
    assert_eq!((message.role, message.kind), (MessageRole::Data, kind));
    let values = if kind == Kind::Data { &message.body[..] } else { &message.body[1..] };
    (amf0::decode_until_fault(values).0, message.body == body)
}

fn object_of(values: &[Value]) -> &Object {
    values[1].as_object().unwrap()
}

#[test]
fn a_duration_is_set_where_there_is_none() {
    let with =
        |duration: f64| Object::default().with("width", 64.0).with("duration", duration).with("title", "a");
    let without = Object::default().with("width", 64.0).with("title", "a");
    let set = with(0.04);
    for value in [Value::EcmaArray(with(0.0)), Value::Object(with(0.0))] {
        let (values, is_same) = given(Kind::Data, &amf0::encode_all(&["onMetaData".into(), value]));
        assert_eq!((object_of(&values), is_same), (&set, false));
    }
    for value in [Value::EcmaArray(without.clone()), Value::Object(without.clone())] {
        let body = amf0::encode_all(&["onMetaData".into(), value]);
        let (values, _) = given(Kind::Data, &body);
        assert_eq!(object_of(&values).0[0], ("duration".to_owned(), 0.04.into()));
        assert_eq!(object_of(&values).0[1..], without.0);
        assert_eq!(given(Kind::DataAmf3, &[&[0], &body[..]].concat()).0, values);
    }
    for number in [7.0, 0.001] {
        assert!(given(Kind::Data, &on_metadata(with(number))).1);
    }
    assert!(given(Kind::Data, b"\x02\x00\x0aonMetaData\x05").1);
    assert!(given(Kind::Data, b"\x02\x00\x0aonMetaData\x08\0\0\0\0\0\x01a\x07\0\0").1);
}

#[test]
fn who_begins_in_the_middle_gets_the_metadata_once() {
    for duration in [0.0, 7.0] {
        let mut file = Writer::new();
        file.tag(Kind::Data, 0, &on_metadata(Object::default().with("duration", duration)));
        file.configurations();
        for number in 0..50 {
            file.picture(number * 40, number % 25 == 0, 10);
        }
        let mut reading = Reading::open(Memory::new(file.0)).unwrap();
        assert_eq!(reading.seek(1500), 1000);
        let first = reading.next().unwrap().unwrap();
        let values = amf0::decode_until_fault(&first.body).0;
        let expected = if duration > 0.0 { duration } else { 1.96 };
        assert_eq!(object_of(&values).number("duration"), Some(expected));
        assert_eq!((first.role, first.time), (MessageRole::Data, 1000));
        for to in [1500, 0, 500] {
            reading.seek(to);
            let (messages, _) = reading.rest();
            assert!(messages[0].role != MessageRole::Data, "{:?}", messages[0]);
        }
    }
}

#[test]
fn a_long_index_is_not_sent() {
    let list = |count: usize| Value::StrictArray(vec![Value::Number(1.0); count]);
    for count in [3000, 100_000] {
        let keyframes = Object::default().with("times", list(count)).with("filepositions", list(count));
        let object = |duration: f64| {
            Object::default()
                .with("width", 64.0)
                .with("keyframes", Value::Object(keyframes.clone()))
                .with("duration", duration)
                .with("title", "a")
        };
        for duration in [0.0, 7.0] {
            let body = on_metadata(object(duration));
            let (values, is_same) = given(Kind::Data, &body);
            let is_long = body.len() > 65_536;
            assert_eq!(is_same, !is_long && duration > 0.0);
            let object = object_of(&values);
            assert_eq!(object.get("keyframes").is_some(), !is_long);
            let expected = if duration > 0.0 { 7.0 } else { 0.04 };
            assert_eq!((object.number("duration"), object.str("title")), (Some(expected), Some("a")));
        }
    }
}

#[test]
fn other_data_is_given_as_it_is() {
    let mut file = Writer::new();
    let bodies = [
        (Kind::Data, &b"\x02\x00\x0aonCuePoint\x05"[..]),
        (Kind::DataAmf3, b"\x00\x02\x00\x0aonTextData\x11\x0a\x01"),
        (Kind::Data, b"\xff\xff"),
    ];
    file.configurations();
    file.picture(0, true, 10);
    for (kind, body) in bodies {
        file.tag(kind, 20, body);
    }
    file.tag(Kind::Data, 0, &on_metadata(Object::default().with("late", true)));
    file.picture(40, false, 10);
    let mut reading = Reading::open(Memory::new(file.0)).unwrap();
    let (messages, _) = reading.rest();
    let data = messages.iter().filter(|message| message.role == MessageRole::Data);
    let data: Vec<_> = data.map(|message| (message.kind, message.time, message.body.clone())).collect();
    assert_eq!(data[..3], bodies.map(|(kind, body)| (kind, 20, body.to_vec())));
    assert_eq!((data.len(), data[3].1, messages.last().unwrap().time), (4, 0, 40));
}
