//! In a browser, with a live hub: clients on one page that share a connection, as tabs do.

use std::time::Duration;

use futures_util::StreamExt;
use js_sys::{Object, Reflect};
use serde::Deserialize;
use sse_wasm_client::{Builder, CloseReason, ConnectError, End, EventId, EventSource, Refusal, Signal, Signals, State};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::{
    end, events, hide, locks_of, next, page_listeners, pending_timers, publish, publish_many, reach, sleep,
    subscribers, take, topic, until, within,
};

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Counted {
    Count(u64),
}

type Tab = EventSource<Counted>;

fn builder(topic: &str) -> Builder<Counted> {
    EventSource::builder(events(topic)).queue(20_000)
}

fn join(topic: &str) -> Tab {
    builder(topic).across_tabs().connect().unwrap()
}

/// Waits until each is open and knows its position. The first of them leads.
async fn settle(tabs: &[Tab]) {
    until(|| tabs.iter().all(|tab| tab.state() == State::Open && !tab.last_event_id().text().is_empty())).await;
}

async fn joined(topic: &str, count: usize) -> Vec<Tab> {
    let tabs: Vec<_> = (0..count).map(|_| join(topic)).collect();
    settle(&tabs).await;
    tabs
}

async fn publish_count(topic: &str, number: u64) -> EventId {
    publish(topic, "count", &number.to_string()).await
}

/// The next events in every tab are these and no others.
async fn all_count(tabs: &mut [Tab], numbers: impl Iterator<Item = u64> + Clone) {
    for (tab, source) in tabs.iter_mut().enumerate() {
        for number in numbers.clone() {
            assert_eq!(next(source).await.unwrap().value, Counted::Count(number), "tab {tab}");
        }
    }
}

/// Nothing more has arrived in any tab.
async fn none_is_left(tabs: &mut [Tab]) {
    sleep(100).await;
    for tab in tabs {
        let more = futures_util::FutureExt::now_or_never(tab.next());
        assert!(more.is_none(), "{more:?}");
        assert_eq!(tab.dropped(), 0);
    }
}

/// Waits until the hub serves this number of streams.
async fn are_served(topic: &str, count: u64) {
    within(async {
        while subscribers(topic).await != count {
            sleep(20).await;
        }
    })
    .await;
}

#[wasm_bindgen_test]
async fn ten_tabs_make_one_connection() {
    let topic = topic();
    publish_count(&topic, 0).await; // so that the hub knows the topic
    let mut tabs = joined(&topic, 10).await;
    let mut last = EventId::default();
    for number in 1..=20 {
        last = publish_count(&topic, number).await;
    }
    // By this form tabs recognize IDs that compare.
    let digits = last.as_str().split_once('-').map(|(epoch, number)| (epoch.len(), number.len()));
    assert_eq!(digits, Some((12, 11)));
    publish_many(&topic, "count", (21..=300).map(|number| number.to_string())).await;
    all_count(&mut tabs, 1..=300).await;
    assert_eq!(subscribers(&topic).await, 1);
    none_is_left(&mut tabs).await;
    assert!(tabs.iter().all(|tab| tab.last_event_id() > last && tab.last_event_id() == tabs[0].last_event_id()));

    // A tab that joins later gets nothing from before, and one that resumes gets all of it.
    let late = join(&topic);
    let resumed = builder(&topic).last_event_id(last).across_tabs().connect().unwrap();
    let mut others = [late, resumed];
    settle(&others).await;
    publish_count(&topic, 301).await;
    all_count(&mut others[..1], 301..=301).await;
    all_count(&mut others[1..], 21..=301).await;
    all_count(&mut tabs, 301..=301).await;
    none_is_left(&mut others).await;
    assert_eq!(subscribers(&topic).await, 1);

    drop((tabs, others));
    are_served(&topic, 0).await;
}

