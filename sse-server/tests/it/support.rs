//! What the service's tests share.
#![allow(dead_code, reason = "each test target uses its part")]

use serde_json::Value;
use sse_server::{Config, Hub, HubService, RouteSet};
use sse_test_support::blocks::checked;
use sse_testkit::{Response, TestClient};

/// A hub in this process, on the body driver, and a client for it. Its clock is tokio's.
pub(crate) fn hub(set: impl FnOnce(&mut Config)) -> (Hub, TestClient) {
    let mut config = Config::in_memory();
    set(&mut config);
    let hub = Hub::new(config).unwrap();
    let client = TestClient::new(HubService::new(hub.clone(), RouteSet::All));
    (hub, checked(&client))
}

/// A hub with the defaults.
pub(crate) fn default_hub() -> TestClient {
    hub(|_| {}).1
}

/// Publishes a text and gives its ID.
pub(crate) async fn publish(client: &TestClient, topic: &str, data: &str) -> String {
    let response = client.post(&format!("/publish/{topic}")).body(data.to_owned()).send().await;
    assert_eq!(response.status, 200, "{}", response.text());
    id(&response)
}

pub(crate) fn id(response: &Response) -> String {
    response.json()["id"].as_str().unwrap().to_owned()
}

/// Sends JSON to `/publish`.
pub(crate) async fn publish_json(client: &TestClient, json: impl Into<String>) -> Response {
    client.post("/publish").header("content-type", "application/json").body(json.into()).send().await
}

pub(crate) async fn publish_ndjson(client: &TestClient, lines: impl Into<String>) -> Response {
    client.post("/publish").header("content-type", "application/x-ndjson").body(lines.into()).send().await
}

/// A metric's value.
pub(crate) async fn metric(client: &TestClient, name: &str) -> f64 {
    let response = client.get("/metrics").send().await;
    let text = response.text();
    let line = text.lines().find(|line| line.split(' ').next() == Some(name));
    line.and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or_else(|| panic!("no {name} in\n{text}"))
}

/// The refusal that an answer is: its status and its sentence.
pub(crate) fn problem(response: &Response) -> (u16, String) {
    assert_eq!(response.headers["content-type"], "application/problem+json", "{}", response.text());
    let json: Value = response.json();
    assert_eq!(json["status"], response.status.as_u16());
    assert!(json["title"].is_string() && json["type"].is_string());
    (response.status.as_u16(), json["detail"].as_str().unwrap().to_owned())
}
