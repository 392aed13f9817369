//! In a browser, with scripted servers.

use std::{cell::Cell, rc::Rc, time::Duration};

use futures_util::{StreamExt, future::join};
use js_sys::Date;
use serde_json::{Value, json};
use sse_wasm_client::{
    Builder, CloseReason, Credentials, Drain, DrainReason, End, EventId, EventSource, GapReason, Message, Refusal,
    Signal, State, States,
};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::{next, open_sources, request, sleep, take, within};

/// The address of the scripted server, which allows pages of any origin.
const SCRIPTS: &str = env!("SSE_TEST_SCRIPTS", "run these tests by `cargo xtask test --only wasm-tests`");

/// A script at a URL of its own.
struct Script {
    name: String,
    url: String,
}

impl Script {
    /// Steps that break a connection have to be preceded by a wait: a browser discards what it has not read by then.
    async fn new(steps: Value) -> Self {
        thread_local!(static COUNT: Cell<u32> = const { Cell::new(0) });
        COUNT.set(COUNT.get() + 1);
        let name = format!("{}-{}", Date::now(), COUNT.get());
        let init = web_sys::RequestInit::new();
        init.set_method("PUT");
        init.set_body(&steps.to_string().into());
        let window = web_sys::window().unwrap();
        let url = format!("{SCRIPTS}/scripts/{name}");
        let fetch = wasm_bindgen_futures::JsFuture::from(window.fetch_with_str_and_init(&url, &init));
        let response: web_sys::Response = within(fetch).await.unwrap().into();
        if response.status() != 201 {
            let text = wasm_bindgen_futures::JsFuture::from(response.text().unwrap()).await;
            panic!("{:?}", text.unwrap());
        }
        Self { url: format!("{SCRIPTS}/run/{name}/events"), name }
    }

    /// A client that reconnects soon.
    fn source(&self) -> Builder<Message> {
        EventSource::untyped(&self.url).reconnection_time(Duration::from_millis(20))
    }

    /// Waits until all steps but the last `left` are done. Panics with the timeline if the script fails.
    async fn done_but(&self, left: u64) {
        let done = async {
            loop {
                let report = request("GET", &format!("{SCRIPTS}/scripts/{}", self.name), "", "").await;
                let report: Value = serde_json::from_str(&report).unwrap();
                if !report["failed"].is_null() {
                    let url = format!("{SCRIPTS}/scripts/{}/timeline", self.name);
                    panic!("{}", request("GET", &url, "", "").await);
                }
                if report["step"].as_u64().unwrap() + left >= report["steps"].as_u64().unwrap() {
                    break;
                }
                sleep(5).await;
            }
        };
        within(done).await;
    }

    async fn finished(&self) {
        self.done_but(0).await;
    }
}

async fn data<S>(source: &mut S) -> (String, String)
where
    S: futures_util::Stream<Item = Result<sse_wasm_client::Delivery<Message>, sse_wasm_client::DecodeError>> + Unpin,
{
    let delivery = next(source).await.unwrap();
    (delivery.value.data.to_string(), delivery.id.to_string())
}

fn of(data: &str, id: &str) -> (String, String) {
    (data.into(), id.into())
}

#[wasm_bindgen_test]
async fn a_server_that_ends_the_stream_is_connected_to_again() {
    let again = |step: Value| {
        let drain = json!({ "event": "{\"reason\":\"age\"}", "name": "sse-drain", "id": "e-1" });
        let cursor = json!({ "event": "{}", "name": "sse-cursor", "id": "e-1", "retry": "20ms" });
        [step, json!({ "head": 200 }), cursor, drain, json!({ "event": "7" }), json!("end")]
    };
    let reconnect = json!({ "expect_reconnect": { "last_event_id": "e-1" } });
    let steps = [again(json!("accept")), again(reconnect.clone()), again(reconnect)].concat();
    let script = Script::new(json!(steps)).await;
    let mut source = script.source().connect().unwrap();
    let mut signals = source.signals();
    for _ in 0..3 {
        assert_eq!(next(&mut signals).await, Signal::State(State::Connecting));
        assert_eq!(next(&mut signals).await, Signal::State(State::Open));
        let drain = next(&mut signals).await;
        assert!(matches!(drain, Signal::Drain(Drain { reason: DrainReason::Age, .. })));
        assert_eq!(data(&mut source).await, of("7", "e-1"));
    }
    script.finished().await;
}

