//! Typed events: how each kind of variant maps, and what is refused.
#![cfg(feature = "serde")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sse_core::typed::{self, DecodeError, EncodeError, Schema, SchemaError};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum All {
    Nothing,
    OneText(String),
    OneOption(Option<u8>),
    Pair(u8, String),
    Named {
        #[serde(rename = "with\nnewline")]
        first: u8,
        second: Vec<u8>,
    },
    #[serde(rename = "re named", alias = "formerly")]
    Renamed(BTreeMap<String, u8>),
}

/// A value as serde_json has it, and the event that it is.
#[derive(Deserialize)]
struct Vector {
    value: serde_json::Value,
    name: String,
    data: String,
}

#[test]
fn every_kind_of_variant_there_and_back() {
    let schema = Schema::<All>::new().unwrap();
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("../vectors/typed.json")).unwrap();
    for Vector { value, name, data } in vectors {
        let value: All = serde_json::from_value(value).unwrap();
        let event = typed::encode(&value).unwrap().build();
        assert_eq!((event.name(), event.data().unwrap().as_str()), (&*name, &*data));
        assert_eq!(schema.decode(&name, &data).unwrap(), value);
    }
}

#[test]
fn the_names_are_the_types_own_aliases_included() {
    let mut names = Schema::<All>::new().unwrap().names().to_vec();
    names.sort_unstable();
    assert_eq!(names, ["formerly", "named", "nothing", "one_option", "one_text", "pair", "re named"]);
}

#[test]
fn an_alias_is_read() {
    let value = Schema::<All>::new().unwrap().decode("formerly", "{}").unwrap();
    assert_eq!(value, All::Renamed(BTreeMap::new()));
}

#[test]
fn a_unit_variant_is_read_from_nothing_or_null() {
    let schema = Schema::<All>::new().unwrap();
    assert_eq!(schema.decode("nothing", "null").unwrap(), All::Nothing);
    assert!(matches!(schema.decode("nothing", "1"), Err(DecodeError::Unit)));
}

#[test]
fn what_does_not_fit_is_an_error() {
    let schema = Schema::<All>::new().unwrap();
    assert!(matches!(schema.decode("message", "1"), Err(DecodeError::Name(name)) if name == "message"));
    for (name, data) in [("pair", "[1]"), ("pair", "[1,\"x\"] 2"), ("one_text", "raw"), ("named", ""), ("named", "[]")]
    {
        assert!(matches!(schema.decode(name, data), Err(DecodeError::Data(_))), "{name} {data}");
    }
}

#[derive(Debug, PartialEq, Deserialize)]
enum Open {
    Known(u8),
    #[serde(other)]
    Unknown,
}

#[test]
fn other_takes_any_name_with_any_data() {
    let schema = Schema::<Open>::new().unwrap();
    assert_eq!(schema.decode("news", "not json").unwrap(), Open::Unknown);
    assert_eq!(schema.decode("Known", "3").unwrap(), Open::Known(3));
    // its own name is a variant's like any other
    assert_eq!(schema.decode("Unknown", "").unwrap(), Open::Unknown);
    assert!(matches!(schema.decode("Unknown", "not json"), Err(DecodeError::Unit)));
}

#[test]
fn other_shapes_are_no_schema() {
    #[derive(Deserialize)]
    #[serde(tag = "type")]
    enum Internal {
        _A,
    }
    #[derive(Deserialize)]
    #[serde(tag = "t", content = "c")]
    enum Adjacent {
        _A,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        _A(#[allow(dead_code, reason = "only the type's shape is asked for")] u8),
    }
    #[derive(Deserialize)]
    struct Struct {
        _a: u8,
    }
    let refused = Err(SchemaError::NotExternallyTagged);
    assert_eq!(Schema::<Internal>::new().map(|_| ()), refused);
    assert_eq!(Schema::<Adjacent>::new().map(|_| ()), refused);
    assert_eq!(Schema::<Untagged>::new().map(|_| ()), refused);
    assert_eq!(Schema::<Struct>::new().map(|_| ()), refused);
    assert_eq!(Schema::<Option<Open>>::new().map(|_| ()), refused);
    assert_eq!(Schema::<String>::new().map(|_| ()), refused);
}

#[test]
fn a_name_that_cannot_be_sent_is_refused() {
    #[derive(Serialize, Deserialize)]
    enum Forged {
        #[serde(rename = "a\ndata: forged")]
        A,
    }
    assert!(matches!(Schema::<Forged>::new(), Err(SchemaError::Name("a\ndata: forged"))));
    assert!(matches!(typed::encode(&Forged::A), Err(EncodeError::Name(_))));
}

#[test]
fn what_is_no_variant_is_not_encoded() {
    assert!(matches!(typed::encode("text"), Err(EncodeError::NotAVariant)));
    assert!(matches!(typed::encode(&Some(All::Nothing)), Err(EncodeError::NotAVariant)));
}
