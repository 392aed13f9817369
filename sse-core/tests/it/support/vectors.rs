//! The vectors as the tests use them.

use std::time::Duration;

use serde_json::Value;

use super::Outcome;

pub(crate) struct Parse {
    pub(crate) name: String,
    pub(crate) chunks: Vec<Vec<u8>>,
    pub(crate) initial_last_event_id: String,
    pub(crate) expect: Outcome,
}

pub(crate) struct Encode {
    pub(crate) name: String,
    pub(crate) input: Value,
    pub(crate) reject: Option<String>,
    pub(crate) wire: String,
    pub(crate) parsed: Outcome,
}

pub(crate) fn parse() -> Vec<Parse> {
    read(include_str!("../../vectors/parse.json")).iter().map(parse_vector).collect()
}

pub(crate) fn parse_seeded() -> Vec<Parse> {
    read(include_str!("../../vectors/parse_seeded.json")).iter().map(parse_vector).collect()
}

pub(crate) fn encode() -> Vec<Encode> {
    read(include_str!("../../vectors/encode.json"))
        .iter()
        .map(|vector| {
            let expect = &vector["expect"];
            Encode {
                name: string(&vector["name"]),
                input: vector["input"].clone(),
                reject: expect.get("reject").map(string),
                wire: expect.get("wire").map(string).unwrap_or_default(),
                parsed: expect.get("parsed").map(outcome).unwrap_or_default(),
            }
        })
        .collect()
}

fn read(json: &str) -> Vec<Value> {
    serde_json::from_str(json).unwrap()
}

fn parse_vector(vector: &Value) -> Parse {
    let chunks = |key: &str, bytes: fn(&Value) -> Vec<u8>| {
        vector.get(key).map(|chunks| chunks.as_array().unwrap().iter().map(bytes).collect())
    };
    Parse {
        name: string(&vector["name"]),
        chunks: chunks("chunks", |text| string(text).into_bytes())
            .or_else(|| chunks("chunks_b64", |text| base64(text.as_str().unwrap())))
            .unwrap(),
        initial_last_event_id: vector.get("initial_last_event_id").map(string).unwrap_or_default(),
        expect: outcome(vector),
    }
}

fn outcome(expect: &Value) -> Outcome {
    let event = |event: &Value| (string(&event["event"]), string(&event["data"]), string(&event["id"]));
    Outcome {
        events: expect["events"].as_array().unwrap().iter().map(event).collect(),
        last_event_id: string(&expect["last_event_id"]),
        retry: expect["retry_ms"].as_u64().map(Duration::from_millis),
        ..Outcome::default()
    }
}

fn string(value: &Value) -> String {
    value.as_str().unwrap().into()
}

/// Standard base64, as the vectors have it.
fn base64(text: &str) -> Vec<u8> {
    let digit =
        |byte: u8| b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".iter().position(|b| *b == byte);
    let mut bytes = Vec::new();
    for group in text.as_bytes().chunks(4) {
        let digits: Vec<_> = group.iter().filter_map(|byte| digit(*byte)).collect();
        let bits = digits.iter().enumerate().fold(0, |bits, (i, digit)| bits | digit << (18 - 6 * i));
        bytes.extend((0..digits.len() - 1).map(|i| (bits >> (16 - 8 * i)) as u8));
    }
    bytes
}