#[wasm_bindgen_test]
async fn a_stream_without_an_event_is_not_open() {
    let busy = |step: Value| [step, json!({ "head": 200 }), json!({ "retry": "20ms" }), json!("end")];
    let reconnect = json!("expect_reconnect");
    let steps = [busy(json!("accept")), busy(reconnect.clone()), busy(reconnect)].concat();
    let script = Script::new(json!(steps)).await;
    let source = script.source().connect().unwrap();
    script.finished().await;
    assert_eq!(source.state(), State::Connecting);
}

#[wasm_bindgen_test]
async fn a_stream_that_opens_with_its_end_is_not_open() {
    let busy = |step: Value, end: &str| {
        let drain = json!({ "event": "{\"reason\":\"busy\"}", "name": "sse-drain", "retry": "20ms" });
        [step, json!({ "head": 200 }), drain, json!(end)]
    };
    let reconnect = json!("expect_reconnect");
    let steps = [busy(json!("accept"), "end"), busy(reconnect.clone(), "end"), busy(reconnect, "stall")].concat();
    let (connecting, drain) = (Signal::State(State::Connecting), Signal::Drain(Drain::new(DrainReason::Busy)));

    let script = Script::new(json!(steps)).await;
    let source = script.source().connect().unwrap();
    let expected = [&connecting, &drain, &drain, &drain].map(Clone::clone);
    assert_eq!(take(&mut source.signals(), 4).await, expected);
    assert_eq!(source.state(), State::Connecting);
    script.done_but(1).await;
    drop(source);

    let script = Script::new(json!(steps)).await;
    let source = script.source().fetch().connect().unwrap();
    let mut signals = source.signals();
    for expected in 1..=2 {
        assert_eq!(take(&mut signals, 2).await, [connecting.clone(), drain.clone()]);
        let waiting = next(&mut signals).await;
        assert!(matches!(waiting, Signal::State(State::Waiting { attempt, .. }) if attempt == expected), "{waiting:?}");
    }
    assert_eq!(take(&mut signals, 2).await, [connecting, drain]);
    assert_eq!(source.state(), State::Connecting);
    script.done_but(1).await;
}

#[wasm_bindgen_test]
async fn a_tab_with_a_since_stays_alone_where_there_is_no_hub() {
    let script = Script::new(json!([
        { "accept": { "path": "/events?since=1h" } },
        { "head": 200 }, { "event": "a", "id": "1" }, { "event": "b", "id": "2" }, "stall"
    ]))
    .await;
    let mut source = EventSource::untyped(format!("{}?since=1h", script.url)).across_tabs().connect().unwrap();
    assert_eq!(data(&mut source).await, of("a", "1"));
    assert_eq!(data(&mut source).await, of("b", "2"));
    assert_eq!((source.state(), source.last_event_id().as_str()), (State::Open, "2"));
}

#[wasm_bindgen_test]
async fn after_503_and_a_wrong_type_the_browsers_own_is_made_anew() {
    let script = Script::new(json!([
        { "accept": { "path": "/events" } },
        { "head": 200 }, { "retry": "20ms" }, { "event": "a", "id": "e-1" }, { "wait": "100ms" }, "drop",
        // The browser's own attempt, with the header:
        { "expect_reconnect": { "last_event_id": "e-1" } }, { "status": 503 },
        // This client's, with the query:
        { "expect_reconnect": { "path": "/events?last_event_id=e-1", "last_event_id": null } },
        { "status": 200, "headers": { "content-type": "text/html" }, "body": "<html>" },
        { "expect_reconnect": { "path": "/events?last_event_id=e-1" } },
        { "head": 200 }, { "retry": "20ms" }, { "event": "b", "id": "e-2" }, { "wait": "100ms" }, "drop",
        // The next attempt resumes from there, and its header takes precedence over the query.
        { "expect_reconnect": { "last_event_id": "e-2" } }, { "status": 500 },
        { "expect_reconnect": { "path": "/events?last_event_id=e-2" } },
        { "head": 200 }, { "event": "c", "id": "e-3" }, "stall"
    ]))
    .await;
    let sources = open_sources();
    let mut source = script.source().connect().unwrap();
    let mut states = source.states();
    for event in [of("a", "e-1"), of("b", "e-2"), of("c", "e-3")] {
        assert_eq!(data(&mut source).await, event);
    }
    script.done_but(1).await;
    assert_eq!(open_sources(), sources + 1);
    let (connecting, open) = (State::Connecting, State::Open);
    let mut seen = Vec::new();
    while seen.iter().filter(|state| **state == open).count() < 3 {
        seen.push(next(&mut states).await);
    }
    let attempts = seen.iter().filter_map(|state| match state {
        State::Waiting { attempt, .. } => Some(*attempt),
        _ => None,
    });
    assert!(attempts.eq([1, 2, 3]), "{seen:?}"); // no stream was stable
    assert_eq!(seen.iter().filter(|state| **state == connecting).count(), 6, "{seen:?}");
}