#[wasm_bindgen_test]
async fn each_that_wants_the_past_has_it() {
    for by_fetch in [false, true] {
        let topic = topic();
        publish_many(&topic, "count", (1..=30).map(|number| number.to_string())).await;
        let since = || {
            let builder = EventSource::<Counted>::builder(format!("{}&since=1h", events(&topic)));
            match by_fetch {
                false => builder.across_tabs().connect().unwrap(),
                true => builder.fetch().across_tabs().connect().unwrap(),
            }
        };
        let mut tabs = vec![since()];
        settle(&tabs).await;
        all_count(&mut tabs, 1..=30).await;
        publish_count(&topic, 31).await;
        all_count(&mut tabs, 31..=31).await;

        // A tab that joins later gets the same, and the others get nothing twice.
        tabs.push(since());
        all_count(&mut tabs[1..], 1..=31).await;
        publish_count(&topic, 32).await;
        all_count(&mut tabs, 32..=32).await;
        none_is_left(&mut tabs).await;
        assert_eq!(subscribers(&topic).await, 1);
        drop(tabs);
        are_served(&topic, 0).await;
    }
}

#[wasm_bindgen_test]
async fn when_the_leader_goes_another_goes_on() {
    const EVENTS: u64 = 200;
    let topic = topic();
    publish_count(&topic, 0).await;
    let mut tabs = joined(&topic, 5).await;
    let publisher = topic.clone();
    spawn_local(async move {
        for number in 1..=EVENTS {
            publish_count(&publisher, number).await;
        }
    });
    // The tabs lead in the order in which they joined.
    for gone in 1..=3 {
        for number in (gone - 1) * 40 + 1..=gone * 40 {
            all_count(&mut tabs[..1], number..=number).await;
        }
        drop(tabs.remove(0));
        // What the others had meanwhile is for later: the new first one is to be where the old one was.
        all_count(&mut tabs[..1], 1..=gone * 40).await;
    }
    all_count(&mut tabs[..1], 121..=EVENTS).await;
    all_count(&mut tabs[1..], 1..=EVENTS).await;
    none_is_left(&mut tabs).await;
    assert_eq!(subscribers(&topic).await, 1);
}

#[wasm_bindgen_test]
async fn what_differs_is_not_shared() {
    let topic = topic();
    publish_count(&topic, 0).await;
    let untyped = || EventSource::untyped(events(&topic));
    let _shared = [untyped().across_tabs().connect().unwrap(), untyped().across_tabs().connect().unwrap()];
    let _named = untyped().listen("tick").across_tabs().connect().unwrap();
    let _patient = untyped().heartbeat(Duration::from_secs(60)).across_tabs().connect().unwrap();
    let _alone = untyped().connect().unwrap();
    are_served(&topic, 4).await;

    // Which fetch, by what it sends. A browser keeps six connections to one server, and some are for asking.
    drop((_named, _patient, _alone));
    let fetch = || untyped().fetch().header("Authorization", "Bearer 1").across_tabs().connect().unwrap();
    let _fetched = [fetch(), fetch()];
    are_served(&topic, 2).await;
    let _other = untyped().fetch().header("Authorization", "Bearer 2").across_tabs().connect().unwrap();
    are_served(&topic, 3).await;
}

#[wasm_bindgen_test]
async fn over_fetch_too() {
    let topic = topic();
    publish_count(&topic, 0).await;
    let fetch = || builder(&topic).fetch().across_tabs().connect().unwrap();
    let mut tabs = vec![fetch(), fetch(), fetch()];
    settle(&tabs).await;
    publish(&topic, "unheard-of", "{}").await;
    publish_many(&topic, "count", (1..=1000).map(|number| number.to_string())).await;
    all_count(&mut tabs, 1..=1000).await;
    drop(tabs.remove(0));
    publish_count(&topic, 1001).await;
    all_count(&mut tabs, 1001..=1001).await;
    assert_eq!(subscribers(&topic).await, 1);
    none_is_left(&mut tabs).await;
}

