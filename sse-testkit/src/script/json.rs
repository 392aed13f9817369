//! Reads a script from JSON.

mod write;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    error::ScriptError,
    step::{self, Step},
    time::{self, ALLOWED},
};
use crate::escape::quoted;

pub(super) use write::write;

/// The steps that may be a string.
const WORDS: &str = "accept, expect_reconnect, expect_disconnect, drop, end, reset, stall";

/// The fields that say which step an object is. If an object has two of them, the first of this list counts; the other
/// is an option of it, or an error.
const DOES: [&str; 13] = [
    "accept",
    "expect_reconnect",
    "expect_disconnect",
    "head",
    "event",
    "redirect",
    "status",
    "comment",
    "retry",
    "raw",
    "raw_base64",
    "wait",
    "expect_silence",
];

/// The number of bytes of a step that an error shows.
const SHOWN: usize = 200;

/// Reads the steps, without checking them.
pub(super) fn read(text: &str) -> Result<Vec<Step>, ScriptError> {
    let steps = match serde_json::from_str(text) {
        Ok(Value::Array(steps)) => steps,
        Ok(other) => {
            return Err(ScriptError::new(format!("the script is {}; allowed is an array of steps", kind(&other))));
        }
        Err(error) => return Err(ScriptError::new(format!("the script is not JSON: {error}"))),
    };
    (1..)
        .zip(steps)
        .map(|(number, value)| {
            let written = shown(&value);
            step_of(value).map_err(|error| ScriptError::at(number, written, error))
        })
        .collect()
}

fn step_of(value: Value) -> Result<Step, String> {
    match value {
        Value::String(word) => self::word(&word),
        Value::Object(fields) => object(fields),
        other => Err(format!("a step can't be {}; allowed is a word ({WORDS}) or an object", kind(&other))),
    }
}

fn word(word: &str) -> Result<Step, String> {
    Ok(match word {
        "accept" => step::accept().into(),
        "expect_reconnect" => step::expect_reconnect().into(),
        "expect_disconnect" => step::expect_disconnect().into(),
        "drop" => step::drop(),
        "end" => step::end(),
        "reset" => step::reset(),
        "stall" => step::stall(),
        _ if DOES.contains(&word) => return Err(format!("it needs a value: {{\"{word}\": ...}}")),
        _ => return Err(format!("there is no such step; allowed as a word is {WORDS}")),
    })
}

fn object(fields: Map<String, Value>) -> Result<Step, String> {
    let Some(does) = DOES.into_iter().find(|does| fields.contains_key(*does)) else {
        return Err(format!("it does not say what to do; allowed is one of {}", DOES.join(", ")));
    };
    let mut fields = StepFields { of: does, fields, known: Vec::new() };
    let value = fields.fields.remove(does).unwrap_or_default();
    let step = match does {
        "accept" => accept(step::accept(), does, value)?,
        "expect_reconnect" => accept(step::expect_reconnect(), does, value)?,
        "expect_disconnect" => {
            let mut fields = StepFields::within(does, value)?;
            let mut step = step::expect_disconnect();
            step.within = fields.time("within")?;
            fields.finish()?;
            step.into()
        }
        "head" => {
            let mut step = step::head(status(does, &value)?);
            for (name, value) in fields.headers()? {
                step = match value {
                    Some(value) => step.header(name, value),
                    None => step.no_header(name),
                };
            }
            step.into()
        }
        "event" => {
            let mut step = step::event(text(does, value)?);
            step.name = fields.text("name")?;
            step.id = fields.text("id")?;
            step.retry = fields.time("retry")?;
            step.into()
        }
        "redirect" | "status" => {
            let mut step = if does == "status" {
                step::status(status(does, &value)?)
            } else {
                let step = step::redirect(text(does, value)?);
                match fields.take("status") {
                    Some(code) => step.status(status("status", &code)?),
                    None => step,
                }
            };
            for (name, value) in fields.headers()? {
                step = match value {
                    Some(value) => step.header(name, value),
                    None => step.no_header(name),
                };
            }
            step.body(fields.text("body")?.unwrap_or_default()).into()
        }
        "comment" => step::comment(text(does, value)?),
        "retry" => step::retry(self::time(does, value)?),
        "raw" => step::raw(text(does, value)?),
        "raw_base64" => {
            let text = text(does, value)?;
            step::raw(
                STANDARD
                    .decode(&text)
                    .map_err(|error| format!("{does} is {}; it is not base64: {error}", quoted(&text)))?,
            )
        }
        "wait" => step::wait(self::time(does, value)?),
        _ => step::expect_silence(self::time(does, value)?),
    };
    fields.finish()?;
    Ok(step)
}

