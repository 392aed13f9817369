//! An encoded event, shared by all subscribers that receive it.

use std::{borrow::Cow, sync::OnceLock};

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use sse_core::{Event, EventName, Item, Limits, Parser, Text};

use crate::{Draft, Epoch, Position, Topic, topics::TopicId};

/// An event with its position in the log.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) seq: u64,
    pub(crate) topic: TopicId,
    json: bool,
    plain: Bytes,
    /// The enveloped encoding, made when a subscriber first needs it.
    envelope: OnceLock<Bytes>,
}

impl Frame {
    pub(crate) fn new(position: Position, topic: TopicId, draft: &Draft) -> Self {
        let plain = encode(position, draft, false);
        Self { seq: position.seq(), topic, json: draft.json, plain, envelope: OnceLock::new() }
    }

    /// The memory that the frame counts for: its bytes and the overhead.
    pub(crate) fn cost(&self) -> usize {
        size_of::<Self>() + self.plain.len()
    }

    /// The memory of the enveloped encoding, which is made later.
    pub(crate) fn envelope_cost(&self) -> usize {
        self.envelope.get().map_or(0, Bytes::len)
    }

    pub(crate) const fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// The enveloped encoding. `keeps` says whether an encoding of this length that was made just now is kept.
    pub(crate) fn envelope(&self, epoch: Epoch, topic: &Topic, keeps: impl FnOnce(usize) -> bool) -> Cow<'_, Bytes> {
        if let Some(known) = self.envelope.get() {
            return Cow::Borrowed(known);
        }
        let bytes = self.enveloped(epoch, topic);
        if !keeps(bytes.len()) {
            return Cow::Owned(bytes);
        }
        Cow::Borrowed(self.envelope.get_or_init(|| bytes))
    }

    /// Forgets the enveloped encoding, and returns its length.
    pub(crate) fn forget_envelope(&mut self) -> usize {
        self.envelope.take().map_or(0, |bytes| bytes.len())
    }

    /// Encodes the event with its data in an envelope. The event is parsed from its own bytes, so that nothing is
    /// stored twice.
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

/// Encodes `draft` at `position`, in an envelope with its topic if `enveloped`.
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
            let expect = Bytes::from(expect);
            assert_eq!(frame.envelope(epoch, &topic, |_| false), Cow::<Bytes>::Owned(expect.clone()));
            assert_eq!(frame.envelope_cost(), 0);
            assert_eq!(*frame.envelope(epoch, &topic, |len| len == expect.len()), expect);
            assert_eq!(*frame.envelope(epoch, &topic, |_| panic!("it is kept")), expect);
        }
    }
}