#[wasm_bindgen_test]
async fn a_204_is_a_refusal_like_any_to_event_source() {
    let script = Script::new(json!([
        { "accept": { "path": "/events" } },
        { "head": 200 }, { "retry": "20ms" }, { "event": "a", "id": "e-1" }, "end",
        { "expect_reconnect": { "last_event_id": "e-1" } }, { "status": 204 }, // the browser's own attempt
        { "expect_reconnect": { "path": "/events?last_event_id=e-1" } }, { "status": 204 },
        { "expect_reconnect": { "path": "/events?last_event_id=e-1" } }, { "status": 204 }
    ]))
    .await;
    let mut source = script.source().give_up_after(3).connect().unwrap();
    let mut signals = source.signals();
    assert_eq!(data(&mut source).await, of("a", "e-1"));
    assert!(within(source.next()).await.is_none());
    assert_eq!(source.state(), State::Closed { why: CloseReason::GaveUp });
    let mut refused = 0;
    while let Some(signal) = within(signals.next()).await {
        if let Signal::Refused(Refusal { status, .. }) = signal {
            assert_eq!(status, None);
            refused += 1;
        }
    }
    assert_eq!(refused, 3);
    script.finished().await;
}

#[wasm_bindgen_test]
async fn names_that_browsers_use_themselves() {
    let script = Script::new(json!([
        "accept", { "head": 200 },
        { "event": "1", "name": "open" }, { "event": "2", "name": "error" }, { "event": "3", "name": "close" }, "stall"
    ]))
    .await;
    let builder = script.source().listen("open").listen("error").listen("close");
    let mut source = builder.connect().unwrap();
    for (number, name) in [("1", "open"), ("2", "error"), ("3", "close")] {
        let message = next(&mut source).await.unwrap().value;
        assert_eq!((&*message.data, message.name.as_str()), (number, name));
    }
    assert_eq!(source.state(), State::Open);
}

#[wasm_bindgen_test]
async fn a_stream_gone_silent_is_made_anew_by_either_transport() {
    let steps = |again: Value| {
        json!([
            "accept", { "head": 200 }, { "event": "", "name": "sse-cursor", "id": "e-1" },
            { "event": "a", "id": "e-2" }, { "expect_disconnect": {} },
            { "expect_reconnect": again }, { "head": 200 }, { "event": "b", "id": "e-3" }, "stall"
        ])
    };
    let interval = Duration::from_millis(1); // and the margin
    let check = async |script: Script, mut source: EventSource<Message>, mut states: States| {
        assert_eq!([data(&mut source).await, data(&mut source).await], [of("a", "e-2"), of("b", "e-3")]);
        let expected = [State::Connecting, State::Open, State::Connecting, State::Open]; // at once, without a wait
        assert_eq!(take(&mut states, 4).await, expected);
        script.done_but(1).await;
    };
    let with_query = Script::new(steps(json!({ "path": "/events?last_event_id=e-2" }))).await;
    let with_header = Script::new(steps(json!({ "path": "/events", "last_event_id": "e-2" }))).await;
    let one = with_query.source().heartbeat(interval).connect().unwrap();
    let other = with_header.source().fetch().heartbeat(interval).connect().unwrap();
    let (states, others) = (one.states(), other.states());
    join(check(with_query, one, states), check(with_header, other, others)).await;
}

#[wasm_bindgen_test]
async fn over_fetch_the_head_tells_the_interval_and_comments_count() {
    let heartbeat = json!({ "sse-heartbeat": "1", "access-control-expose-headers": "sse-heartbeat" });
    let script = Script::new(json!([
        "accept", { "head": 200, "headers": heartbeat }, { "event": "a", "id": "e-1" },
        { "wait": "3.5s" }, { "comment": "" }, { "wait": "3.5s" }, { "event": "b", "id": "e-2" },
        "expect_disconnect", { "expect_reconnect": { "last_event_id": "e-2" } }, { "status": 204 }
    ]))
    .await;
    let mut source = script.source().fetch().connect().unwrap();
    assert_eq!([data(&mut source).await, data(&mut source).await], [of("a", "e-1"), of("b", "e-2")]);
    assert!(within(source.next()).await.is_none());
    assert_eq!(source.state(), State::Closed { why: CloseReason::Ended });
    script.finished().await;
}

