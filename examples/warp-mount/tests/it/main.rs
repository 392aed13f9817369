//! The program through the kit, in process and in virtual time: no port, no waiting.

use std::time::Duration;

use sse_server::{Config, Hub};
use sse_testkit::{TestClient, event, message};
use warp_mount::program;

fn hub() -> Hub {
    Hub::new(Config::in_memory()).unwrap()
}

fn client(hub: &Hub) -> TestClient {
    TestClient::new(warp::service(program(hub.clone())))
}

#[tokio::test(start_paused = true)]
async fn who_watches_sees_who_signs() {
    let client = client(&hub());
    let mut stream = client.get("/live/events?topic=book").connect().await;
    stream.expect_retry().await;
    stream.expect_event(event("sse-cursor")).await;

    let signed = client.post("/sign/ann").send().await;
    stream.expect_event(message("ann is number 1").id(signed.text())).await;
    client.post("/sign/ben").send().await;
    stream.expect_event("ben is number 2").await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_has_missed_nothing() {
    let client = client(&hub());
    let mut stream = client.get("/live/events?topic=book").skip_events(["sse-cursor"]).connect().await;
    stream.expect_retry().await;
    client.post("/sign/ann").send().await;
    stream.expect_event("ann is number 1").await;
    stream.disconnect();
    client.post("/sign/ben").send().await;
    stream.reconnect().await;
    stream.expect_event("ben is number 2").await;
    stream.expect_silence(Duration::from_secs(14)).await;
}

#[tokio::test(start_paused = true)]
async fn the_routes_live_side_by_side() {
    let client = client(&hub());
    assert_eq!(client.get("/hello/ann").send().await.text(), "hello, ann\n");
    assert_eq!(client.get("/live/ready").send().await.status, 200);
    assert!(client.get("/live").send().await.text().contains("<title>sse-server</title>"));
    // others publish into the same hub by its own route
    let published = client.post("/live/publish/news").body("hi").send().await;
    assert_eq!(published.json()["topic"], "news");
    assert_eq!(client.get("/events?topic=book").send().await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn the_hub_s_rules_for_hosts_and_origins_hold_in_a_program() {
    let client = client(&hub());
    let evil = ("host", "evil.example");
    assert_eq!(client.get("/live/ready").header(evil.0, evil.1).send().await.status, 421);
    assert_eq!(client.get("/hello/ann").header(evil.0, evil.1).send().await.status, 200);
    assert_eq!(client.get("/live/ready").header("origin", "http://localhost").send().await.status, 200);
    assert_eq!(client.get("/live/ready").header("origin", "http://evil.example").send().await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn a_drained_hub_ends_its_streams_and_the_rest_goes_on() {
    let hub = hub();
    let client = client(&hub);
    let mut stream = client.get("/live/events?topic=book").within(Duration::from_secs(60)).connect().await;
    stream.expect_event(event("sse-cursor")).await;
    hub.drain();
    stream.expect_event(event("sse-drain").json_at("/reason", "shutdown")).await;
    stream.expect_closed().await;
    assert_eq!(client.post("/sign/ann").send().await.status, 503);
    assert_eq!(client.get("/hello/ann").send().await.status, 200);
}