#[wasm_bindgen_test]
async fn a_refusal_is_told_to_all_and_ends_all() {
    let fetch = || EventSource::untyped(events("not%0Aa%0Atopic")).fetch().across_tabs().connect().unwrap();
    let mut tabs = [fetch(), fetch()];
    let signals: Vec<Signals> = tabs.iter().map(EventSource::signals).collect();
    for signals in signals {
        let all: Vec<_> = within(signals.collect()).await;
        let [Signal::State(State::Connecting), Signal::Refused(Refusal { status, problem, .. }), Signal::State(end)] =
            &all[..]
        else {
            panic!("{all:?}")
        };
        assert_eq!((*status, *end), (Some(400), State::Closed { why: CloseReason::Status(400) }));
        assert!(problem.as_ref().is_some_and(|problem| problem.detail.is_some()), "{problem:?}");
    }
    for tab in &mut tabs {
        assert!(within(tab.next()).await.is_none());
    }
}

#[wasm_bindgen_test]
async fn the_end_is_told_to_all_and_to_those_who_come_later() {
    let topic = topic();
    publish_count(&topic, 0).await;
    let mut tabs = joined(&topic, 3).await;
    let mut signals: Vec<Signals> = tabs.iter().map(EventSource::signals).collect();
    for number in 1..=3 {
        publish_count(&topic, number).await;
    }
    end(&topic).await;
    let late = join(&topic);
    signals.push(late.signals());
    all_count(&mut tabs, 1..=3).await;
    tabs.push(late);
    let closed = Signal::State(State::Closed { why: CloseReason::Ended });
    for (tab, signals) in tabs.iter_mut().zip(signals) {
        assert!(within(tab.next()).await.is_none());
        let all: Vec<_> = within(signals.collect()).await;
        assert!(all.ends_with(&[Signal::End(End::new([&*topic])), closed.clone()]), "{all:?}");
    }
    locks_become(&topic, [0.0, 0.0]).await;
    are_served(&topic, 0).await;
}

#[wasm_bindgen_test]
async fn a_hidden_tab_leaves_it_to_the_others() {
    let topic = topic();
    publish_count(&topic, 0).await;
    let pausing = builder(&topic).pause_when_hidden(Duration::ZERO).across_tabs().connect().unwrap();
    let mut tabs = vec![pausing];
    settle(&tabs).await;
    tabs.push(join(&topic));
    settle(&tabs).await;
    let mut signals = tabs[0].signals();
    publish_count(&topic, 1).await;
    all_count(&mut tabs, 1..=1).await;

    hide(true);
    reach(&mut signals, State::Paused).await;
    publish_count(&topic, 2).await;
    all_count(&mut tabs[1..], 2..=2).await;
    assert_eq!(subscribers(&topic).await, 1);
    none_is_left(&mut tabs).await;
    hide(false);
    reach(&mut signals, State::Open).await;
    all_count(&mut tabs[..1], 2..=2).await;
    publish_count(&topic, 3).await;
    all_count(&mut tabs, 3..=3).await;
    none_is_left(&mut tabs).await;
    assert_eq!(subscribers(&topic).await, 1);
}

#[wasm_bindgen_test]
async fn a_page_that_is_stored_leaves_and_comes_back() {
    let topic = topic();
    publish_count(&topic, 0).await;
    let mut tabs = joined(&topic, 2).await;
    crate::support::befall("pagehide");
    assert!(tabs.iter().all(|tab| tab.state() == State::Paused));
    are_served(&topic, 0).await;
    publish_count(&topic, 1).await;
    crate::support::befall("pageshow");
    all_count(&mut tabs, 1..=1).await;
    are_served(&topic, 1).await;
    none_is_left(&mut tabs).await;
}

#[wasm_bindgen_test]
async fn without_locks_each_has_its_own() {
    let topic = topic();
    publish_count(&topic, 0).await;
    let navigator: Object = Reflect::get(&js_sys::global(), &"navigator".into()).unwrap().unchecked_into();
    let without = Object::new();
    Reflect::set(&without, &"value".into(), &JsValue::UNDEFINED).unwrap();
    Reflect::set(&without, &"configurable".into(), &JsValue::TRUE).unwrap();
    Object::<JsValue>::define_property(navigator.unchecked_ref(), &"locks".into(), &without);
    let mut tabs = vec![join(&topic), join(&topic)];
    Reflect::delete_property::<Object>(navigator.unchecked_ref(), &"locks".into()).unwrap(); // the prototype's shows again
    settle(&tabs).await;
    assert_eq!(subscribers(&topic).await, 2);
    for number in 1..=10 {
        publish_count(&topic, number).await;
    }
    all_count(&mut tabs, 1..=10).await;
    none_is_left(&mut tabs).await;
}

