//! Values that both versions can write, for their round trips.

use proptest::prelude::*;

use super::{Object, Value};

/// Any value that AMF0 and AMF3 tell alike: names and associative arrays are not empty.
pub fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<f64>().prop_filter("a number", |number| !number.is_nan()).prop_map(Value::Number),
        any::<i32>().prop_map(|number| Value::Number(f64::from(number))),
        any::<bool>().prop_map(Value::Boolean),
        ".{0,20}".prop_map(Value::String),
        ".{0,20}".prop_map(Value::Xml),
        (-1e15..1e15f64).prop_map(Value::Date),
        Just(Value::Null),
        Just(Value::Undefined),
    ];
    leaf.prop_recursive(6, 60, 5, |inner| {
        let object = |least| prop::collection::vec((".{1,8}", inner.clone()), least..5).prop_map(Object);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::StrictArray),
            object(0).prop_map(Value::Object),
            object(1).prop_map(Value::EcmaArray),
            ("[a-z.]{1,10}", object(0)).prop_map(|(class, object)| Value::TypedObject(class, object)),
        ]
    })
}
