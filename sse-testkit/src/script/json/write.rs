//! Writes a script as JSON.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::script::{
    builders::{AcceptStep, REDIRECT},
    step::{Step, StepKind},
    time::WrittenTime,
};

/// The step as JSON that [`read`](super::read) reads.
pub(in super::super) fn write(step: &Step) -> Value {
    match &step.0 {
        StepKind::Accept(step) => accept(step),
        StepKind::Head(step) => {
            let mut fields = WrittenFields::of("head", step.status);
            fields.headers(&step.headers);
            fields.whole()
        }
        StepKind::Event(step) => {
            let mut fields = WrittenFields::of("event", &*step.data);
            fields.put("name", step.name.as_deref());
            fields.put("id", step.id.as_deref());
            fields.put("retry", step.retry.map(time));
            fields.whole()
        }
        StepKind::Answer(step) => {
            let mut fields = match &step.location {
                None => WrittenFields::of("status", step.status),
                Some(location) => WrittenFields::of("redirect", &**location),
            };
            fields.put("status", step.location.is_some().then_some(step.status).filter(|code| *code != REDIRECT));
            fields.headers(&step.headers);
            fields.put("body", Some(&*step.body).filter(|body| !body.is_empty()));
            fields.whole()
        }
        StepKind::Disconnect(step) => match step.within {
            None => "expect_disconnect".into(),
            Some(within) => json!({ "expect_disconnect": { "within": time(within) } }),
        },
        StepKind::Raw(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => json!({ "raw": text }),
            Err(_) => json!({ "raw_base64": STANDARD.encode(bytes) }),
        },
        StepKind::Comment(text) => json!({ "comment": text }),
        StepKind::Retry(retry) => json!({ "retry": time(*retry) }),
        StepKind::Wait(wait) => json!({ "wait": time(*wait) }),
        StepKind::Silence(silence) => json!({ "expect_silence": time(*silence) }),
        StepKind::Drop => "drop".into(),
        StepKind::End => "end".into(),
        StepKind::Reset => "reset".into(),
        StepKind::Stall => "stall".into(),
    }
}

fn accept(step: &AcceptStep) -> Value {
    let word = if step.again { "expect_reconnect" } else { "accept" };
    let mut fields = WrittenFields(Map::new());
    fields.put("method", step.method.as_deref());
    fields.put("path", step.path.as_deref());
    let is_id = |(name, _): &&(String, Option<String>)| name == "last-event-id";
    let ids: Vec<_> = step.headers.iter().filter(is_id).collect();
    match &*ids {
        // the usual case has its own field
        [(_, id)] => {
            fields.0.insert("last_event_id".into(), id.clone().into());
            let others: Vec<_> = step.headers.iter().filter(|header| !is_id(header)).cloned().collect();
            fields.headers(&others);
        }
        _ => fields.headers(&step.headers),
    }
    fields.put("not_before", step.not_before.map(time));
    fields.put("within", step.within.map(time));
    if fields.0.is_empty() { word.into() } else { json!({ word: fields.0 }) }
}

struct WrittenFields(Map<String, Value>);

impl WrittenFields {
    fn of(name: &str, value: impl Into<Value>) -> Self {
        Self(Map::from_iter([(name.to_owned(), value.into())]))
    }

    fn put(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.0.insert(name.into(), value.into());
        }
    }

    fn headers(&mut self, headers: &[(String, Option<String>)]) {
        let mut object = Map::new();
        for of_a_name in headers.chunk_by(|(a, _), (b, _)| a == b) {
            let value = match of_a_name {
                [(_, one)] => one.clone().into(),
                many => many.iter().map(|(_, value)| Value::from(value.clone())).collect(),
            };
            object.insert(of_a_name[0].0.clone(), value);
        }
        self.put("headers", Some(object).filter(|object| !object.is_empty()));
    }

    fn whole(self) -> Value {
        Value::Object(self.0)
    }
}

fn time(time: Duration) -> String {
    WrittenTime(time).to_string()
}
