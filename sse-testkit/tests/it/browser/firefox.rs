//! Where Firefox differs.

use std::time::Duration;

use sse_testkit::{Body, BrowserClient, TestClient, event_stream};

use super::browser;

/// Each event's data and ID, and the last event ID of the second request.
async fn read(browser: BrowserClient) -> (Vec<(String, String)>, String) {
    let mut stream = browser.open("/");
    let events = stream.collect_until(|event| event.data == "end").await;
    stream.expect_error().await;
    stream.expect_open().await;
    let events = events.into_iter().map(|event| (event.data, event.id)).collect();
    (events, stream.requests()[1].last_event_id.clone())
}

const WIRE: &str = "\u{feff}id: 1\n\ndata: a\n\ndata: b\nid: 2\r\n\r\nid: 3\r\r: x\nid: 4\n\ndata: c\n\nevent: d\nid: 5\n\n\
                    id\n\ndata: \u{fc}\nid\n\nid: 6\n\ndata: e\nid: 6\n\ndata: end\n\nid: 7\n\n";

#[tokio::test(start_paused = true)]
async fn an_id_without_data_is_not_committed() {
    let server = TestClient::from_fn(async |_| event_stream(WIRE));
    let pairs = |ids: [&str; 6]| -> Vec<(String, String)> {
        ["a", "b", "c", "\u{fc}", "e", "end"].iter().zip(ids).map(|(data, id)| ((*data).into(), id.into())).collect()
    };
    let standard = read(BrowserClient::new(server.clone())).await;
    assert_eq!(standard, (pairs(["1", "2", "4", "", "6", "6"]), "7".into()));
    let firefox = read(BrowserClient::new(server).firefox()).await;
    assert_eq!(firefox, (pairs(["", "2", "2", "", "6", "6"]), "6".into()));
}

#[tokio::test(start_paused = true)]
async fn whatever_the_cuts() {
    let whole = read(BrowserClient::new(TestClient::from_fn(async |_| event_stream(WIRE))).firefox()).await;
    for at in 0..=WIRE.len() {
        let client = TestClient::from_fn(async move |_| {
            let (left, right) = WIRE.as_bytes().split_at(at);
            event_stream(Body::chunks([left, right]))
        });
        assert_eq!(read(BrowserClient::new(client).firefox()).await, whole, "{at}");
    }
    let bytes = TestClient::from_fn(async |_| event_stream(Body::chunks(WIRE.as_bytes().chunks(1))));
    assert_eq!(read(BrowserClient::new(bytes).firefox()).await, whole);
}

#[tokio::test(start_paused = true)]
async fn five_seconds_and_never_less_than_half_a_second() {
    let retries = ["", "retry: 20\n", "retry: 700\n", ""];
    let mut stream = browser(move |n, _| event_stream(retries[n])).firefox().open("/");
    for _ in 0..4 {
        stream.expect_open().await;
        stream.expect_error().await;
    }
    let at: Vec<_> = stream.requests().iter().map(|request| request.at).collect();
    assert_eq!(at, [0, 5000, 5500, 6200].map(Duration::from_millis));
}
