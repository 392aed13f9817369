//! An encoded event, shared by all subscribers that receive it.

use std::{borrow::Cow, sync::OnceLock, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sse_core::{Event, Item, Limits, Parser, Text};

use crate::{Alias, Draft, Epoch, Kind, Name, Position, Topic, data_of, topics::TopicId};

/// An event with its position in the log.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) seq: u64,
    /// The canonical topic.
    pub(crate) topic: TopicId,
    json: bool,
    pub(crate) private: bool,
    end: bool,
    /// What few events have.
    more: Option<Box<More>>,
    plain: Bytes,
    /// The enveloped encoding, made when a subscriber first needs it.
    envelope: OnceLock<Bytes>,
}

// There is one for each event.
const _: () = assert!(size_of::<Frame>() <= 104);

#[derive(Debug)]
struct More {
    others: Box<[TopicId]>,
    alias: Option<Alias>,
}

impl Frame {
    pub(crate) fn new(position: Position, topic: TopicId, draft: &Draft) -> Self {
        let plain = encode(position, draft, false);
        let Draft { json, private, end, .. } = *draft;
        let more = draft.alias.clone().map(|alias| Box::new(More { others: Box::default(), alias: Some(alias) }));
        Self { seq: position.seq(), topic, json, private, end, more, plain, envelope: OnceLock::new() }
    }

    /// Sets the other topics, if there are any.
    pub(crate) fn set_others(&mut self, others: Vec<TopicId>) {
        if !others.is_empty() {
            let more = self.more.get_or_insert_with(|| Box::new(More { others: Box::default(), alias: None }));
            more.others = others.into();
        }
    }

    /// The topics besides the canonical one.
    pub(crate) fn others(&self) -> &[TopicId] {
        self.more.as_ref().map_or(&[], |more| &more.others)
    }

    /// All topics, with the kind of the event in each.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (TopicId, Kind)> + Clone {
        let kind = |canonical| Kind { canonical, private: self.private };
        let others = self.others().iter().map(move |id| (*id, kind(false)));
        std::iter::once((self.topic, kind(true))).chain(others)
    }

    pub(crate) fn alias(&self) -> Option<&Alias> {
        self.more.as_ref()?.alias.as_ref()
    }

    /// The memory that the frame counts for: its bytes and the overhead.
    pub(crate) fn cost(&self) -> usize {
        let of_more = |more: &More| {
            let alias = more.alias.as_ref().map_or(0, |alias| INDEXED + alias.as_str().len());
            size_of::<More>() + INDEXED * more.others.len() + alias
        };
        size_of::<Self>() + self.plain.len() + self.more.as_deref().map_or(0, of_more)
    }

    /// The memory of the enveloped encoding, which is made later.
    pub(crate) fn envelope_cost(&self) -> usize {
        self.envelope.get().map_or(0, Bytes::len)
    }

    pub(crate) const fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// The enveloped encoding. `keeps` says whether an encoding of this length that was made just now is kept.
    pub(crate) fn envelope<'t>(
        &self,
        epoch: Epoch,
        topic: impl Fn(TopicId) -> &'t Topic,
        keeps: impl FnOnce(usize) -> bool,
    ) -> Cow<'_, Bytes> {
        if let Some(known) = self.envelope.get() {
            return Cow::Borrowed(known);
        }
        let bytes = self.enveloped(epoch, topic);
        if !keeps(bytes.len()) {
            return Cow::Owned(bytes);
        }
        Cow::Borrowed(self.envelope.get_or_init(|| bytes))
    }

    /// The topic goes on: it is not the last event any more. Returns the length of the encoding that said so.
    pub(crate) fn reopen(&mut self) -> usize {
        self.end = false;
        self.forget_envelope()
    }

    /// Forgets the enveloped encoding, and returns its length.
    pub(crate) fn forget_envelope(&mut self) -> usize {
        self.envelope.take().map_or(0, |bytes| bytes.len())
    }

    /// Encodes the event with its data in an envelope. The event is parsed from its own bytes, so that nothing is
    /// stored twice.
    fn enveloped<'t>(&self, epoch: Epoch, topic: impl Fn(TopicId) -> &'t Topic) -> Bytes {
        let topics: Vec<&Topic> = self.kinds().map(|(id, _)| topic(id)).collect();
        let marks = Marks { json: self.json, private: self.private, end: self.end };
        let mut data = Text::default();
        let mut retry = None;
        let mut name = None;
        Parser::with_limits(Limits::new(usize::MAX, usize::MAX)).feed(&self.plain, |item| match item {
            Item::Event(read) => {
                data = envelope(&topics, read.data(), marks);
                name = Name::of(read.name()).ok().flatten();
            }
            Item::Retry(time) => retry = Some(time),
            _ => {}
        });
        build(Position::new(epoch, self.seq), name.as_ref(), retry, data)
    }
}

