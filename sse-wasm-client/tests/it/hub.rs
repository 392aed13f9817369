//! In a browser, with a live hub.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use futures_util::{StreamExt, future::join};
use serde::{Deserialize, Serialize};
use sse_wasm_client::{
    CloseReason, ConnectError, Delivery, EventId, EventSource, Gap, GapReason, Listening, Message, Refusal, Signal,
    State, typed,
};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::{
    HUB, befall, clear_books, events, hide, listener_calls, listeners, next, open_sources, page_listeners,
    pending_timers, publish, publish_many, publish_value, reach, subscribers, take, topic, until, within,
};

/// Dropping a handle closes its connection, so handles are not `Clone`. If one were, this would be ambiguous.
const _: fn() = || {
    struct Cloned;
    trait Means<Which> {
        fn it() {}
    }
    impl<T> Means<()> for T {}
    impl<T: Clone> Means<Cloned> for T {}
    let _ = [<EventSource<Message> as Means<_>>::it, <Listening<Message> as Means<_>>::it];
};

/// A variant of each kind, and names that the browser uses itself.
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
    let Delivery { value, id: delivered, origin, .. } = next(&mut source).await.unwrap();
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
    let Delivery { value: Message { name, data, .. }, id: of, .. } = error.delivery();
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
        let Message { name, data, .. } = delivery.unwrap().value;
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
    let (timers, of_page) = (pending_timers(), page_listeners());

    let source = open(&topic).await;
    let mut signals = source.signals();
    let own = 7; // the browser's two, the hub's four, and `message`
    let names = typed::Schema::<Any>::new().unwrap().names().len() as u32 - 2; // `error` and `open` count once
    assert_eq!((open_sources(), listeners()), (sources + 1, registered + own + names));
    assert_eq!((pending_timers(), page_listeners()), (timers + 1, of_page + 5));

    drop(source);
    assert_eq!((open_sources(), listeners()), (sources, registered));
    assert_eq!((pending_timers(), page_listeners()), (timers, of_page));
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
    let (timers, of_page) = (pending_timers(), page_listeners());
    let references = wasm_bindgen::externref_heap_live_count();
    for _ in 0..50 {
        come_and_go();
    }
    assert_eq!(wasm_bindgen::externref_heap_live_count(), references);
    assert_eq!((open_sources(), listeners()), (sources, registered));
    assert_eq!((pending_timers(), page_listeners()), (timers, of_page));
}

#[wasm_bindgen_test]
async fn what_the_browser_gives_up_is_tried_again_until_told_otherwise() {
    for url in [format!("{HUB}/events"), format!("{HUB}/nowhere"), format!("{HUB}/live")] {
        let builder = EventSource::untyped(url).reconnection_time(Duration::from_millis(5));
        let mut source = builder.give_up_after(3).connect().unwrap();
        let mut signals = source.signals();
        assert!(within(source.next()).await.is_none());
        for attempt in 1..=3 {
            assert_eq!(next(&mut signals).await, Signal::State(State::Connecting));
            assert!(matches!(next(&mut signals).await, Signal::Refused(Refusal { status: None, .. })));
            let state = next(&mut signals).await;
            match attempt {
                3 => assert_eq!(state, Signal::State(State::Closed { why: CloseReason::GaveUp })),
                _ => assert!(matches!(state, Signal::State(State::Waiting { attempt: of, .. }) if of == attempt)),
            }
        }
        assert!(within(signals.next()).await.is_none());
    }
}

#[wasm_bindgen_test]
async fn closing_is_final_after_what_has_arrived() {
    let topic = topic();
    let mut source = open(&topic).await;
    let mut states = source.states();
    let id = publish_value(&topic, &Any::Nothing).await;
    until(|| source.last_event_id() == id).await;
    source.close();
    let closed = State::Closed { why: CloseReason::ByApplication };
    assert_eq!(source.state(), closed);
    assert_eq!(values(&mut source, 1).await, [(Any::Nothing, id)]);
    assert!(within(source.next()).await.is_none());
    assert_eq!(take(&mut states, 2).await, [State::Open, closed]);
    assert!(within(states.next()).await.is_none());
    let gone = async { while subscribers(&topic).await > 0 {} };
    within(gone).await;
}

#[wasm_bindgen_test]
async fn a_callback_takes_the_queues_place() {
    let topic = topic();
    let source = EventSource::<Any>::builder(events(&topic)).queue(2).connect().unwrap();
    reach(&mut source.signals(), State::Open).await;
    let first = publish_value(&topic, &Any::Nothing).await;
    until(|| source.last_event_id() == first).await;
    let seen = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&seen);
    let listening = source.on_event(move |event| log.borrow_mut().push(event.unwrap().value));
    assert_eq!(*seen.borrow(), [Any::Nothing]);
    let mut last = first;
    for number in 0..5 {
        last = publish_value(&topic, &Any::Error(number)).await;
    }
    until(|| listening.source().last_event_id() == last).await;
    assert_eq!((seen.borrow().len(), listening.source().dropped()), (6, 0));

    drop(listening);
    assert_eq!(Rc::strong_count(&seen), 1);
}

