//! `application/json`: one event, or an array of which all or none are published.

use std::{fmt, str, time::Duration};

use http::{Response, StatusCode};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use sse_engine::{Draft, Topic, data_of};

use super::{
    event::{alias, event_name, not_utf8, one_event},
    key,
    one::publish_one,
    receipt::{Receipt, receipt, refusal},
};
use crate::{
    config::Publish,
    http::{
        access::Publisher,
        problem::{Problem, quoted},
        request::{
            Request,
            body::{BYTE_ORDER_MARK, BodyLimit},
        },
        response::{ResponseBody, json as json_response},
    },
    hub::{AppendError, Publication},
    metrics::RefusalKind,
    store::{Fingerprint, Key, Scope},
};

/// The most events in an array; more are better sent as NDJSON.
const MAX_EVENTS: usize = 10_000;

pub(super) async fn publish(
    mut publisher: Publisher,
    request: &mut Request,
) -> Result<Response<ResponseBody>, Problem> {
    let hub = &publisher.hub().clone();
    let config = &hub.config().publish;
    let request_key = key::of_request(&request.headers)?;
    let limit = |first: u8| if first == b'[' { many_events(config) } else { one_event(config) };
    let larger =
        if config.max_request_bytes > config.max_event_bytes { many_events(config) } else { one_event(config) };
    let body = request.body.read(&request.headers, larger, limit).await?;
    let text = str::from_utf8(&body.bytes).map_err(|error| not_utf8("the body", &error))?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).trim_ascii_start();
    if !text.starts_with('[') {
        let (draft, own_key) = read(text, config)?;
        publisher.check_draft(&draft)?;
        publisher.check_rate([&draft])?;
        publisher.go_on(std::iter::once(&draft)).await?;
        let text = one_key(request_key, own_key)?;
        let key = text.map(|text| Key::of_event(&draft, text));
        return publish_one(hub, draft, key).await;
    }
    let events: Array<'_> = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    if events.0.len() > MAX_EVENTS {
        let detail = format!("the array has more than {MAX_EVENTS} events; send them as application/x-ndjson");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, RefusalKind::too_large, detail));
    }
    let at = |i: usize| move |problem: Problem| problem.with("index", i);
    let mut drafts = Vec::with_capacity(events.0.len());
    let mut keys = Vec::with_capacity(events.0.len());
    for (i, event) in events.0.iter().enumerate() {
        if event.get().len() > config.max_event_bytes {
            return Err(one_event(config).exceeded().with("index", i));
        }
        let (draft, own_key) = read(event.get(), config).map_err(at(i))?;
        publisher.check_draft(&draft).map_err(at(i))?; // which one it is
        one_key(request_key.as_ref(), own_key.as_ref()).map_err(at(i))?;
        keys.push(own_key.map(|text| Key::of_event(&draft, text)));
        drafts.push(draft);
    }
    publisher.check_rate(&drafts)?;
    publisher.go_on(drafts.iter()).await?;
    let topics: Vec<_> = drafts.iter().map(|draft| draft.topic.to_string()).collect();
    let publication = match request_key {
        Some(text) => {
            let content = Fingerprint::of([&b"array"[..], &body.bytes]);
            let text = publisher.key_of_subject(text);
            Publication::whole(drafts, Key { scope: Scope::Request, text }, content)
        }
        None => Publication::each(drafts, keys),
    };
    let published = hub.append(publication).await;
    #[derive(Serialize)]
    struct Receipts {
        events: Vec<Receipt>,
    }
    let published = published.map_err(|error| match error {
        AppendError::Ended(index, _) => refusal(error).with("index", index),
        error => refusal(error),
    })?;
    let events = published.into_iter().zip(topics).map(|(published, topic)| receipt(published, topic)).collect();
    Ok(json_response(&Receipts { events }))
}

/// Parses one event and its key.
pub(super) fn read(text: &str, config: &Publish) -> Result<(Draft, Option<String>), Problem> {
    let event: Event<'_> = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    let named = |member: &'static str| {
        move |text: &String| {
            Topic::new(text)
                .map_err(|why| Problem::invalid(format!("the member `{member}` is {}: {why}", quoted(text))))
        }
    };
    let topics = match (&event.topic, &event.topics) {
        (Some(topic), None) => vec![named("topic")(topic)?],
        (None, Some(topics)) => topics.iter().map(named("topics")).collect::<Result<_, _>>()?,
        (Some(_), Some(_)) => return Err(Problem::invalid("there are the members `topic` and `topics`; give one")),
        (None, None) => return Err(Problem::invalid("there is no member `topic`, and no `topics`; give one")),
    };
    let Some(raw) = event.data else {
        return Err(Problem::invalid("there is no member `data`; give any JSON value, null included"));
    };
    let (data, json) = data_of(raw).map_err(|why| Problem::invalid(format!("the member `data` is no text: {why}")))?;
    let retry = event.retry.map(|ms| config.clamp_retry(Duration::from_millis(ms)));
    let name = event.event.as_deref().map(event_name).transpose()?.flatten();
    let key = event.key.as_deref().map(key::of_event).transpose()?;
    let alias = event.alias.as_deref().map(|text| alias(text, "the member `alias`")).transpose()?;
    let Event { private, end, .. } = event;
    Ok((
        Draft { name, retry, json, alias, private, end, ..Draft::of_topics(topics, data).map_err(Problem::invalid)? },
        key,
    ))
}