/// What an entry in the index of a topic or of the aliases takes, approximately.
const INDEXED: usize = 32;

/// Encodes `draft` at `position`, in an envelope with its topics if `enveloped`.
pub fn encode(position: Position, draft: &Draft, enveloped: bool) -> Bytes {
    let data = if enveloped {
        let Draft { json, private, end, .. } = *draft;
        envelope(&draft.topics().collect::<Vec<_>>(), &draft.data, Marks { json, private, end })
    } else {
        draft.data.clone()
    };
    build(position, draft.name.as_ref(), draft.retry, data)
}

fn build(position: Position, name: Option<&Name>, retry: Option<Duration>, data: Text) -> Bytes {
    let mut event = Event::builder().id(position.id()).data(data);
    if let Some(name) = name {
        event = event.name(name.event_name());
    }
    if let Some(retry) = retry {
        event = event.retry(retry);
    }
    event.build().to_bytes()
}

/// What an event is, besides its data.
#[derive(Clone, Copy)]
struct Marks {
    json: bool,
    private: bool,
    end: bool,
}

/// An envelope, as it is written and read.
#[derive(Serialize, Deserialize)]
struct Envelope<'a, D> {
    /// The canonical topic.
    #[serde(borrow)]
    topic: Cow<'a, str>,
    /// All topics, if there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    topics: Vec<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_false")]
    private: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    end: bool,
    data: D,
}

impl<'a, D: Serialize> Envelope<'a, D> {
    fn to_json(topics: &[&'a Topic], Marks { private, end, .. }: Marks, data: D) -> String {
        let text = |topic: &&'a Topic| Cow::Borrowed(topic.as_str());
        let topic = topics.first().map(text).unwrap_or_default();
        let topics = if topics.len() > 1 { topics.iter().map(text).collect() } else { Vec::new() };
        serde_json::to_string(&Self { topic, topics, private, end, data }).unwrap_or_default()
    }
}

/// The data in its envelope. `topics` begins with the canonical one.
fn envelope(topics: &[&Topic], data: &str, marks: Marks) -> Text {
    let raw = if marks.json { serde_json::from_str::<&RawValue>(data).ok() } else { None };
    Text::from(match raw {
        Some(data) => Envelope::to_json(topics, marks, data),
        None => Envelope::to_json(topics, marks, data),
    })
}

/// The event called `name` that was [encoded](encode) in the envelope `data`. What an envelope does not say is missing: the
/// reconnection time and the alias.
pub fn decode(name: &str, data: &str) -> Option<Draft> {
    let Envelope { topic, topics, private, end, data } = serde_json::from_str::<Envelope<'_, &RawValue>>(data).ok()?;
    let topics = if topics.is_empty() { vec![topic] } else { topics };
    let topics = topics.iter().map(|topic| Topic::new(topic)).collect::<Result<Vec<_>, _>>().ok()?;
    let (data, json) = data_of(data).ok()?;
    let draft = Draft::of_topics(topics, data).ok()?;
    Some(Draft { name: Name::of(name).ok()?, json, private, end, ..draft })
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(mark: &bool) -> bool {
    !*mark
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(data: &str, json: bool) -> (Frame, Topic, Epoch) {
        let topic = Topic::new("a/\"b\"").unwrap();
        let draft = Draft {
            name: Name::of("tick").unwrap(),
            retry: Some(Duration::from_secs(2)),
            json,
            ..Draft::text(topic.clone(), data)
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
            assert_eq!(frame.envelope(epoch, |_| &topic, |_| false), Cow::<Bytes>::Owned(expect.clone()));
            assert_eq!(frame.envelope_cost(), 0);
            assert_eq!(*frame.envelope(epoch, |_| &topic, |len| len == expect.len()), expect);
            assert_eq!(*frame.envelope(epoch, |_| &topic, |_| panic!("it is kept")), expect);
        }
    }

    #[test]
    fn an_envelope_says_what_the_event_is_besides() {
        let draft = Draft::of_topics(["a", "b", "a"].map(|text| Topic::new(text).unwrap()), "x").unwrap();
        let draft = Draft { private: true, end: true, ..draft };
        let position = Position::new(Epoch::new(0), 1);
        let expect = "id: 000000000000-00000000001\ndata: {\"topic\":\"a\",\"topics\":[\"a\",\"b\"],\"private\":true,\"end\":true,\"data\":\"x\"}\n\n";
        assert_eq!(encode(position, &draft, true), expect);
        let json = expect.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        assert_eq!(decode("message", json), Some(draft));
    }
}
