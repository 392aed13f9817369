//! An event as it goes out: encoded once, shared by all who receive it.

use std::sync::OnceLock;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use sse_core::{Event, EventName, Item, Limits, Parser, Text};

use crate::{Draft, Epoch, Position, Topic, topics::TopicId};

/// An event at its place in the log.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) seq: u64,
    pub(crate) topic: TopicId,
    json: bool,
    plain: Bytes,
    /// The other encoding, made when the first subscriber asks for it.
    envelope: OnceLock<Bytes>,
}

impl Frame {
    pub(crate) fn new(position: Position, topic: TopicId, draft: &Draft) -> Self {
        let plain = encode(position, draft, false);
        Self { seq: position.seq(), topic, json: draft.json, plain, envelope: OnceLock::new() }
    }

    /// The memory that the frame is counted with: its bytes, and what keeping them costs.
    pub(crate) fn cost(&self) -> usize {
        size_of::<Self>() + self.plain.len()
    }

    /// The memory of the other encoding, which comes later.
    pub(crate) fn envelope_cost(&self) -> usize {
        self.envelope.get().map_or(0, Bytes::len)
    }

    pub(crate) const fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// The other encoding, and how much memory was taken for it just now.
    pub(crate) fn envelope(&self, epoch: Epoch, topic: &Topic) -> (&Bytes, usize) {
        let before = self.envelope_cost();
        let bytes = self.envelope.get_or_init(|| self.enveloped(epoch, topic));
        (bytes, bytes.len() - before)
    }

    /// The event again, its data wrapped with its topic. Read back from its own bytes, so that nothing is kept twice.
    fn enveloped(&self, epoch: Epoch, topic: &Topic) -> Bytes {
        let mut event = Event::builder().id(Position::new(epoch, self.seq).id());
        let mut data = Text::default();
        let mut retry = None;
        let mut name = None;
        Parser::with_limits(Limits::new(usize::MAX, usize::MAX)).feed(&self.plain, |item| match item {
            Item::Event(read) => {
                data = envelope(topic, read.data(), self.json);
                name = EventName::new(read.name()).ok().filter(|name| name.as_str() != "message");
            }
            Item::Retry(time) => retry = Some(time),
            _ => {}
        });
        if let Some(name) = name {
            event = event.name(name);
        }
        if let Some(retry) = retry {
            event = event.retry(retry);
        }
        event.data(data).build().to_bytes()
    }
}

/// The event of `draft` at its position, as it is sent: in an envelope with its topic, if `enveloped`.
pub fn encode(position: Position, draft: &Draft, enveloped: bool) -> Bytes {
    let data = if enveloped { envelope(&draft.topic, &draft.data, draft.json) } else { draft.data.clone() };
    let mut event = Event::builder().id(position.id()).data(data);
    if let Some(name) = &draft.name {
        event = event.name(name.event_name());
    }
    if let Some(retry) = draft.retry {
        event = event.retry(retry);
    }
    event.build().to_bytes()
}

fn envelope(topic: &Topic, data: &str, json: bool) -> Text {
    #[derive(Serialize)]
    struct Envelope<'a, D> {
        topic: &'a str,
        data: D,
    }
    let raw = if json { serde_json::from_str::<&RawValue>(data).ok() } else { None };
    let text = match raw {
        Some(data) => serde_json::to_string(&Envelope { topic: topic.as_str(), data }),
        None => serde_json::to_string(&Envelope { topic: topic.as_str(), data }),
    };
    Text::from(text.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Name;

    fn frame(data: &str, json: bool) -> (Frame, Topic, Epoch) {
        let topic = Topic::new("a/\"b\"").unwrap();
        let draft = Draft {
            topic: topic.clone(),
            name: Some(Name::new("tick").unwrap()),
            retry: Some(Duration::from_secs(2)),
            data: data.into(),
            json,
        };
        let epoch = Epoch::new(0);
        (Frame::new(Position::new(epoch, 7), TopicId::default(), &draft), topic, epoch)
    }

    #[test]
    fn plain() {
        let (frame, _, _) = frame("a\nb", false);
        let expect = "event: tick\nid: 000000000000-00000000007\nretry: 2000\ndata: a\ndata: b\n\n";
        assert_eq!(frame.plain(), expect);
    }

    #[test]
    fn enveloped_text_is_a_string_and_json_is_itself() {
        for (data, json, expect) in [
            ("a\nb", false, r#""a\nb""#),
            (r#"{"z":1.0,"a":2}"#, true, r#"{"z":1.0,"a":2}"#),
            ("null", true, "null"),
            ("null", false, r#""null""#),
        ] {
            let (frame, topic, epoch) = frame(data, json);
            let expect = format!(
                "event: tick\nid: 000000000000-00000000007\nretry: 2000\ndata: {{\"topic\":\"a/\\\"b\\\"\",\"data\":{expect}}}\n\n"
            );
            assert_eq!(frame.envelope(epoch, &topic), (&Bytes::from(expect.clone()), expect.len()));
            assert_eq!(frame.envelope(epoch, &topic).1, 0, "made once");
        }
    }
}
