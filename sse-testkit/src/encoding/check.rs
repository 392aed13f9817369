//! Compares what a client reads with what was meant to be sent.

use std::time::Duration;

use sse_core::{EventRef, Item, Limits, Parser};

use super::{fields::Fields, finding::EncodingFault};
use crate::{escape::clipped, seen::Event};

/// Sent before the event, so that a lost ID or reconnection time shows.
const BEFORE: &str = "id: before\nretry: 1\n\n";
const ID_BEFORE: &str = "before";
const RETRY_BEFORE: Duration = Duration::from_millis(1);
/// Sent after the event, so that its end shows.
const AFTER: &str = "event: after\ndata: after\n\n";

/// The gravest fault, and what is wrong in words.
pub(super) fn check(fields: &Fields<'_>, wire: &[u8]) -> Option<(EncodingFault, String)> {
    let seen = ReadBack::of(wire);
    if !seen.ends {
        // a forged field or event is graver
        let forged = check_read(fields, &ReadBack::of(&[wire, b"\n\n"].concat()));
        return forged
            .filter(|(fault, _)| *fault == EncodingFault::Forged)
            .or_else(|| Some((EncodingFault::Lost, "the event does not end before the next".into())));
    }
    check_read(fields, &seen)
}

fn check_read(fields: &Fields<'_>, seen: &ReadBack) -> Option<(EncodingFault, String)> {
    let mut wrong = Vec::new();
    let sent = usize::from(fields.data.is_some());
    let events = &seen.events[..];
    if events.len() > sent {
        let forged = events[sent..].iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        wrong.push((EncodingFault::Forged, format!("more than was sent: {forged}")));
    }
    match (fields.data, events.first()) {
        (Some(_), None) => wrong.push((EncodingFault::Lost, "no event".into())),
        (Some(data), Some(event)) => {
            let sent_name = fields.name.filter(|name| !name.is_empty());
            wrong.extend(differs("name", &event.name, sent_name, "message"));
            wrong.extend(differs("data", &event.data, Some(&lines(data)), ""));
        }
        (None, _) => {}
    }
    wrong.extend(differs("id", &seen.last_event_id, fields.id, ID_BEFORE));
    wrong.extend(retry_differs(seen.retry, fields.retry));
    if fields.comment.is_some() && seen.comments == 0 {
        wrong.push((EncodingFault::Lost, "no comment".into()));
    }
    wrong.into_iter().min_by_key(|(fault, _)| *fault) // the first of those that are equally grave
}

struct ReadBack {
    /// What the event under test gave, as in the fields below.
    events: Vec<Event>,
    comments: usize,
    last_event_id: String,
    retry: Option<Duration>,
    /// Whether the event after it is read unchanged.
    ends: bool,
}

impl ReadBack {
    fn of(wire: &[u8]) -> Self {
        let mut limits = Limits::new(usize::MAX, usize::MAX);
        (limits.id, limits.name) = (usize::MAX, usize::MAX);
        let mut parser = Parser::with_limits(limits);
        let (mut events, mut comments) = (Vec::new(), 0);
        parser.feed(BEFORE.as_bytes(), |_| {});
        parser.feed(wire, |item| match item {
            Item::Event(event) => events.push(of(event)),
            Item::Comment(_) => comments += 1,
            _ => {}
        });
        let (last_event_id, retry) = (parser.last_event_id().to_owned(), parser.retry());
        let mut after = Vec::new();
        parser.feed(AFTER.as_bytes(), |item| {
            if let Item::Event(event) = item {
                after.push(of(event));
            }
        });
        let ends = matches!(&after[..], [event] if event.name == "after" && event.data == "after");
        Self { events, comments, last_event_id, retry, ends }
    }
}

fn of(event: EventRef<'_>) -> Event {
    Event { name: event.name().into(), data: event.data().into(), id: event.id().into() }
}

/// `data` as it arrives: with each CRLF and CR as LF.
fn lines(data: &str) -> String {
    data.replace("\r\n", "\n").replace('\r', "\n")
}

/// What is wrong with a field that reads `got`, where `sent` was meant; a field that is not sent reads `without`.
fn differs(field: &str, got: &str, sent: Option<&str>, without: &str) -> Option<(EncodingFault, String)> {
    let Some(sent) = sent else {
        return (got != without)
            .then(|| (EncodingFault::Forged, format!("the {field} is {}, but none was sent", clipped(got))));
    };
    if got == sent {
        return None;
    }
    let fault = if !is_made_of(got, sent) && got != without {
        EncodingFault::Forged
    } else if got == without && !sent.is_empty() {
        EncodingFault::Lost
    } else {
        EncodingFault::Changed
    };
    Some((fault, format!("the {field} is {}, not {}", clipped(got), clipped(sent))))
}

/// Returns true if each line of `got` is part of `sent`, apart from characters that were removed, replaced or added for
/// safety: it has no text of another field.
fn is_made_of(got: &str, sent: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let sent = letters(sent);
    got.split('\n').all(|line| sent.contains(&letters(line)))
}

