//! In a browser, with a live hub, by `fetch`.

use std::{cell::Cell, time::Duration};

use futures_util::{StreamExt, future::join};
use serde::{Deserialize, Serialize};
use sse_wasm_client::{
    Builder, ByFetch, CloseReason, ConnectError, Credentials, EventId, EventSource, Limit, Limits, Message, Refusal,
    Signal, State,
};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::{
    HUB, befall, events, next, open_sources, page_listeners, pending_timers, publish, publish_many, publish_value,
    reach, sleep, subscribers, take, topic, until, within,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Any {
    Nothing,
    Text(String),
    Error(u8),
}

fn typed(topic: &str) -> Builder<Any, ByFetch> {
    EventSource::builder(events(topic)).fetch()
}

fn untyped(topic: &str) -> Builder<Message, ByFetch> {
    EventSource::untyped(events(topic)).fetch()
}

async fn open<T: 'static>(builder: Builder<T, ByFetch>) -> EventSource<T> {
    let source = builder.connect().unwrap();
    reach(&mut source.signals(), State::Open).await;
    source
}

async fn values(source: &mut EventSource<Any>, count: usize) -> Vec<(Any, EventId)> {
    let deliveries = take(source, count).await.into_iter().map(Result::unwrap);
    deliveries.map(|delivery| (delivery.value, delivery.id)).collect()
}

#[wasm_bindgen_test]
async fn values_arrive_in_order_with_ids_and_no_event_source() {
    let (topic, sources) = (topic(), open_sources());
    let mut source = open(typed(&topic)).await;
    assert_eq!(open_sources(), sources);
    let mut published = Vec::new();
    for value in [Any::Nothing, Any::Text("two\nlines 🦀".into()), Any::Error(9)] {
        published.push((value.clone(), publish_value(&topic, &value).await));
    }
    publish(&topic, "unheard-of", "").await;
    assert_eq!(values(&mut source, 3).await, published);

    let id = publish(&topic, "error", "nine").await;
    let error = next(&mut source).await.unwrap_err();
    assert_eq!((error.delivery().id.clone(), &*error.delivery().origin), (id, HUB));
}

#[wasm_bindgen_test]
async fn headers_asked_for_a_connection_that_is_gone_end_no_other() {
    let asked = Cell::new(false);
    let headers = move || {
        let again = asked.replace(true);
        if !again {
            befall("pagehide");
            befall("pageshow"); // another is made
        }
        async move { again.then(Vec::new) }
    };
    let source = untyped(&topic()).headers_from(headers).connect().unwrap();
    let states = take(&mut source.states(), 4).await;
    assert_eq!(states, [State::Connecting, State::Paused, State::Connecting, State::Open]);
}

#[wasm_bindgen_test]
async fn a_resume_by_header_or_query_misses_nothing() {
    let topic = topic();
    let mut published = Vec::new();
    for number in 0..5 {
        published.push((Any::Error(number), publish_value(&topic, &Any::Error(number)).await));
    }
    let url = format!("{}&last_event_id={}", events(&topic), published[4].1); // to be replaced
    let builder = || EventSource::<Any>::builder(&url).last_event_id(published[1].1.clone()).fetch();
    for builder in [builder(), builder().last_event_id_in_query()] {
        let mut resumed = builder.connect().unwrap();
        let mut signals = resumed.signals();
        assert_eq!(values(&mut resumed, 3).await, published[2..]);
        assert_eq!(take(&mut signals, 2).await, [State::Connecting, State::Open].map(Signal::State));
        drop(resumed);
        assert_eq!(within(signals.next()).await, None); // so there was no gap
    }

    // Without `last_event_id()` the one in the URL counts.
    let mut resumed = EventSource::<Any>::builder(url).fetch().connect().unwrap();
    let live = publish_value(&topic, &Any::Nothing).await;
    assert_eq!(values(&mut resumed, 1).await, [(Any::Nothing, live)]);
}

#[wasm_bindgen_test]
async fn an_id_of_any_characters_can_be_sent() {
    let topic = topic();
    let source = typed(&topic).last_event_id(EventId::from_static("garbage&é🦀")).connect().unwrap();
    let mut signals = source.signals();
    reach(&mut signals, State::Open).await;
    let Signal::Gap(gap) = next(&mut signals).await else { panic!("the gap is told first") };
    assert_eq!(&*gap.requested, "garbage&é🦀");
}

#[wasm_bindgen_test]
async fn a_refusal_is_told_with_the_servers_words() {
    let mut source = EventSource::untyped(format!("{HUB}/events?topc=x")).fetch().connect().unwrap();
    let mut signals = source.signals();
    assert!(within(source.next()).await.is_none());
    assert_eq!(next(&mut signals).await, Signal::State(State::Connecting));
    let Signal::Refused(Refusal { status, problem: Some(problem), .. }) = next(&mut signals).await else {
        panic!("the hub says why");
    };
    assert_eq!(status, Some(400));
    assert!(problem.detail.as_deref().is_some_and(|detail| detail.contains("topc")), "{problem:?}");
    let closed = State::Closed { why: CloseReason::Status(400) };
    assert_eq!((next(&mut signals).await, source.state()), (Signal::State(closed), closed));
    assert!(within(signals.next()).await.is_none());
}

