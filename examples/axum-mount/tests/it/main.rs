//! The program over real sockets, as axum serves it.

mod docs;

use std::{io, net::SocketAddr, time::Duration};

use axum_mount::{config, follow, serve};
use sse_core::Event;
use sse_server::{Hub, Selector, Start};
use sse_testkit::{TestClient, event, message};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// As long as any wait may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The program, running.
struct Shop {
    hub: Hub,
    address: SocketAddr,
    client: TestClient,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

impl Shop {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hub = Hub::new(config(address)).unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(serve(listener, hub.clone(), async { stopped.await.unwrap_or(()) }));
        Self { hub, address, client: TestClient::tcp(address), stop, serving }
    }
}

/// Waits until the program has ended, which it was told to.
async fn ends(serving: JoinHandle<io::Result<()>>) {
    timeout(PATIENCE, serving).await.expect("it ends").unwrap().unwrap();
}

#[tokio::test]
async fn what_the_program_and_others_publish_arrives_and_can_be_resumed() {
    let shop = Shop::open().await;
    let mut stream = shop.client.get("/hub/events?topic=orders").skip_events(["sse-cursor"]).connect().await;
    stream.expect_retry().await;

    let tea = shop.hub.publish("orders", Event::message("tea")).await.unwrap();
    stream.expect_event(message("tea").id(tea.as_str())).await;
    let cake = shop.client.post("/hub/publish/orders").body("cake").send().await.expect_status(200);
    stream.expect_event(message("cake").id(cake.json()["id"].as_str().unwrap())).await;
    let milk = shop.client.post("/orders/milk").send().await.expect_status(200);
    stream.expect_event(message("milk").id(milk.text())).await;

    stream.disconnect();
    let jam = shop.client.post("/orders/jam").send().await.expect_status(200);
    stream.reconnect().await;
    stream.expect_event(message("jam").id(jam.text())).await;

    let mut late = shop.client.get("/hub/events?topic=orders").last_event_id(tea.as_str()).connect().await;
    late.expect_event(event("sse-cursor")).await;
    late.expect_events([message("cake"), message("milk"), message("jam")]).await;
}

#[tokio::test]
async fn the_program_is_a_subscriber_too() {
    let shop = Shop::open().await;
    let orders = shop.hub.subscribe([Selector::new("orders").unwrap()], Start::Head).await.unwrap();
    let (tell, mut told) = mpsc::channel(8);
    let following = tokio::spawn(follow(orders, move |line| tell.try_send(line).unwrap()));
    let tea = shop.client.post("/orders/tea").send().await.expect_status(200);
    assert_eq!(timeout(PATIENCE, told.recv()).await.unwrap().unwrap(), "tea");
    shop.stop.send(()).unwrap();
    ends(shop.serving).await;
    timeout(PATIENCE, following).await.expect("it ends").unwrap();
    assert_eq!(told.recv().await.unwrap(), "the hub ends it: shutdown");
    assert_eq!(told.recv().await.unwrap(), format!("told of everything through {}", tea.text()));
}

#[tokio::test]
async fn a_drained_hub_ends_its_streams_and_the_rest_goes_on() {
    let shop = Shop::open().await;
    let mut stream = shop.client.get("/hub/events?topic=orders").within(PATIENCE).connect().await;
    stream.expect_event(event("sse-cursor")).await;
    shop.hub.drain();
    stream.expect_event(event("sse-drain").json_at("/reason", "shutdown")).await;
    stream.expect_closed().await;
    assert_eq!(shop.client.get("/hub/ready").send().await.status, 503);
    assert_eq!(shop.client.post("/orders/tea").send().await.status, 503);
    assert_eq!(shop.client.get("/hello/ann").send().await.text(), "hello, ann\n");
    shop.stop.send(()).unwrap();
    ends(shop.serving).await;
}

#[tokio::test]
async fn the_program_ends_once_its_streams_have() {
    let shop = Shop::open().await;
    let mut stream = shop.client.get("/hub/events?topic=orders").within(PATIENCE).connect().await;
    stream.expect_event(event("sse-cursor")).await;
    shop.stop.send(()).unwrap();
    stream.expect_event(event("sse-drain").json_at("/reason", "shutdown")).await;
    stream.expect_closed().await;
    ends(shop.serving).await;
    assert!(shop.client.get("/hello/ann").try_connect().await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_client_that_says_no_more_does_not_hold_up_the_end() {
    let shop = Shop::open().await;
    let mut half = TcpStream::connect(shop.address).await.unwrap();
    let head =
        "POST /hub/publish/orders HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n";
    half.write_all(head.as_bytes()).await.unwrap();
    let mut going_on = [0; 12];
    half.read_exact(&mut going_on).await.unwrap();
    assert_eq!(&going_on, b"HTTP/1.1 100", "the hub waits for the body, for 30 seconds");
    shop.stop.send(()).unwrap();
    ends(shop.serving).await;
}

#[tokio::test]
async fn the_hub_s_rules_for_hosts_and_origins_hold_in_a_program() {
    let shop = Shop::open().await;
    let status = async |path: &str, headers: &[(&str, &str)]| {
        let request = headers.iter().fold(shop.client.get(path), |request, (name, value)| request.header(name, value));
        request.send().await.status.as_u16()
    };
    assert_eq!(status("/hub/ready", &[("host", "shop.example")]).await, 200);
    assert_eq!(status("/hub/ready", &[("host", "evil.example")]).await, 421);
    assert_eq!(
        status("/hello/ann", &[("host", "evil.example")]).await,
        200,
        "the program's own routes have no such rule"
    );
    let own_page = [("host", "shop.example"), ("origin", "http://shop.example")];
    assert_eq!(status("/hub/ready", &own_page).await, 200);
    let other_page = [("host", "shop.example"), ("origin", "http://evil.example")];
    assert_eq!(status("/hub/ready", &other_page).await, 403);
}

#[tokio::test]
async fn the_hub_is_below_its_path_and_nowhere_else() {
    let shop = Shop::open().await;
    for page in ["/hub", "/hub/"] {
        assert!(shop.client.get(page).send().await.text().contains("<title>sse-server</title>"), "{page}");
    }
    for path in ["/", "/events?topic=orders", "/hubevents", "/hub/topics", "/hub/metrics"] {
        assert_eq!(shop.client.get(path).send().await.status, 404, "{path}");
    }
}
