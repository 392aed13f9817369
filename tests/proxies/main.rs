//! The proxies' files of `docs/operations.md`, as they stand there, with the real programs: events pass at once, streams
//! stay open and resume, a stop of the hub reaches the client in good order, and no publish is lost in between.
#![cfg(unix)] // a hub is stopped by a signal

mod document;
mod proxy;

use std::time::Duration;

use futures_util::future::join_all;
use proxy::{Kind, Proxy};
use sse_test_support::{hub::Hub, process::Process};
use sse_testkit::{RequestBuilder, TestClient, event};

/// The name under which the hub is reached.
const NAME: &str = "hub.example";

const ORIGIN: (&str, &str) = ("SSE__SERVER__PUBLIC_ORIGIN", "https://hub.example");

/// How long a proxy may try in vain to reach a hub.
const PATIENCE: Duration = Duration::from_secs(30);

/// Each test, before each proxy.
macro_rules! before {
    ($($module:ident: $kind:ident;)+) => {
        $(
            mod $module {
                use crate::proxy::Kind::$kind;

                #[tokio::test(flavor = "multi_thread")]
                async fn events_pass_at_once() {
                    crate::events_pass_at_once($kind).await;
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn an_idle_stream_stays_open() {
                    crate::an_idle_stream_stays_open($kind).await;
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn a_stream_resumes() {
                    crate::a_stream_resumes($kind).await;
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn lines_are_published() {
                    crate::lines_are_published($kind).await;
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn a_stop_ends_streams_in_good_order() {
                    crate::a_stop_ends_streams_in_good_order($kind).await;
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn no_publish_meets_a_connection_that_was_closed() {
                    crate::no_publish_meets_a_connection_that_was_closed($kind).await;
                }
            }
        )+
    };
}

before! {
    nginx: Nginx;
    haproxy: Haproxy;
    caddy: Caddy;
    apache: Apache;
}

fn hub(settings: &[(&str, &str)]) -> Process {
    Hub::built().start(&[&[ORIGIN], settings].concat())
}

/// A stream as a browser asks for it.
fn stream(client: &TestClient, query: &str) -> RequestBuilder {
    let request = client.get(&format!("/events?{query}")).header("host", NAME).header("accept", "text/event-stream");
    request.header("accept-encoding", "gzip, br").within(PATIENCE)
}

fn publish(client: &TestClient, topic: &str, data: &str) -> RequestBuilder {
    client.post(&format!("/publish/{topic}")).header("host", NAME).body(data.to_owned()).within(PATIENCE)
}

/// With a heartbeat only after 15 seconds: an event that is held back is not pushed on by one.
async fn events_pass_at_once(kind: Kind) {
    let hub = hub(&[]);
    let Some(proxy) = Proxy::start(kind, hub.address()) else { return };
    let client = proxy.client();
    let mut stream = stream(&client, "topic=a").connect().await;
    stream.expect_status(200);
    stream.expect_event(event("sse-cursor")).await;
    for data in ["one", "two", "three"] {
        publish(&client, "a", data).send().await.expect_status(200);
        stream.expect_event(data).await;
    }
}

async fn an_idle_stream_stays_open(kind: Kind) {
    let hub = hub(&[("SSE__STREAM__HEARTBEAT", "1s"), ("SSE__SERVER__HEADER_TIMEOUT", "2s")]);
    let Some(proxy) = Proxy::start(kind, hub.address()) else { return };
    let client = proxy.client();
    let mut stream = stream(&client, "topic=a").connect().await;
    for _ in 0..5 {
        stream.expect_event(event("sse-cursor")).await;
    }
    publish(&client, "a", "after").send().await.expect_status(200);
    stream.expect_event("after").await;
}

async fn a_stream_resumes(kind: Kind) {
    let hub = hub(&[]);
    let Some(proxy) = Proxy::start(kind, hub.address()) else { return };
    let client = proxy.client();
    let mut stream = stream(&client, "topic=a").skip_events(["sse-cursor"]).connect().await;
    publish(&client, "a", "before").send().await.expect_status(200);
    stream.expect_event("before").await;
    stream.disconnect();
    for data in ["one", "two"] {
        publish(&client, "a", data).send().await.expect_status(200);
    }
    // a gap would be an event
    stream.reconnect().await;
    stream.expect_events(["one", "two"]).await;
}

async fn lines_are_published(kind: Kind) {
    let hub = hub(&[]);
    let Some(proxy) = Proxy::start(kind, hub.address()) else { return };
    let lines = ["{\"topic\":\"a\",\"data\":1}\n", "{\"topic\":\"a\",", "\"data\":2}\n"];
    let request = proxy.client().post("/publish").header("host", NAME).within(PATIENCE);
    let answer = request.header("content-type", "application/x-ndjson").body_stream(lines).send().await;
    assert_eq!((answer.status.as_u16(), &answer.json()["published"]), (200, &2.into()));
}

/// The client hears of the stop, and while there is no hub it is told to come back, which a status other than 200 would
/// forbid. When the hub is there again it resumes.
async fn a_stop_ends_streams_in_good_order(kind: Kind) {
    let mut hub = hub(&[("SSE__SERVER__DRAIN", "500ms")]);
    let address = hub.address();
    let Some(proxy) = Proxy::start(kind, address) else { return };
    let client = proxy.client();
    let mut open = stream(&client, "topic=a").connect().await;
    open.expect_event(event("sse-cursor")).await;
    hub.signal("TERM");
    open.expect_event(event("sse-drain").json_at("/reason", "shutdown")).await;
    open.expect_closed().await;
    assert!(hub.wait().success());

    let mut away = stream(&client, "topic=a").connect().await;
    away.expect_status(200);
    away.expect_event(event("sse-drain").json_at("/reason", "busy")).await;
    away.expect_closed().await;

    let _again = Hub::built().start_at(&address.to_string(), &[ORIGIN]);
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let mut back = stream(&client, "topic=a").connect().await;
        let mut first = None;
        while let (None, Some(seen)) = (&first, back.next().await) {
            first = seen.event().map(|event| event.name.clone());
        }
        if first.as_deref() == Some("sse-cursor") {
            break;
        }
        assert!(tokio::time::Instant::now() < until, "the proxy does not find the hub that is there again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A proxy sends a publish on a connection that it kept, just when the hub closes that for being idle: it would be 502,
/// and the event lost. The time for a head is short here, and over while the proxy stands still; so it would learn of the
/// end and of the publish at once.
async fn no_publish_meets_a_connection_that_was_closed(kind: Kind) {
    let hub = hub(&[("SSE__SERVER__HEADER_TIMEOUT", "1s")]);
    let Some(proxy) = Proxy::start(kind, hub.address()) else { return };
    let client = proxy.client();
    let burst = || join_all((0..40).map(|number| publish(&client, "a", &number.to_string()).send()));
    let mut refused = Vec::new();
    for _ in 0..3 {
        refused.extend(burst().await.iter().map(|answer| answer.status).filter(|status| *status != 200));
        proxy.signal("STOP");
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let go_on = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            proxy.signal("CONT");
        };
        let (answers, ()) = tokio::join!(burst(), go_on);
        refused.extend(answers.iter().map(|answer| answer.status).filter(|status| *status != 200));
    }
    assert!(refused.is_empty(), "{} of 240 publishes came to {refused:?}", refused.len());
}

/// A development server's proxy puts the hub's own name in the place of the one that the browser asked for, and leaves
/// the origin as it is. The browser's own word that it is the same origin counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_publishes_through_a_proxy_that_rewrites_the_host() {
    let hub = Hub::built().start(&[]);
    let client = TestClient::tcp(hub.address());
    let request = client.post("/publish/a").header("origin", "http://localhost:5173").body("x");
    request.header("sec-fetch-site", "same-origin").send().await.expect_status(200);
    let request = client.post("/publish/a").header("origin", "http://localhost:5173").body("x");
    request.header("sec-fetch-site", "cross-site").send().await.expect_status(403);
}
