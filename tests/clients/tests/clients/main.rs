//! Clients that others wrote, against the hub's program: an opening, heartbeats of both kinds, a cut, a shutdown, and a
//! hub that is full.
//!
//! What each client shows is in the table `CLIENTS`. For all of them: nothing that was published is lost or doubled, its
//! ID is exact, and nothing is shown that was not published, but for the hub's own events where they are asked for.
#![cfg(unix)] // a hub is stopped by a signal

mod chromium;
mod client;
mod curl;
mod hub;
mod install;

use std::future::Future;

use client::{Client, Published};
use futures_util::future::join_all;
use hub::Hub;
use sse_core::hub::{DrainReason, names::event::CURSOR};
use sse_testkit::event;

/// How a client is started.
#[derive(Clone, Copy)]
enum Start {
    /// By an adapter that this program runs.
    Adapter(&'static str, &'static str),
    Curl,
    /// Where it is installed.
    Chromium,
}

/// A client, and what it shows besides events.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    start: Start,
    /// Whether it shows comments. The others pass over them.
    comments: bool,
}

/// Every client shows the events of the names that it is asked for, or of all: `message`, `tick`, `sse-cursor`,
/// `sse-gap` and `sse-drain` here. None shows anything for a heartbeat that is a comment.
const CLIENTS: &[Kind] = &[
    Kind { name: "eventsource", start: Start::Adapter("node", "eventsource.js"), comments: false },
    Kind { name: "event-source-polyfill", start: Start::Adapter("node", "event-source-polyfill.cjs"), comments: false },
    Kind { name: "eventsource-client", start: Start::Adapter("node", "eventsource-client.js"), comments: false },
    Kind { name: "fetch-event-source", start: Start::Adapter("node", "fetch-event-source.js"), comments: false },
    Kind { name: "eventsource-parser", start: Start::Adapter("node", "eventsource-parser.js"), comments: true },
    Kind { name: "httpx-sse", start: Start::Adapter("python3", "httpx-sse.py"), comments: false },
    Kind { name: "sseclient-py", start: Start::Adapter("python3", "sseclient-py.py"), comments: false },
    Kind { name: "curl", start: Start::Curl, comments: true },
    Kind { name: "chromium", start: Start::Chromium, comments: false },
];

impl Kind {
    /// Subscribes to the client's own topic; `None` if it is not installed.
    fn start(&self, hub: &Hub, options: &str) -> Option<Client> {
        let url = format!("http://{}/events?topic={}{options}", hub.address, self.name);
        Some(match self.start {
            Start::Adapter(program, adapter) => Client::adapter(program, adapter, &url),
            Start::Curl => curl::start(&url),
            Start::Chromium => chromium::has_driver().then(|| chromium::start(hub.address, &url))?,
        })
    }
}