#[wasm_bindgen_test]
async fn a_callback_may_drop_its_own_connection() {
    let topic = topic();
    let (sources, timers) = (open_sources(), pending_timers());
    let holder = Rc::new(RefCell::new(None));
    let calls = Rc::new(Cell::new(0));
    let (held, count) = (Rc::clone(&holder), Rc::clone(&calls));
    let source = open(&topic).await;
    holder.replace(Some(source.on_event(move |_| {
        count.set(count.get() + 1);
        drop(held.take());
    })));
    publish_many(&topic, "nothing", (0..3).map(|_| String::new())).await;
    until(|| calls.get() > 0).await;
    assert_eq!((calls.get(), open_sources(), pending_timers()), (1, sources, timers));
}

#[wasm_bindgen_test]
async fn a_shared_connection_is_one_and_closes_with_its_last_handle() {
    let topic = topic();
    let sources = open_sources();
    let shared = open(&topic).await.into_broadcast();
    let (mut one, mut other) = (shared.events(), shared.events());
    let count = Rc::new(Cell::new(0));
    let counted = Rc::clone(&count);
    let callback = shared.on_event(move |event| counted.set(counted.get() + usize::from(event.is_ok())));
    let id = publish_value(&topic, &Any::Nothing).await;
    for events in [&mut one, &mut other] {
        let event = next(events).await;
        assert_eq!(event.as_ref().as_ref().unwrap().id, id);
    }
    assert_eq!((count.get(), open_sources()), (1, sources + 1));
    drop(callback);
    let second = shared.clone();
    drop(shared);
    publish_value(&topic, &Any::Open).await;
    assert!(next(&mut one).await.is_ok());
    assert_eq!((count.get(), second.source().state()), (1, State::Open));
    drop(second);
    assert_eq!(open_sources(), sources);
    assert!(within(one.next()).await.is_none());
}

#[wasm_bindgen_test]
async fn what_waits_is_the_first_readers() {
    let topic = topic();
    let source = open(&topic).await;
    let first = publish_value(&topic, &Any::Nothing).await;
    until(|| source.last_event_id() == first).await;
    let shared = source.into_broadcast();
    let second = publish_value(&topic, &Any::Open).await;
    until(|| shared.source().last_event_id() == second).await;
    let (mut one, mut other) = (shared.events(), shared.events());
    for id in [first, second] {
        assert_eq!(next(&mut one).await.as_ref().as_ref().unwrap().id, id);
    }
    let third = publish_value(&topic, &Any::Nothing).await;
    assert_eq!(next(&mut other).await.as_ref().as_ref().unwrap().id, third);
    shared.close();
    assert!(within(other.next()).await.is_none());
}

#[wasm_bindgen_test]
async fn ten_thousand_at_one_go() {
    let topic = topic();
    let mut source = EventSource::untyped(events(&topic)).connect().unwrap();
    reach(&mut source.signals(), State::Open).await;
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
async fn a_hidden_page_pauses_and_goes_on_where_it_was() {
    let topic = topic();
    let builder = EventSource::<Any>::builder(events(&topic)).pause_when_hidden(Duration::from_millis(50));
    let mut source = builder.connect().unwrap();
    let mut signals = source.signals();
    reach(&mut signals, State::Open).await;
    hide(true);
    reach(&mut signals, State::Paused).await;
    let missed = publish_value(&topic, &Any::Nothing).await;
    hide(false);
    assert_eq!(next(&mut signals).await, Signal::State(State::Connecting));
    assert_eq!(next(&mut signals).await, Signal::State(State::Open));
    assert_eq!(values(&mut source, 1).await, [(Any::Nothing, missed)]);
}

#[wasm_bindgen_test]
async fn a_page_that_is_left_and_gone_back_to() {
    let topic = topic();
    let mut source = open(&topic).await;
    let mut signals = source.signals();
    let sources = open_sources();
    befall("pagehide");
    assert_eq!((source.state(), open_sources()), (State::Paused, sources - 1));
    let missed = publish_value(&topic, &Any::Nothing).await;
    befall("pageshow");
    assert_eq!(open_sources(), sources);
    assert_eq!(values(&mut source, 1).await, [(Any::Nothing, missed)]);
    let states = [State::Open, State::Paused, State::Connecting, State::Open];
    assert_eq!(take(&mut signals, 4).await, states.map(Signal::State));
}

#[wasm_bindgen_test]
async fn back_online_the_wait_is_over() {
    let source = EventSource::untyped(format!("{HUB}/nowhere")).connect().unwrap();
    let mut signals = source.signals();
    let waiting = async { while !matches!(next(&mut signals).await, Signal::State(State::Waiting { .. })) {} };
    within(waiting).await;
    befall("offline");
    let Signal::State(State::Waiting { until, .. }) = next(&mut signals).await else { panic!("it waits longer") };
    let now = Duration::from_secs_f64(web_sys::window().unwrap().performance().unwrap().now() / 1000.0);
    assert!(until > now + Duration::from_secs(25), "{until:?}");
    befall("online");
    assert_eq!(next(&mut signals).await, Signal::State(State::Connecting));
}

#[wasm_bindgen_test]
fn what_can_be_seen_beforehand_is_an_error_of_connect() {
    let error = EventSource::untyped("http://[").connect().unwrap_err();
    assert!(matches!(error, ConnectError::Url { ref url, .. } if url == "http://["), "{error}");
    let error = EventSource::untyped("/events").listen("sse-gap").connect().unwrap_err();
    assert!(matches!(error, ConnectError::Reserved(_)));
    let error = EventSource::<String>::builder("/events").connect().unwrap_err();
    assert!(matches!(error, ConnectError::Schema(_)));
}
