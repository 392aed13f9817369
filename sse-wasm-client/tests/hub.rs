//! In a browser, with a live hub.
#![cfg(target_arch = "wasm32")]

use std::collections::BTreeMap;

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use sse_wasm_client::{
    CloseReason, ConnectError, Delivery, Drain, DrainReason, EventId, EventSource, Gap, GapReason, Message, Signal,
    State, typed,
};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

mod support;
use support::{
    HUB, clear_books, events, listener_calls, listeners, next, open_sources, publish, publish_value, reach, take,
    topic, until, within,
};

wasm_bindgen_test_configure!(run_in_browser);

/// A variant of every kind, and the names that browsers use themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Any {
    Nothing,
    OneText(String),
    OneOption(Option<u8>),
    Pair(u8, String),
    Named {
        first: u8,
        second: Vec<String>,
    },
    #[serde(rename = "re named é", alias = "formerly")]
    Renamed(BTreeMap<String, u8>),
    Error(u8),
    Open,
}

fn one_of_each() -> Vec<Any> {
    vec![
        Any::Nothing,
        Any::OneText("two\nlines and a \"quote\" 🦀".into()),
        Any::OneOption(None),
        Any::OneOption(Some(1)),
        Any::Pair(1, String::new()),
        Any::Named { first: 1, second: vec!["a".into(), "b".into()] },
        Any::Renamed([("k".into(), 1)].into()),
        Any::Error(9),
        Any::Open,
    ]
}

/// A source for the topic, once it is open.
async fn open(topic: &str) -> EventSource<Any> {
    let source = EventSource::builder(events(topic)).connect().unwrap();
    reach(&mut source.signals(), State::Open).await;
    source
}

async fn values(source: &mut EventSource<Any>, count: usize) -> Vec<(Any, EventId)> {
    let deliveries = take(source, count).await.into_iter().map(Result::unwrap);
    deliveries.map(|delivery| (delivery.value, delivery.id)).collect()
}

#[wasm_bindgen_test]
async fn values_of_every_kind_arrive_in_order_with_ids() {
    let topic = topic();
    let mut source = open(&topic).await;
    let mut published = Vec::new();
    for value in one_of_each() {
        published.push((value.clone(), publish_value(&topic, &value).await));
    }
    assert!(published.is_sorted_by(|(_, one), (_, next)| one < next));
    assert_eq!(values(&mut source, published.len()).await, published);
    assert_eq!(source.last_event_id(), published.last().unwrap().1);
    assert_eq!(source.dropped(), 0);

    let id = publish(&topic, "formerly", "{}").await;
    let Delivery { value, id: delivered, origin } = next(&mut source).await.unwrap();
    assert_eq!((value, delivered, &*origin), (Any::Renamed(BTreeMap::new()), id, HUB));
}

#[wasm_bindgen_test]
async fn what_does_not_decode_is_one_bad_item() {
    let topic = topic();
    let mut source = open(&topic).await;
    let id = publish(&topic, "pair", "[1]").await;
    publish(&topic, "unheard-of", "[]").await;
    publish_value(&topic, &Any::Nothing).await;

    let error = next(&mut source).await.unwrap_err();
    assert!(matches!(error.cause(), typed::DecodeError::Data(_)));
    let Delivery { value: Message { name, data }, id: of, .. } = error.delivery();
    assert_eq!((name.as_str(), data.as_str(), of), ("pair", "[1]", &id));
    assert_eq!(next(&mut source).await.unwrap().value, Any::Nothing);
}

#[wasm_bindgen_test]
async fn untyped_messages_and_chosen_names() {
    let topic = topic();
    let mut source = EventSource::untyped(events(&topic)).listen("tick").connect().unwrap();
    reach(&mut source.signals(), State::Open).await;
    for (name, data) in [("message", " kept as\nit is "), ("tock", "not asked for"), ("tick", "")] {
        publish(&topic, name, data).await;
    }
    let mut received = Vec::new();
    for delivery in take(&mut source, 2).await {
        let Message { name, data } = delivery.unwrap().value;
        received.push((name.to_string(), data.to_string()));
    }
    assert_eq!(received, [("message".into(), " kept as\nit is ".into()), ("tick".into(), String::new())]);
}

#[wasm_bindgen_test]
async fn a_resume_by_id_misses_nothing() {
    let topic = topic();
    let mut source = open(&topic).await;
    let mut published = Vec::new();
    for number in 0..10 {
        published.push((Any::Error(number), publish_value(&topic, &Any::Error(number)).await));
        if number == 5 {
            assert_eq!(values(&mut source, 3).await, published[..3]);
        }
    }
    drop(source);

    let seen = published[2].1.clone();
    let url = format!("{}&last_event_id={}", events(&topic), published[8].1); // to be replaced
    let mut resumed = EventSource::<Any>::builder(url).last_event_id(seen.clone()).connect().unwrap();
    let mut signals = resumed.signals();
    assert_eq!((resumed.state(), resumed.last_event_id()), (State::Connecting, seen));
    assert_eq!(values(&mut resumed, 7).await, published[3..]);

    let live = publish_value(&topic, &Any::Open).await;
    assert_eq!(values(&mut resumed, 1).await, [(Any::Open, live)]);
    assert_eq!(take(&mut signals, 2).await, [State::Connecting, State::Open].map(Signal::State));
    drop(resumed);
    assert_eq!(within(signals.next()).await, None); // so there was no gap
}