#[wasm_bindgen_test]
async fn over_fetch_the_server_says_when_to_come_back() {
    let exposed = json!({ "retry-after": "1", "access-control-expose-headers": "retry-after" });
    let script = Script::new(json!([
        "accept", { "head": 200 }, { "retry": "300ms" }, { "event": "a" }, "end",
        { "expect_reconnect": { "not_before": "300ms" } }, { "status": 503, "headers": exposed },
        { "expect_reconnect": { "not_before": "1s" } }, { "status": 429, "headers": exposed, "body": "busy" },
        { "expect_reconnect": { "not_before": "1s" } }, { "head": 200 }, "reset",
        { "expect_reconnect": { "not_before": "300ms" } }, { "status": 204 }
    ]))
    .await;
    let mut source = script.source().fetch().max_wait(Duration::from_millis(400)).connect().unwrap();
    let mut signals = source.signals();
    data(&mut source).await;
    script.finished().await;
    assert!(within(source.next()).await.is_none());
    let mut refusals = Vec::new();
    while let Some(signal) = within(signals.next()).await {
        if let Signal::Refused(Refusal { status, retry_after, problem, .. }) = signal {
            assert_eq!(problem, None);
            refusals.push((status.unwrap(), retry_after));
        }
    }
    let second = Some(Duration::from_secs(1));
    assert_eq!(refusals, [(503, second), (429, second)]); // the 204 is an end
    assert!(source.state().has_ended());
}

#[wasm_bindgen_test]
async fn a_post_goes_out_whole_each_time() {
    let asked = json!({
        "method": "POST", "path": "/events",
        "headers": { "authorization": "Bearer x", "accept": "text/event-stream", "cache-control": "no-cache",
                     "content-type": "application/json", "content-length": "2" }
    });
    let script = Script::new(json!([
        { "accept": asked }, { "head": 200 }, { "retry": "20ms" }, { "event": "a", "id": "é 1" }, { "wait": "100ms" }, "drop",
        { "expect_reconnect": asked }, { "status": 401, "headers": { "content-type": "application/problem+json" },
          "body": json!({ "title": "Unauthorized", "detail": "the token is over" }).to_string() }
    ]))
    .await;
    let builder = script.source().fetch().post("{}").credentials(Credentials::Omit);
    let builder = builder.header("Content-Type", "application/json").header("Authorization", "Bearer x");
    let mut source = builder.last_event_id_in_query().connect().unwrap();
    let mut signals = source.signals();
    data(&mut source).await;
    script.finished().await;
    assert!(within(source.next()).await.is_none());
    assert_eq!(source.state(), State::Closed { why: CloseReason::Status(401) });
    let refused = loop {
        if let Signal::Refused(refused) = next(&mut signals).await {
            break refused;
        }
    };
    assert_eq!(&*refused.problem.unwrap().detail.unwrap(), "the token is over");
}

#[wasm_bindgen_test]
async fn headers_are_asked_for_before_each_request() {
    let asked = |token: &str| json!({ "headers": { "authorization": token, "x-any": "1" } });
    let script = Script::new(json!([
        { "accept": asked("Bearer 2") }, { "head": 200 }, { "retry": "20ms" }, { "event": "a", "id": "1" }, "end",
        { "expect_reconnect": asked("Bearer 3") }, { "head": 200 }, { "event": "b", "id": "2" }, "stall"
    ]))
    .await;
    let count = Rc::new(Cell::new(0));
    let headers = move || {
        count.set(count.get() + 1);
        let count = count.get();
        async move {
            sleep(1).await;
            (count > 1).then(|| vec![("Authorization".into(), format!("Bearer {count}"))])
        }
    };
    let builder = script.source().fetch().header("X-Any", "1").header("Authorization", "none");
    let mut source = builder.headers_from(headers).reconnection_time(Duration::from_millis(1)).connect().unwrap();
    let mut signals = source.signals();
    assert!(matches!(take(&mut signals, 2).await[1], Signal::State(State::Waiting { attempt: 1, .. })));
    assert_eq!([data(&mut source).await, data(&mut source).await], [of("a", "1"), of("b", "2")]);
    script.done_but(1).await;
}

#[wasm_bindgen_test]
async fn redirects_are_followed_each_time_from_the_start() {
    let script = Script::new(json!([
        { "accept": { "path": "/events" } }, { "redirect": "/moved" },
        { "accept": { "path": "/moved" } }, { "head": 200 }, { "retry": "20ms" }, { "event": "a", "id": "1" }, "end",
        { "accept": { "path": "/events", "last_event_id": "1" } }, { "redirect": "/moved" },
        { "accept": { "path": "/moved", "last_event_id": "1" } }, { "head": 200 }, { "event": "b", "id": "2" }, "stall"
    ]))
    .await;
    let mut source = script.source().fetch().connect().unwrap();
    assert_eq!([data(&mut source).await, data(&mut source).await], [of("a", "1"), of("b", "2")]);
    script.done_but(1).await;
}

