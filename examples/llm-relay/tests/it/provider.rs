//! Providers of others: scripted ones, which speak as OpenAI's does.

use axum::{Router, http::HeaderMap, routing::post};
use bytes::Bytes;
use serde_json::{Value, json};
use sse_testkit::{script, script::ScriptedServer};
use tokio::{net::TcpListener, sync::mpsc};

use crate::stage::{Stage, answered};

/// Chunks of an answer, as they are on the wire.
fn chunks(tokens: &[&str]) -> String {
    let chunk = |token: &&str| format!("data: {}\n\n", json!({ "choices": [{ "delta": { "content": token } }] }));
    tokens.iter().map(chunk).collect()
}

const DONE: &str = "data: [DONE]\n\n";

fn stage(provider: &ScriptedServer, arguments: &[&str]) -> Stage {
    let url = provider.url("/v1");
    Stage::set_with(&[&["--provider", &url, "--model", "m", "--key", "k"], arguments].concat())
}

/// The events of a run that has failed.
fn failed(prompt: &str, tokens: &[&str], why: &str) -> Vec<(String, String)> {
    [answered(prompt, tokens), vec![("failed".to_owned(), why.to_owned())]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_asked_as_openais_is() {
    let (asked, mut questions) = mpsc::channel(1);
    let answer = async move |headers: HeaderMap, body: Bytes| {
        let body: Value = serde_json::from_slice(&body).unwrap();
        asked.send((headers["authorization"].clone(), headers["content-type"].clone(), body)).await.unwrap();
        chunks(&["one", "\n\ntwo", "", " three"]) + DONE
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/", listener.local_addr().unwrap());
    let routes = Router::new().route("/v1/chat/completions", post(answer));
    let serving = tokio::spawn(async { axum::serve(listener, routes).await });

    let stage = Stage::set_with(&["--provider", &url, "--model", "m", "--key", "k"]);
    let run = stage.ask("count").await;
    assert_eq!(stage.read(&run).end().await, answered("count", &["one", "\n\ntwo", " three"]));
    let (key, content_type, body) = questions.recv().await.unwrap();
    assert_eq!((key.as_bytes(), content_type.as_bytes()), (&b"Bearer k"[..], &b"application/json"[..]));
    let messages = json!([{ "role": "user", "content": "count" }]);
    assert_eq!(body, json!({ "model": "m", "stream": true, "messages": messages }));
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_says_so() {
    let provider = script![accept, head(200), raw(chunks(&["one", " two"])), drop].listen().await.unwrap();
    let stage = stage(&provider, &[]);
    let run = stage.ask("count").await;
    let seen = stage.read(&run).end().await;
    let (last, before) = seen.split_last().unwrap();
    assert_eq!(before, answered("count", &["one", " two"]));
    assert!(last.0 == "failed" && last.1.starts_with("the provider can't be heard: "), "{last:?}");
    stage.until_put_away().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_was_killed_keeps_what_it_has_and_says_that_it_is_not_all() {
    let provider = script![accept, head(200), raw(chunks(&["one", " two"])), stall].listen().await.unwrap();
    let mut stage = stage(&provider, &[]);
    let run = stage.ask("count").await;
    let reader = stage.read(&run);
    reader.until(3).await;
    stage.relay.kill();
    stage.restart_relay();
    assert_eq!(reader.end().await, failed("count", &["one", " two"], "the relay was killed in the middle of it"));
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_token_it_is_asked_again() {
    let script = script![accept, status(503), accept, drop, accept, head(200), raw(chunks(&["one"]) + DONE), end];
    let provider = script.listen().await.unwrap();
    let stage = stage(&provider, &[]);
    let run = stage.ask("count").await;
    assert_eq!(stage.read(&run).end().await, answered("count", &["one"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_repeats_itself_is_asked_again_for_the_rest() {
    let script = script![
        accept,
        head(200),
        raw(chunks(&["one", " two"])),
        drop,
        accept,
        head(200),
        raw(chunks(&["one tw", "o thr", "ee"]) + DONE),
        end,
    ];
    let provider = script.listen().await.unwrap();
    let stage = stage(&provider, &["--retry-provider"]);
    let run = stage.ask("count").await;
    assert_eq!(stage.read(&run).end().await, answered("count", &["one", " two", " thr", "ee"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_repeat_itself_is_found_out() {
    for another in [&["one", " and two"][..], &["one"]] {
        let script = script![
            accept,
            head(200),
            raw(chunks(&["one", " two"])),
            drop,
            accept,
            head(200),
            raw(chunks(another) + DONE),
            end
        ];
        let provider = script.listen().await.unwrap();
        let stage = stage(&provider, &["--retry-provider"]);
        let run = stage.ask("count").await;
        let why = "the answer was cut, and the provider's next one was another";
        assert_eq!(stage.read(&run).end().await, failed("count", &["one", " two"], why));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told() {
    let provider = script![accept, status(401).body("no such key")].listen().await.unwrap();
    let stage = stage(&provider, &[]);
    let run = stage.ask("count").await;
    let why = "the provider answers 401 Unauthorized: no such key";
    assert_eq!(stage.read(&run).end().await, failed("count", &[], why));
}