#[wasm_bindgen_test]
async fn what_is_final_is_the_applications_choice() {
    for (url, why) in [
        (format!("{HUB}/nowhere"), CloseReason::Status(404)),
        (format!("{HUB}/live"), CloseReason::NotAnEventStream),
        ("data:text/plain,".to_owned(), CloseReason::NotAnEventStream),
    ] {
        let builder = || EventSource::untyped(&url).fetch().reconnection_time(Duration::from_millis(5));
        let mut source = builder().connect().unwrap();
        assert!(within(source.next()).await.is_none());
        assert_eq!(source.state(), State::Closed { why });
        let mut source = builder().retry_if(|_| true).give_up_after(2).connect().unwrap();
        assert!(within(source.next()).await.is_none());
        assert_eq!(source.state(), State::Closed { why: CloseReason::GaveUp });
    }
}

#[wasm_bindgen_test]
async fn a_post_with_a_body_and_a_header_of_ones_own() {
    let builder = EventSource::untyped(format!("{HUB}/events?topic=x")).fetch().post("{}");
    let mut source =
        builder.header("Content-Type", "application/json").header("Authorization", "Bearer x").connect().unwrap();
    assert!(within(source.next()).await.is_none());
    assert_eq!(source.state(), State::Closed { why: CloseReason::Status(405) }); // so the preflight was allowed
}

#[wasm_bindgen_test]
async fn a_server_that_is_not_there_is_waited_for() {
    let source = EventSource::untyped("http://127.0.0.1:9/").fetch().connect().unwrap();
    let mut states = source.states();
    assert_eq!(next(&mut states).await, State::Connecting);
    assert!(matches!(next(&mut states).await, State::Waiting { attempt: 1, .. }));
}

#[wasm_bindgen_test]
async fn a_stream_that_ends_is_connected_to_again_when_the_server_says() {
    let url = "data:text/event-stream,retry:20%0A%0Aevent:error%0Aid:e-1%0Adata:7%0A%0A";
    let mut source = EventSource::<Any>::builder(url).fetch().connect().unwrap();
    let mut states = source.states();
    for _ in 0..3 {
        assert_eq!(take(&mut states, 2).await, [State::Connecting, State::Open]);
        assert!(matches!(next(&mut states).await, State::Waiting { .. }));
    }
    assert_eq!(values(&mut source, 3).await, vec![(Any::Error(7), EventId::from_static("e-1")); 3]);
}

#[wasm_bindgen_test]
async fn dropping_aborts_and_leaves_nothing() {
    let topic = topic();
    let (timers, of_page) = (pending_timers(), page_listeners());
    let (held, read) = (open(untyped(&topic).queue(4)).await, open(untyped(&topic)).await);
    publish_many(&topic, "message", (0..1000).map(|number| number.to_string())).await;
    sleep(100).await; // time for one of them to be held up
    assert_eq!(subscribers(&topic).await, 2);
    drop((held, read));
    assert_eq!((pending_timers(), page_listeners()), (timers, of_page));
    let gone = async { while subscribers(&topic).await > 0 {} };
    within(gone).await;
}

#[wasm_bindgen_test]
async fn many_come_and_go_without_a_trace() {
    let url = events(&topic());
    let come_and_go = async || {
        drop(EventSource::<Any>::builder(&url).fetch().connect().unwrap());
        let source = EventSource::<Any>::builder(&url).fetch().connect().unwrap();
        sleep(5).await;
        drop(source);
        sleep(5).await; // the browser settles its promises
    };
    come_and_go().await;
    let references = wasm_bindgen::externref_heap_live_count();
    for _ in 0..20 {
        come_and_go().await;
    }
    until(|| wasm_bindgen::externref_heap_live_count() <= references).await;
}

#[wasm_bindgen_test]
async fn a_slow_program_holds_the_stream_up_and_loses_nothing() {
    let topic = topic();
    for queue in [1, 7] {
        let mut source = open(untyped(&topic).queue(queue)).await;
        publish_many(&topic, "message", (0..2000).map(|number| number.to_string())).await;
        sleep(100).await;
        for number in 0..2000 {
            assert_eq!(*next(&mut source).await.unwrap().value.data, number.to_string());
            if number % 500 == 0 {
                sleep(10).await;
            }
        }
        assert_eq!(source.dropped(), 0);
    }
}

#[wasm_bindgen_test]
async fn ten_thousand_at_one_go() {
    let topic = topic();
    let mut source = open(untyped(&topic)).await;
    let publishing = publish_many(&topic, "message", (0..10_000).map(|number| number.to_string()));
    let reading = async {
        for number in 0..10_000 {
            assert_eq!(*next(&mut source).await.unwrap().value.data, number.to_string());
        }
    };
    join(publishing, reading).await;
    assert_eq!(source.dropped(), 0);
}

#[wasm_bindgen_test]
async fn what_is_over_a_limit_is_told() {
    let topic = topic();
    let mut source = open(untyped(&topic).limits(Limits::new(200, 200))).await;
    let mut signals = source.signals();
    publish(&topic, "message", &"x".repeat(300)).await;
    publish(&topic, "message", "short").await;
    assert_eq!(&*next(&mut source).await.unwrap().value.data, "short");
    assert_eq!(take(&mut signals, 2).await, [Signal::State(State::Open), Signal::TooLong(Limit::Line)]);
}

#[wasm_bindgen_test]
fn what_can_be_seen_beforehand_is_an_error_of_connect() {
    let refused = |builder: Builder<Message, ByFetch>| builder.connect().unwrap_err();
    let fetch = |url: &str| EventSource::untyped(url).fetch();
    let error = refused(fetch("http://["));
    assert!(matches!(error, ConnectError::Url { ref url, .. } if url == "http://["), "{error}");
    let error = refused(fetch("/events").header("no header", "x"));
    assert!(matches!(error, ConnectError::Header { .. }), "{error}");
    let error = refused(fetch("/events").credentials(Credentials::Omit).header("X", "a\nb"));
    assert!(matches!(error, ConnectError::Header { .. }), "{error}");
}
