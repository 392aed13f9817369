//! A small axum server of events, in virtual time; and axum's encoder.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Router,
    body::to_bytes,
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Sse,
        sse::{Event, KeepAlive},
    },
    routing::get,
};
use futures_util::{FutureExt, Stream, stream};
use sse_testkit::{
    TestClient, any_event, encoding,
    encoding::EncodingFault::{Changed, Lost},
    encoding::Fields,
    message,
};
use tokio::sync::watch;

const HEARTBEAT: Duration = Duration::from_secs(15);

/// A log that is read as a stream of events: each line is one, its number its ID.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    closed: bool,
}

fn server(log: &Arc<watch::Sender<Log>>) -> Router {
    Router::new().route("/log", get(follow)).with_state(log.clone())
}

async fn follow(
    State(log): State<Arc<watch::Sender<Log>>>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let read = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(0);
    let events = stream::unfold((log.subscribe(), read), |(mut log, read)| async move {
        let event = {
            let log = log.wait_for(|log| log.closed || log.lines.len() > read).await.ok()?;
            Event::default().id((read + 1).to_string()).data(log.lines.get(read)?)
        };
        Some((Ok(event), (log, read + 1)))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT))
}

fn write(log: &watch::Sender<Log>, line: &str) {
    log.send_modify(|log| log.lines.push(line.into()));
}

#[tokio::test(start_paused = true)]
async fn heartbeats_for_an_hour() {
    let log = Arc::new(watch::Sender::default());
    let mut stream = TestClient::new(server(&log)).get("/log").connect().await;
    for _ in 0..240 {
        stream.expect_heartbeat(HEARTBEAT).await;
    }
    // an event puts the next one off
    tokio::time::sleep(Duration::from_secs(10)).await;
    write(&log, "one");
    stream.expect_event(message("one").id("1")).await;
    stream.expect_heartbeat(HEARTBEAT).await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_has_missed_nothing() {
    let log = Arc::new(watch::Sender::default());
    let mut stream = TestClient::new(server(&log)).get("/log").connect().await;
    write(&log, "one");
    stream.expect_event(message("one").id("1")).await;
    stream.disconnect();
    write(&log, "two");
    write(&log, "three");
    stream.reconnect().await; // with the last event ID
    stream.expect_events([message("two").id("2"), message("three").id("3")]).await;
    stream.expect_silence(Duration::from_secs(60)).await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_anew_reads_from_the_start_or_from_where_it_says() {
    let log = Arc::new(watch::Sender::default());
    write(&log, "one");
    write(&log, "two");
    let client = TestClient::new(server(&log));
    client.get("/log").connect().await.expect_events(["one", "two"]).await;
    client.get("/log").last_event_id("1").connect().await.expect_event("two").await;
    client.get("/log").last_event_id("no number").connect().await.expect_event("one").await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_log_ends_its_streams_once_they_are_read() {
    let log = Arc::new(watch::Sender::default());
    let client = TestClient::new(server(&log));
    let mut stream = client.get("/log").connect().await;
    write(&log, "the last");
    log.send_modify(|log| log.closed = true);
    stream.expect_event("the last").await;
    stream.expect_closed().await;
    let mut late = client.get("/log").connect().await;
    late.expect_event(any_event()).await;
    late.expect_closed().await;
}

/// What axum writes for one event. It panics on a line break in a name, an ID or a comment, and on NUL in an ID, so a
/// server that takes them from others looks first.
fn encoder(fields: &Fields<'_>) -> Option<Vec<u8>> {
    let mut event = Event::default();
    for line in fields.comment.iter().flat_map(|comment| comment.split(['\r', '\n'])) {
        event = event.comment(line);
    }
    if let Some(name) = fields.name {
        event = event.event(without(name, &['\r', '\n'])?);
    }
    if let Some(id) = fields.id {
        event = event.id(without(id, &['\r', '\n', '\0'])?);
    }
    if let Some(time) = fields.retry {
        event = event.retry(time);
    }
    if let Some(data) = fields.data {
        event = event.data(data);
    }
    let body = Sse::new(stream::iter([Ok::<_, Infallible>(event)])).into_response().into_body();
    Some(to_bytes(body, usize::MAX).now_or_never()?.ok()?.to_vec())
}

fn without<'a>(text: &'a str, forbidden: &[char]) -> Option<&'a str> {
    (!text.contains(forbidden)).then_some(text)
}

// Nothing can be forged, but not all of it arrives.
encoding!(fn known_faults_of_axum_s_encoder, encoder, finds: [
    // Empty data is no data, so there is no event.
    (Lost, "empty-data-still-dispatches"),
    // A CRLF arrives as two line breaks.
    (Changed, "crlf-is-one-line-end"),
    (Changed, "data: CRLF at the end"),
    (Changed, "data: two CRLF, then data"),
]);
