//! The standard's prose, line by line, with no thought for speed. What is here is meant to be compared with the text.
//!
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>

use std::time::Duration;

use sse_core::{BlockPart, Limit, Limits, NotUtf8};

use super::Outcome;

/// Reads a whole stream. Invalid UTF-8 is replaced in each value, which is the same as in the whole stream, since lines
/// and fields are told apart by ASCII.
pub(crate) fn read(stream: &[u8], limits: Limits, last_event_id: &str) -> Outcome {
    interpret(stream, limits, last_event_id, dispatch)
}

/// The same where what is not UTF-8 is dropped. That is not the standard's, but the documentation's of `Parser::strict`.
pub(crate) fn read_strict(stream: &[u8], limits: Limits, last_event_id: &str) -> Outcome {
    interpret(stream, limits, last_event_id, dispatch_strict)
}

fn interpret(stream: &[u8], limits: Limits, last_event_id: &str, dispatch: fn(Block, &mut Outcome)) -> Outcome {
    let mut outcome = Outcome { last_event_id: last_event_id.into(), ..Outcome::default() };
    // "One leading U+FEFF BYTE ORDER MARK character must be ignored if any are present."
    let stream = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let mut block = Block::default();
    for line in lines(stream) {
        if line.is_empty() {
            dispatch(std::mem::take(&mut block), &mut outcome);
        } else {
            process(&line, &mut block, &mut outcome, limits);
        }
    }
    outcome
}

#[derive(Default)]
struct Block {
    data: Option<Vec<u8>>,
    name: Vec<u8>,
    id: Option<Vec<u8>>,
    over: Option<Limit>,
}

/// "Lines must be separated by either a U+000D CARRIAGE RETURN U+000A LINE FEED (CRLF) character pair, a single U+000A
/// LINE FEED (LF) character, or a single U+000D CARRIAGE RETURN (CR) character." What is not ended is not a line yet.
fn lines(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    let mut bytes = stream.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\r' && bytes.peek() == Some(&b'\n') {
            bytes.next();
        }
        if byte == b'\r' || byte == b'\n' {
            lines.push(std::mem::take(&mut line));
        } else {
            line.push(byte);
        }
    }
    lines
}

fn process(line: &[u8], block: &mut Block, outcome: &mut Outcome, limits: Limits) {
    let too_long = line.len() > limits.line;
    let line = &line[..line.len().min(limits.line + 1)];
    let colon = line.iter().position(|byte| *byte == b':');
    let (field, value) = match colon {
        // "If the line starts with a U+003A COLON character (:): Ignore the line."
        Some(0) => {
            let comment = &line[1..];
            let comment = comment.strip_prefix(b" ").unwrap_or(comment);
            if !too_long {
                outcome.comments.push(String::from_utf8_lossy(comment).into());
            }
            return;
        }
        // "... If value starts with a U+0020 SPACE character, remove it from value."
        Some(at) => (&line[..at], line[at + 1..].strip_prefix(b" ").unwrap_or(&line[at + 1..])),
        // "Process the field using ... the whole line as the field name, and the empty string as the field value."
        None => (line, &[][..]),
    };
    match field {
        b"data" | b"event" | b"id" if too_long => {
            if field == b"data" {
                block.data.get_or_insert_default();
            }
            block.over.get_or_insert(Limit::Line);
        }
        b"event" if value.len() > limits.name => {
            block.over.get_or_insert(Limit::Name);
        }
        b"event" => block.name = value.into(),
        b"data" => {
            let data = match block.data.take() {
                Some(data) => [&data, &b"\n"[..], value].concat(),
                None => value.into(),
            };
            if data.len() > limits.event {
                block.over.get_or_insert(Limit::Event);
            }
            block.data = Some(data);
        }
        // "If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field value."
        b"id" if value.contains(&0) => {}
        b"id" if value.len() > limits.id => {
            block.over.get_or_insert(Limit::Id);
        }
        b"id" => block.id = Some(value.into()),
        // "If the field value consists of only ASCII digits ..."
        b"retry" if !too_long && !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
            let digits = std::str::from_utf8(value).unwrap();
            outcome.retry = Some(Duration::from_millis(digits.parse().unwrap_or(u64::MAX)));
        }
        _ => {}
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the block is over")]
fn dispatch(block: Block, outcome: &mut Outcome) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // "Set the last event ID string of the event source to the value of the last event ID buffer."
    if let Some(id) = &block.id {
        outcome.last_event_id = text(id);
    }
    if let Some(limit) = block.over {
        outcome.dropped.push(limit);
    } else if let Some(data) = &block.data {
        let name = if block.name.is_empty() { "message".into() } else { text(&block.name) };
        outcome.events.push((name, text(data), outcome.last_event_id.clone()));
    }
}

fn dispatch_strict(mut block: Block, outcome: &mut Outcome) {
    let parts =
        [(BlockPart::Id, &block.id), (BlockPart::Name, &Some(block.name.clone())), (BlockPart::Data, &block.data)];
    let fault = parts.into_iter().find_map(|(part, value)| {
        let error = std::str::from_utf8(value.as_ref()?).err()?;
        Some(NotUtf8 { part, valid_up_to: error.valid_up_to() })
    });
    if let Some(fault) = fault {
        if fault.part == BlockPart::Id {
            block.id = None;
        }
        if block.over.is_none() {
            outcome.faults.push(fault);
        }
        block.data = None; // it dispatches nothing
    }
    dispatch(block, outcome);
}