#[wasm_bindgen_test]
async fn what_is_dropped_leaves_nothing_behind() {
    let topic = topic();
    publish_count(&topic, 0).await;
    let (timers, listeners) = (pending_timers(), page_listeners());
    let tabs = joined(&topic, 3).await;
    assert!(page_listeners() > listeners);
    tabs[0].close();
    assert_eq!(tabs[0].state(), State::Closed { why: CloseReason::ByApplication });
    settle(&tabs[1..]).await;
    are_served(&topic, 1).await;
    drop(tabs);
    assert_eq!((pending_timers(), page_listeners()), (timers, listeners));
    are_served(&topic, 0).await;
}

#[wasm_bindgen_test]
async fn many_come_and_go_without_a_trace() {
    let topic = topic();
    publish_count(&topic, 0).await;
    let come_and_go = async |leader_first: bool| {
        drop(join(&topic));
        let mut tabs = joined(&topic, 2).await;
        locks_become(&topic, [1.0, 1.0]).await;
        drop(tabs.swap_remove(usize::from(!leader_first)));
        locks_become(&topic, [1.0, 0.0]).await;
    };
    come_and_go(true).await;
    locks_become(&topic, [0.0, 0.0]).await;
    let (timers, listeners) = (pending_timers(), page_listeners());
    let references = wasm_bindgen::externref_heap_live_count();
    for round in 0..20 {
        come_and_go(round % 2 == 0).await;
    }
    locks_become(&topic, [0.0, 0.0]).await;
    are_served(&topic, 0).await;
    assert_eq!((pending_timers(), page_listeners()), (timers, listeners));
    until(|| wasm_bindgen::externref_heap_live_count() <= references).await; // what the browser settles later is over too
}

async fn locks_become(topic: &str, counts: [f64; 2]) {
    within(async { while locks_of(topic).await != counts {} }).await;
}

#[wasm_bindgen_test]
async fn a_callback_may_drop_its_own() {
    use std::{cell::RefCell, rc::Rc};
    let topic = topic();
    publish_count(&topic, 0).await;
    let mut tabs = joined(&topic, 2).await;
    let held = Rc::new(RefCell::new(None));
    let own = Rc::clone(&held);
    let seen = Rc::new(RefCell::new(0));
    let count = Rc::clone(&seen);
    let listening = tabs.remove(0).on_event(move |_| {
        *count.borrow_mut() += 1;
        let gone = own.take();
        drop(gone);
    });
    held.replace(Some(listening));
    publish_many(&topic, "count", (1..=5).map(|number| number.to_string())).await;
    all_count(&mut tabs, 1..=5).await;
    assert_eq!((*seen.borrow(), held.borrow().is_none()), (1, true));
    are_served(&topic, 1).await;
    none_is_left(&mut tabs).await;
}

#[wasm_bindgen_test]
fn what_the_browser_refuses_is_an_error() {
    let url = EventSource::untyped("http://").across_tabs().connect();
    assert!(matches!(url, Err(ConnectError::Url { .. })), "{url:?}");
    let header = EventSource::untyped("/events").fetch().header("a b", "").across_tabs().connect();
    assert!(matches!(header, Err(ConnectError::Header { .. })), "{header:?}");
}

#[wasm_bindgen_test]
async fn a_burst_of_ten_thousand_reaches_all() {
    let topic = topic();
    publish_count(&topic, 0).await;
    let mut tabs = joined(&topic, 3).await;
    publish_many(&topic, "count", (1..=10_000).map(|number| number.to_string())).await;
    for tab in &mut tabs {
        let items = take(tab, 10_000).await;
        let numbers = items.into_iter().map(|item| match item.unwrap().value {
            Counted::Count(number) => number,
        });
        assert!(numbers.eq(1..=10_000));
    }
    none_is_left(&mut tabs).await;
}