/// The key of the request or of the event, but not both.
pub(super) fn one_key<T>(request: Option<T>, event: Option<T>) -> Result<Option<T>, Problem> {
    if request.is_some() && event.is_some() {
        return Err(Problem::invalid(
            "there is a member `key` and a header Idempotency-Key, which covers the whole request; give one",
        ));
    }
    Ok(request.or(event))
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::invalid(format!(
        "not the JSON of an event: {error}; an event is {{\"topic\",\"data\"}}, or with \"topics\", and with \"event\", \
         \"retry\" (milliseconds), \"key\", \"private\", \"alias\" and \"end\" if wanted"
    ))
}

const fn many_events(config: &Publish) -> BodyLimit {
    BodyLimit { what: "the array", bytes: config.max_request_bytes, key: Some("publish.max_request_bytes") }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event<'a> {
    topic: Option<String>,
    topics: Option<Vec<String>>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    event: Option<String>,
    retry: Option<u64>,
    key: Option<String>,
    #[serde(default)]
    private: bool,
    alias: Option<String>,
    #[serde(default)]
    end: bool,
}

/// Distinguishes `null`, which is data, from a missing member.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The elements of an array, at most one more than there may be.
struct Array<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Array<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;

        impl<'de> Visitor<'de> for Elements {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of events")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(element) = elements.next_element()? {
                    // one too many is enough to tell that there are too many
                    if all.len() <= MAX_EVENTS {
                        all.push(element);
                    }
                }
                Ok(all)
            }
        }
        deserializer.deserialize_seq(Elements).map(Array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_data_and_nothing_is_none() {
        let config = Publish::default();
        let (draft, _) = read(r#"{"topic":"a","data":null}"#, &config).unwrap();
        assert_eq!((draft.data.as_str(), draft.json), ("null", true));
        let problem = read(r#"{"topic":"a"}"#, &config).unwrap_err();
        assert!(problem.detail().contains("no member `data`"));
    }

    #[test]
    fn the_reconnection_time_is_clamped() {
        let config = Publish::default();
        for (retry, expect) in
            [(0, config.retry_min), (u64::MAX, config.retry_max), (1234, Duration::from_millis(1234))]
        {
            let (draft, _) = read(&format!(r#"{{"topic":"a","data":1,"retry":{retry}}}"#), &config).unwrap();
            assert_eq!(draft.retry, Some(expect));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, named) in [
            (r#"{"topic":"a","data":1,"id":"x"}"#, "unknown field `id`"),
            (r#"{"topic":"a\nb","data":1}"#, "the member `topic` is \"a\\nb\""),
            (r#"{"topic":"a","data":1,"event":"a\rb"}"#, "the event name \"a\\rb\""),
            (r#"{"topic":"a","data":1,"event":"sse-gap"}"#, "the hub's own"),
            (r#"{"topic":"a","data":1,"key":"a b"}"#, "the member `key` is \"a b\""),
            (r#"{"topic":"a","data":1,"retry":-1}"#, "expected u64"),
            (r#"{"topic":"a","data":1,"topic":"b"}"#, "duplicate field `topic`"),
            (r#"{"topics":["a","b*"],"data":1}"#, "the member `topics` is \"b*\""),
            (r#"{"topics":["a"],"topic":"a","data":1}"#, "`topic` and `topics`"),
            (r#"{"topics":[],"data":1}"#, "no topic"),
            (r#"{"data":1}"#, "no member `topic`"),
            (r#"{"topic":"a","data":1,"alias":"a\nb"}"#, "the member `alias` is \"a\\nb\""),
            (r#"{"topic":"a","data":1,"alias":"000000000000-00000000001"}"#, "the hub's own"),
            (r#"{"topic":"a","data":"\ud800"}"#, "the member `data` is no text"),
            (r#"{"topic":"a","data":{"b":["\ud800"]}}"#, "the member `data` is no text"),
            ("7", "not the JSON of an event"),
        ] {
            let detail = read(json, &Publish::default()).unwrap_err().detail().to_owned();
            assert!(detail.contains(named), "{json}: {detail}");
        }
    }
}