#[wasm_bindgen_test]
async fn gaps_and_drains_are_signals_and_what_is_cut_off_is_no_event() {
    let script = Script::new(json!([
        "accept", { "head": 200 }, { "retry": "20ms" },
        { "raw": "event: sse-gap\ndata: {\"reason\":\"lost\",\"requested\":\"e-0\",\"first\":null}\nid: e-1\n\n" },
        { "event": "a", "id": "e-2" },
        { "event": "{\"reason\":\"shutdown\"}", "name": "sse-drain", "id": "e-2" },
        { "raw": "id: e-3\ndata: cut" }, "end",
        { "expect_reconnect": { "last_event_id": "e-2" } }, { "head": 200 }, { "event": "b", "id": "e-3" }, "stall"
    ]))
    .await;
    let builder = script.source().last_event_id(EventId::from_static("e-0"));
    let mut source = builder.fetch().connect().unwrap();
    let mut signals = source.signals();
    assert_eq!([data(&mut source).await, data(&mut source).await], [of("a", "e-2"), of("b", "e-3")]);
    assert_eq!(take(&mut signals, 2).await, [State::Connecting, State::Open].map(Signal::State));
    assert!(matches!(next(&mut signals).await, Signal::Gap(gap) if gap.reason == GapReason::Lost));
    assert!(matches!(next(&mut signals).await, Signal::Drain(Drain { reason: DrainReason::Shutdown, .. })));
    script.done_but(1).await;
}

/// The hub's last event, as a step.
fn end_of(topic: &str, id: &str) -> Value {
    json!({ "event": json!({ "topics": [topic] }).to_string(), "name": "sse-end", "id": id })
}

#[wasm_bindgen_test]
async fn after_the_end_of_all_topics_nothing_is_asked_for_by_either_transport() {
    // The server ends the stream, and an `EventSource` that is not closed by then comes again at once.
    let steps = || json!(["accept", { "head": 200 }, { "retry": "1ms" }, { "event": "a", "id": "e-1" }, end_of("runs/42", "e-1"), "end"]);
    let check = async |script: Script, mut source: EventSource<Message>| {
        let mut signals = source.signals();
        assert_eq!(data(&mut source).await, of("a", "e-1"));
        assert!(within(source.next()).await.is_none());
        let mut told = Vec::new();
        while let Some(signal) = within(signals.next()).await {
            told.push(signal);
        }
        let closed = State::Closed { why: CloseReason::Ended };
        assert_eq!(told[told.len() - 2..], [Signal::End(End::new(["runs/42"])), Signal::State(closed)]);
        assert!(!told.iter().any(|signal| matches!(signal, Signal::Refused(_))));
        sleep(100).await;
        script.finished().await; // and no request came after the last step
    };
    let [one, other] = [Script::new(steps()).await, Script::new(steps()).await];
    let [native, fetched] = [one.source().connect().unwrap(), other.source().fetch().connect().unwrap()];
    join(check(one, native), check(other, fetched)).await;
}

#[wasm_bindgen_test]
async fn a_204_is_an_end_whatever_may_pass() {
    let script = Script::new(json!([{ "accept": { "last_event_id": "e-9" } }, { "status": 204 }])).await;
    let builder = script.source().last_event_id(EventId::from_static("e-9"));
    let mut source = builder.fetch().retry_if(|_| true).connect().unwrap();
    let mut signals = source.signals();
    assert!(within(source.next()).await.is_none());
    let closed = State::Closed { why: CloseReason::Ended };
    assert_eq!(take(&mut signals, 2).await, [State::Connecting, closed].map(Signal::State));
    assert_eq!(within(signals.next()).await, None);
    script.finished().await;
}

#[wasm_bindgen_test]
async fn a_stream_of_nothing_is_not_open_by_either_transport() {
    let busy = || Script::new(json!(["accept", { "head": 200 }, { "retry": "10s" }, { "comment": "busy" }, "stall"]));
    let script = busy().await;
    let source = script.source().connect().unwrap();
    script.done_but(1).await;
    assert_eq!(source.state(), State::Connecting);
    let script = busy().await;
    let source = script.source().fetch().connect().unwrap();
    script.done_but(1).await;
    sleep(50).await;
    assert_eq!(source.state(), State::Connecting);
}
