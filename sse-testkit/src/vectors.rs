//! The vectors of the format: streams with what a client sees of them, and events with their encoding. There is one
//! copy, beside sse-core's tests.

use std::time::Duration;

use serde_json::Value;

use crate::seen::Event;

/// What a client sees of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) events: Vec<Event>,
    pub(crate) last_event_id: String,
    pub(crate) retry: Option<Duration>,
}

/// A stream to read.
#[derive(Debug)]
pub(crate) struct Parse {
    pub(crate) name: String,
    /// The test or the clause that it comes from.
    pub(crate) source: String,
    pub(crate) chunks: Vec<Vec<u8>>,
    pub(crate) last_event_id: String,
    pub(crate) expected: Expected,
}

/// An event to write.
#[derive(Debug)]
pub(crate) struct Encode {
    pub(crate) name: String,
    pub(crate) event: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) comment: Option<String>,
    pub(crate) retry: Option<Duration>,
}

pub(crate) fn parse() -> Vec<Parse> {
    let plain = read(include_str!("../../sse-core/tests/vectors/parse.json"));
    let seeded = read(include_str!("../../sse-core/tests/vectors/parse_seeded.json"));
    plain.iter().chain(&seeded).map(parse_vector).collect()
}

pub(crate) fn encode() -> Vec<Encode> {
    read(include_str!("../../sse-core/tests/vectors/encode.json")).iter().map(encode_vector).collect()
}

// The files are compiled in, and this module's tests read them. So a panic here is a bug of the kit, not of a run.

fn read(json: &str) -> Vec<Value> {
    serde_json::from_str(json).expect("a file of vectors is an array")
}

fn parse_vector(vector: &Value) -> Parse {
    let chunks = match (vector["chunks"].as_array(), vector["chunks_b64"].as_array()) {
        (Some(texts), _) => texts.iter().map(|text| string(text).into_bytes()).collect(),
        (None, Some(encoded)) => encoded.iter().map(|text| base64(&string(text))).collect(),
        (None, None) => panic!("a vector has chunks: {vector}"),
    };
    Parse {
        name: string(&vector["name"]),
        source: string(&vector["source"]),
        chunks,
        last_event_id: vector["initial_last_event_id"].as_str().unwrap_or_default().into(),
        expected: expected(vector),
    }
}

fn encode_vector(vector: &Value) -> Encode {
    let input = &vector["input"];
    let text = |field: &str| input[field].as_str().map(Into::into);
    Encode {
        name: string(&vector["name"]),
        event: text("event"),
        data: text("data"),
        id: text("id"),
        comment: text("comment"),
        retry: input["retry"].as_u64().map(Duration::from_millis),
    }
}

fn expected(vector: &Value) -> Expected {
    let events = vector["events"].as_array().expect("a vector has events");
    Expected {
        events: events
            .iter()
            .map(|event| Event {
                name: string(&event["event"]),
                data: string(&event["data"]),
                id: string(&event["id"]),
            })
            .collect(),
        last_event_id: string(&vector["last_event_id"]),
        retry: vector["retry_ms"].as_u64().map(Duration::from_millis),
    }
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text is wanted in a vector, not {value}")).into()
}

/// Decodes standard base64, with or without padding.
fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    for group in text.as_bytes().chunks(4) {
        let digits: Vec<_> = group.iter().filter_map(|byte| DIGITS.iter().position(|digit| digit == byte)).collect();
        let bits = digits.iter().enumerate().fold(0, |bits, (place, digit)| bits | digit << (18 - 6 * place));
        bytes.extend((1..digits.len()).map(|byte| (bits >> (24 - 8 * byte)) as u8));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_vector_is_read_and_has_a_name_of_its_own() {
        let (parse, encode) = (parse(), encode());
        assert!(parse.len() > 120 && encode.len() >= 20, "{} and {}", parse.len(), encode.len());
        assert_eq!(parse.iter().map(|vector| &vector.name).collect::<BTreeSet<_>>().len(), parse.len());
        assert_eq!(encode.iter().map(|vector| &vector.name).collect::<BTreeSet<_>>().len(), encode.len());
        assert!(parse.iter().any(|vector| vector.last_event_id == "9"));
    }

    #[test]
    fn base64_with_and_without_padding() {
        assert_eq!(base64("/w=="), [0xFF]);
        assert_eq!(base64("/wA="), [0xFF, 0]);
        assert_eq!(base64("/wCA"), [0xFF, 0, 0x80]);
    }

    #[test]
    fn vectors_in_base64_are_those_that_are_not_text() {
        let vector = parse().into_iter().find(|vector| vector.name == "utf8-surrogate");
        assert!(String::from_utf8(vector.unwrap().chunks.concat()).is_err());
    }
}