/// Runs something with every client at once.
async fn each<F: Future<Output = ()>>(run: impl Fn(Kind) -> F) {
    if !chromium::has_driver() {
        println!("Chromium is left out: there is no chromedriver");
    }
    join_all(CLIENTS.iter().map(|kind| run(*kind))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_of_both_kinds_and_streams_that_end_by_their_age() {
    let settings = [("SSE__STREAM__HEARTBEAT", "1s"), ("SSE__STREAM__RETRY", "50ms"), ("SSE__STREAM__MAX_AGE", "12s")];
    let hub = Hub::start("127.0.0.1:0", &settings);
    each(async |kind| {
        let Some(comments) = kind.start(&hub, "&heartbeat=comment") else { return };
        let Some(cursors) = kind.start(&hub, "") else { return };
        for client in [&comments, &cursors] {
            client.until("an opening", 1, |seen| seen.is(CURSOR)).await;
        }
        // the opening, and three heartbeats: in that time the other had as many
        cursors.until("cursors", 4, |seen| seen.is(CURSOR)).await;
        if kind.comments {
            comments
                .until("comments", 3, |seen| matches!(seen, client::Seen::Comment { comment } if comment.is_empty()))
                .await;
        }
        let mut published: Vec<Published> = Vec::new();
        for cuts in 0..3 {
            for client in [&comments, &cursors] {
                client.until("ends by age", cuts, |seen| seen.drain() == Some(DrainReason::Age)).await;
            }
            for name in ["tick", "message"] {
                published.push(hub.publish(kind.name, name, &format!("{name} {cuts}\nof two lines")).await);
            }
            comments.until_published(published.len()).await;
            cursors.until_published(published.len()).await;
        }
        comments.check(&published);
        cursors.check(&published);
        let openings = 1 + comments.count(|seen| seen.drain().is_some());
        let cursors = comments.count(|seen| seen.is(CURSOR));
        assert!(cursors <= openings, "{}: {cursors} cursors for {openings} openings", kind.name);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_shuts_down_and_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let settings = [
        ("SSE__STORE__KIND", "redb"),
        ("SSE__STORE__PATH", path),
        ("SSE__SERVER__DRAIN", "500ms"),
        ("SSE__STREAM__RETRY", "50ms"),
    ];
    let hub = Hub::start("127.0.0.1:0", &settings);
    let address = hub.address.to_string();
    let mut clients: Vec<(Kind, Client)> = Vec::new();
    for kind in CLIENTS {
        clients.extend(kind.start(&hub, "").map(|client| (*kind, client)));
    }
    let mut published = Vec::new();
    for (kind, client) in &clients {
        client.until("an opening", 1, |seen| seen.is(CURSOR)).await;
        published.push(vec![hub.publish(kind.name, "tick", "before").await]);
        client.until_published(1).await;
    }
    hub.terminate();
    for (_, client) in &clients {
        client.until("ends by shutdown", 1, |seen| seen.drain() == Some(DrainReason::Shutdown)).await;
    }
    assert!(hub.wait().success());
    let hub = Hub::start(&address, &settings);
    for ((kind, client), published) in clients.iter().zip(&mut published) {
        published.push(hub.publish(kind.name, "message", "after").await);
        client.until_published(2).await;
        client.check(published);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_full_and_then_has_room() {
    let settings = [("SSE__LIMITS__PER_ADDRESS", "1"), ("SSE__STREAM__RETRY", "50ms")];
    let hub = Hub::start("127.0.0.1:0", &settings);
    for kind in CLIENTS {
        while hub.streams().await > 0 {
            tokio::task::yield_now().await;
        }
        let mut occupant = hub.client().get("/events?topic=occupied").connect().await;
        occupant.expect_event(event(CURSOR)).await;
        let Some(client) = kind.start(&hub, "") else { continue };
        client.until("answers that it is full", 2, |seen| seen.drain() == Some(DrainReason::Busy)).await;
        assert_eq!(client.count(|seen| seen.is(CURSOR)), 0);
        drop(occupant);
        client.until("an opening", 1, |seen| seen.is(CURSOR)).await;
        let published = [hub.publish(kind.name, "tick", "there is room").await];
        client.until_published(1).await;
        client.check(&published);
    }
}

#[test]
fn the_hubs_page_is_held_to_the_protocols_vectors_and_draws_little_of_any_text() {
    test_in_node(&["page.test.js", "page_text.test.js"]);
}

/// The client in JavaScript, as far as it needs no browser.
#[test]
fn the_browser_client_keeps_the_standard_and_the_protocol_of_tabs() {
    let tests = ["parser", "reconnect", "stream", "tabs", "tabs_parts", "across"];
    let files = tests.map(|name| format!("../../sse-wasm-client/js/tests/{name}.test.js"));
    test_in_node(&files.each_ref().map(String::as_str));
}

/// Runs these files' tests.
fn test_in_node(files: &[&str]) {
    let mut node = std::process::Command::new("node");
    node.arg("--test").args(files).current_dir(env!("CARGO_MANIFEST_DIR"));
    install::run(node);
}