fn retry_differs(got: Option<Duration>, sent: Option<Duration>) -> Option<(EncodingFault, String)> {
    let got = got.unwrap_or_default();
    match sent {
        None if got == RETRY_BEFORE => None,
        None => Some((EncodingFault::Forged, format!("the reconnection time is {got:?}, but none was sent"))),
        Some(sent) if got.abs_diff(sent) < Duration::from_millis(1) => None,
        Some(_) if got == RETRY_BEFORE => Some((EncodingFault::Lost, "no reconnection time".into())),
        Some(sent) => Some((EncodingFault::Changed, format!("the reconnection time is {got:?}, not {sent:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: Fields<'_> = Fields { name: None, data: Some("a\nb"), id: None, comment: None, retry: None };
    const ALL: Fields<'_> = Fields {
        name: Some("add"),
        data: Some("a"),
        id: Some("7"),
        comment: Some("c"),
        retry: Some(Duration::from_micros(2500)),
    };

    #[track_caller]
    fn found(fields: Fields<'_>, wire: &str, fault: EncodingFault, what: &str) {
        assert_eq!(check(&fields, wire.as_bytes()), Some((fault, what.to_owned())));
    }

    #[test]
    fn what_is_right_is_right_however_it_is_written() {
        for wire in
            ["data: a\ndata: b\n\n", "data:a\rdata:b\r\r", "data: a\r\ndata: b\r\n\r\n", ":\ndata: a\ndata: b\n\n\n"]
        {
            assert_eq!(check(&DATA, wire.as_bytes()), None, "{wire:?}");
        }
        for retry in ["2", "3"] {
            let wire = format!(":c\nid:7\nevent:add\nretry:{retry}\ndata:a\n\n");
            assert_eq!(check(&ALL, wire.as_bytes()), None);
        }
    }

    #[test]
    fn what_is_forged() {
        let forged = |wire, what| found(DATA, wire, EncodingFault::Forged, what);
        forged("data: a\ndata: b\n\ndata: x\n\n", r#"more than was sent: event "message", data "x", id "before""#);
        forged("data: a\ndata: b\nevent: x\n\n", r#"the name is "x", but none was sent"#);
        forged("data: a\ndata: x\ndata: b\n\n", r#"the data is "a\nx\nb", not "a\nb""#);
        forged("data: a\ndata: b\nid: x\n\n", r#"the id is "x", but none was sent"#);
        forged("data: a\ndata: b\nid:\n\n", r#"the id is "", but none was sent"#);
        forged("data: a\ndata: b\nretry: 5\n\n", "the reconnection time is 5ms, but none was sent");
        let comment = Fields { data: None, ..ALL };
        found(
            comment,
            ":c\nid:7\nretry:2\nevent:add\ndata:c\n\n",
            EncodingFault::Forged,
            r#"more than was sent: event "add", data "c", id "7""#,
        );
        found(
            ALL,
            ":c\nid:7\nretry:2\nevent:admin\ndata:a\n\n",
            EncodingFault::Forged,
            r#"the name is "admin", not "add""#,
        );
    }

    #[test]
    fn what_is_lost() {
        let lost = |fields, wire, what| found(fields, wire, EncodingFault::Lost, what);
        lost(DATA, "\n", "no event");
        lost(DATA, "data: a\ndata: b\n", "the event does not end before the next");
        lost(DATA, "data: a\ndata: b", "the event does not end before the next");
        lost(Fields { data: None, ..ALL }, ":c\nretry:2\nid:7\n", r#"the id is "before", not "7""#);
        lost(ALL, ":c\nid:7\nretry:2\ndata:a\n\n", r#"the name is "message", not "add""#);
        lost(ALL, ":c\nretry:2\nevent:add\ndata:a\n\n", r#"the id is "before", not "7""#);
        lost(ALL, ":c\nid:7\nevent:add\ndata:a\n\n", "no reconnection time");
        lost(ALL, ":c\nid:7\nretry:2.5\nevent:add\ndata:a\n\n", "no reconnection time");
        lost(ALL, "id:7\nretry:2\nevent:add\ndata:a\n\n", "no comment");
        lost(ALL, ":c\nid:7\nretry:2\nevent:add\ndata\n\n", r#"the data is "", not "a""#);
    }

    #[test]
    fn what_is_changed() {
        let changed = |fields, wire, what| found(fields, wire, EncodingFault::Changed, what);
        changed(DATA, "data: a\n\n", r#"the data is "a", not "a\nb""#);
        changed(DATA, "data: a\ndata:\ndata: b\n\n", r#"the data is "a\n\nb", not "a\nb""#);
        changed(ALL, ":c\nid:7\nretry:2000\nevent:add\ndata:a\n\n", "the reconnection time is 2s, not 2.5ms");
        let id = |id| Fields { id: Some(id), ..DATA };
        changed(id("1\n2"), "id: 12\ndata: a\ndata: b\n\n", r#"the id is "12", not "1\n2""#);
        changed(id(""), "data: a\ndata: b\n\n", r#"the id is "before", not """#);
    }

    #[test]
    fn the_gravest_comes_first() {
        for end in ["\n\n", "\n", ""] {
            let wire = format!("data: a\nid: x{end}");
            found(DATA, &wire, EncodingFault::Forged, r#"the id is "x", but none was sent"#);
        }
    }

    #[test]
    fn the_vectors_are_as_this_has_it() {
        // every wire form that sse-core's vectors have is right here too
        let read = |json: &str| serde_json::from_str::<Vec<serde_json::Value>>(json).unwrap();
        let vectors = read(include_str!("../../../sse-core/tests/vectors/encode.json"));
        for vector in vectors.iter().filter(|vector| vector["expect"]["wire"].is_string()) {
            let text = |field: &str| vector["input"][field].as_str();
            let fields = Fields {
                name: text("event"),
                data: text("data"),
                id: text("id"),
                comment: text("comment"),
                retry: vector["input"]["retry"].as_u64().map(Duration::from_millis),
            };
            assert_eq!(check(&fields, vector["expect"]["wire"].as_str().unwrap().as_bytes()), None, "{vector}");
        }
    }
}