fn accept(mut step: super::AcceptStep, of: &'static str, value: Value) -> Result<Step, String> {
    let mut fields = StepFields::within(of, value)?;
    step.method = fields.text("method")?;
    step.path = fields.text("path")?;
    match fields.take("last_event_id") {
        None => {}
        Some(Value::Null) => step = step.no_last_event_id(),
        Some(id) => step = step.last_event_id(text("last_event_id", id)?),
    }
    for (name, value) in fields.headers()? {
        step = match value {
            Some(value) => step.header(name, value),
            None => step.no_header(name),
        };
    }
    step.not_before = fields.time("not_before")?;
    step.within = fields.time("within")?;
    fields.finish()?;
    Ok(step.into())
}

/// The fields of an object that have not been read yet.
struct StepFields {
    of: &'static str,
    fields: Map<String, Value>,
    /// The names that were asked for.
    known: Vec<&'static str>,
}

impl StepFields {
    /// The options in the value of the field `of`.
    fn within(of: &'static str, value: Value) -> Result<Self, String> {
        match value {
            Value::Object(fields) => Ok(Self { of, fields, known: Vec::new() }),
            other => Err(format!("{of} is {}; allowed is an object, or the word alone", kind(&other))),
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.fields.remove(name)
    }

    fn text(&mut self, name: &'static str) -> Result<Option<String>, String> {
        self.take(name).map(|value| text(name, value)).transpose()
    }

    fn time(&mut self, name: &'static str) -> Result<Option<Duration>, String> {
        self.take(name).map(|value| time(name, value)).transpose()
    }

    fn headers(&mut self) -> Result<Vec<(String, Option<String>)>, String> {
        const ALLOWED: &str = "a text, null for a field that is not to be there, or an array of these";
        let fields = match self.take("headers") {
            None => return Ok(Vec::new()),
            Some(Value::Object(fields)) => fields,
            Some(other) => return Err(format!("headers is {}; allowed is an object", kind(&other))),
        };
        let mut headers = Vec::new();
        for (name, value) in fields {
            let values = match value {
                Value::Array(values) => values,
                one => vec![one],
            };
            for value in values {
                let value = match value {
                    Value::String(value) => Some(value),
                    Value::Null => None,
                    other => {
                        return Err(format!("the header {} is {}; allowed is {ALLOWED}", quoted(&name), kind(&other)));
                    }
                };
                headers.push((name.clone(), value));
            }
        }
        Ok(headers)
    }

    /// Fails if a field is left.
    fn finish(self) -> Result<(), String> {
        let Some(name) = self.fields.keys().next() else { return Ok(()) };
        let allowed = match &*self.known {
            [] => "nothing else".to_owned(),
            known => known.join(", "),
        };
        Err(format!("the field {} does not belong to {}; allowed is {allowed}", quoted(name), self.of))
    }
}

fn text(field: &str, value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("{field} is {}; allowed is a text", kind(&other))),
    }
}

fn time(field: &str, value: Value) -> Result<Duration, String> {
    let value = match value {
        Value::String(text) => match time::parse(&text) {
            Some(time) => return Ok(time),
            None => quoted(&text).to_string(),
        },
        Value::Number(number) => number.to_string(),
        other => kind(&other).to_owned(),
    };
    Err(format!("{field} is {value}; allowed is a text of {ALLOWED}"))
}

fn status(field: &str, value: &Value) -> Result<u16, String> {
    let code = value.as_u64().and_then(|code| u16::try_from(code).ok());
    code.ok_or_else(|| {
        let value = match value {
            Value::Number(number) => number.to_string(),
            other => kind(other).to_owned(),
        };
        format!("{field} is {value}; allowed is a status code, 200 to 599")
    })
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn shown(value: &Value) -> String {
    let mut text = value.to_string();
    if text.len() > SHOWN {
        let end = (0..=SHOWN).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
        text.push_str(" ...");
    }
    text
}