#[wasm_bindgen_test]
async fn an_id_that_is_none_of_the_hubs_is_a_gap() {
    let topic = topic();
    let first = publish_value(&topic, &Any::Nothing).await;
    let builder = EventSource::<Any>::builder(events(&topic));
    let mut source = builder.last_event_id(EventId::from_static("garbage&é")).connect().unwrap();

    let mut signals = source.signals();
    reach(&mut signals, State::Open).await;
    let Signal::Gap(Gap { reason, requested, first: follows, .. }) = next(&mut signals).await else {
        panic!("the gap is told first");
    };
    assert_eq!((reason, requested.as_str(), follows), (GapReason::Unknown, "garbage&é", Some(first.clone())));
    assert_eq!(values(&mut source, 1).await, [(Any::Nothing, first)]);
}

#[wasm_bindgen_test]
async fn a_full_queue_lets_the_oldest_go_and_counts_it() {
    let topic = topic();
    let mut source = EventSource::<Any>::builder(events(&topic)).queue(2).connect().unwrap();
    reach(&mut source.signals(), State::Open).await;
    let mut last = EventId::default();
    for number in 0..5 {
        last = publish_value(&topic, &Any::Error(number)).await;
    }
    until(|| source.last_event_id() == last).await;
    assert_eq!(source.dropped(), 3);
    let kept = values(&mut source, 2).await.into_iter().map(|(value, _)| value);
    assert!(kept.eq([Any::Error(3), Any::Error(4)]));
}

#[wasm_bindgen_test]
async fn nothing_is_left_of_what_is_dropped() {
    let topic = topic();
    let mut witness = open(&topic).await;
    let (sources, registered) = (open_sources(), listeners());

    let source = open(&topic).await;
    let mut signals = source.signals();
    let own = 4; // `error` and the hub's three
    let names = typed::Schema::<Any>::new().unwrap().names().len() as u32 - 1; // `error` counts once
    assert_eq!((open_sources(), listeners()), (sources + 1, registered + own + names));

    drop(source);
    assert_eq!((open_sources(), listeners()), (sources, registered));
    assert_eq!(next(&mut signals).await, Signal::State(State::Open));
    assert_eq!(within(signals.next()).await, None);

    let calls = listener_calls();
    publish_value(&topic, &Any::Nothing).await;
    assert_eq!(next(&mut witness).await.unwrap().value, Any::Nothing);
    assert_eq!(listener_calls(), calls + 1); // the witness's
}

#[wasm_bindgen_test]
async fn many_come_and_go_without_a_trace() {
    let url = events(&topic());
    let come_and_go = || drop(EventSource::<Any>::builder(&url).connect().unwrap());
    come_and_go();
    clear_books();
    let (sources, registered) = (open_sources(), listeners());
    let references = wasm_bindgen::externref_heap_live_count();
    for _ in 0..50 {
        come_and_go();
    }
    assert_eq!(wasm_bindgen::externref_heap_live_count(), references);
    assert_eq!((open_sources(), listeners()), (sources, registered));
}

#[wasm_bindgen_test]
async fn a_server_that_ends_the_stream_is_connected_to_again() {
    // A whole stream in a URL: the browser comes to its end, and begins again.
    let url = "data:text/event-stream,retry:20%0A%0A\
               event:sse-drain%0Aid:e-1%0Adata:{%22reason%22:%22age%22}%0A%0Aevent:error%0Adata:7%0A%0A";
    let mut source = EventSource::<Any>::builder(url).connect().unwrap();
    let mut signals = source.signals();
    for _ in 0..3 {
        assert_eq!(next(&mut signals).await, Signal::State(State::Connecting));
        assert_eq!(next(&mut signals).await, Signal::State(State::Open));
        let drain = next(&mut signals).await;
        assert!(matches!(drain, Signal::Drain(Drain { reason: DrainReason::Age, .. })));
    }
    assert_eq!(values(&mut source, 3).await, vec![(Any::Error(7), EventId::from_static("e-1")); 3]);
}

#[wasm_bindgen_test]
async fn a_stream_without_an_event_is_not_open() {
    let url = "data:text/event-stream,retry:20%0A%0A:busy%0A%0A";
    let source = EventSource::untyped(url).connect().unwrap();
    let calls = listener_calls();
    until(|| listener_calls() >= calls + 3).await; // it has ended three times
    assert_eq!(source.state(), State::Connecting);
}

#[wasm_bindgen_test]
async fn an_answer_that_is_no_stream_closes() {
    let closed = State::Closed { why: CloseReason::Refused };
    for url in [format!("{HUB}/events"), format!("{HUB}/nowhere"), "data:text/plain,".to_owned()] {
        let mut source = EventSource::untyped(url).connect().unwrap();
        let mut signals = source.signals();
        assert!(within(source.next()).await.is_none());
        assert_eq!(source.state(), closed);
        assert_eq!(take(&mut signals, 2).await, [State::Connecting, closed].map(Signal::State));
        assert!(within(signals.next()).await.is_none());
    }
}

#[wasm_bindgen_test]
fn what_can_be_seen_beforehand_is_an_error_of_connect() {
    let error = EventSource::untyped("http://[").connect().unwrap_err();
    assert!(matches!(error, ConnectError::Browser(ref why) if why.contains("http://[")), "{error}");
    let error = EventSource::untyped("/events").listen("sse-gap").connect().unwrap_err();
    assert!(matches!(error, ConnectError::Reserved(_)));
    let error = EventSource::<String>::builder("/events").connect().unwrap_err();
    assert!(matches!(error, ConnectError::Schema(_)));
}
