//! A small warp server with `warp::sse`, and what its encoder lets through.

use std::{collections::HashMap, convert::Infallible};

use futures_util::stream;
use sse_testkit::{
    TestClient, encoding,
    encoding::EncodingFault::{Changed, Forged, Lost},
    encoding::Fields,
    event, message,
};
use warp::{Filter, Rejection, Reply, sse::Event};

/// A chat of one line: what a visitor says is sent to who listens.
fn server() -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("chat").and(warp::query()).map(|query: HashMap<String, String>| {
        let said = Event::default().data(query.get("say").map_or("", String::as_str));
        warp::sse::reply(stream::iter([Ok::<_, Infallible>(said)]))
    })
}

#[tokio::test(start_paused = true)]
async fn what_is_said_is_heard() {
    let client = TestClient::new(warp::service(server()));
    let mut stream = client.get("/chat?say=good%0Amorning").connect().await;
    stream.expect_event(message("good\nmorning")).await;
    stream.expect_closed().await;
}

/// The fault that the check below finds, from outside: a visitor who says a CR writes fields of their own.
#[tokio::test(start_paused = true)]
async fn a_visitor_sends_events_of_any_name() {
    let client = TestClient::new(warp::service(server()));
    let mut stream = client.get("/chat?say=hello%0Devent:%20admin%0Did:%2099").connect().await;
    stream.expect_event(event("admin").data("hello").id("99")).await;
}

/// What warp writes for one event.
fn encoder(fields: &Fields<'_>) -> Option<String> {
    let mut event = Event::default();
    if let Some(comment) = fields.comment {
        event = event.comment(comment);
    }
    if let Some(name) = fields.name {
        event = event.event(name);
    }
    if let Some(id) = fields.id {
        event = event.id(id);
    }
    if let Some(time) = fields.retry {
        event = event.retry(time);
    }
    if let Some(data) = fields.data {
        event = event.data(data);
    }
    Some(event.to_string())
}

encoding!(fn known_faults_of_warp_s_encoder, encoder, finds: [
    // A CR ends a line for a client, and is written as it is: who chooses the data chooses every other field.
    (Forged, "cr-is-a-line-end"),
    (Forged, "data: CR, then an id"),
    (Forged, "data: CR, then retry"),
    (Forged, "data: two CR, then data"),
    (Lost, "data: CR first"),
    (Changed, "data: CR"),
    (Changed, "data: CR at the end"),
    // So does any line break in a name,
    (Forged, "name: LF, then an id"),
    (Forged, "name: CR, then an id"),
    (Forged, "name: LF, then retry"),
    (Forged, "name: CR, then retry"),
    (Forged, "name: two LF, then data"),
    (Forged, "name: two CR, then data"),
    (Forged, "name: two CRLF, then data"),
    (Lost, "name: LF first"),
    (Lost, "name: CR first"),
    (Lost, "name: LF at the end"),
    (Lost, "name: CRLF at the end"),
    (Lost, "name: nothing but LF"),
    (Lost, "name: a blank line"),
    (Changed, "name: LF"),
    (Changed, "name: CR"),
    (Changed, "name: CRLF"),
    (Changed, "name: CR at the end"),
    (Changed, "name: LF, then an event name"),
    (Changed, "name: CR, then an event name"),
    (Changed, "name: LF, then a comment"),
    // an ID,
    (Forged, "id-lf"),
    (Forged, "id: LF, then an event name"),
    (Forged, "id: CR, then an event name"),
    (Forged, "id: LF, then retry"),
    (Forged, "id: CR, then retry"),
    (Forged, "id: two LF, then data"),
    (Forged, "id: two CR, then data"),
    (Forged, "id: two CRLF, then data"),
    (Changed, "id-cr"),
    (Changed, "id: LF"),
    (Changed, "id: CR"),
    (Changed, "id: CRLF"),
    (Changed, "id: LF first"),
    (Changed, "id: CR first"),
    (Changed, "id: LF at the end"),
    (Changed, "id: CR at the end"),
    (Changed, "id: CRLF at the end"),
    (Changed, "id: nothing but LF"),
    (Changed, "id: a blank line"),
    (Changed, "id: LF, then an id"),
    (Changed, "id: CR, then an id"),
    (Changed, "id: LF, then a comment"),
    // or a comment.
    (Forged, "comment-multiline"),
    (Forged, "comment-cr"),
    (Forged, "comment: LF, then an event name"),
    (Forged, "comment: CR, then an event name"),
    (Forged, "comment: LF, then an id"),
    (Forged, "comment: CR, then an id"),
    (Forged, "comment: LF, then retry"),
    (Forged, "comment: CR, then retry"),
    (Forged, "comment: two LF, then data"),
    (Forged, "comment: two CR, then data"),
    (Forged, "comment: two CRLF, then data"),
    // A client ignores an ID with NUL, so it would resume from the one before.
    (Lost, "id: NUL"),
    // No space is written after the colon, so a client takes the text's own for it.
    (Lost, "data: a space"),
    (Lost, "name: a space"),
    (Changed, "leading-space-survives"),
    (Changed, "event-leading-space"),
    (Changed, "data: a leading space"),
    (Changed, "data: two leading spaces"),
    (Changed, "name: a leading space"),
    (Changed, "name: two leading spaces"),
    (Changed, "id: a leading space"),
    (Changed, "id: two leading spaces"),
    (Changed, "id: a space"),
]);
