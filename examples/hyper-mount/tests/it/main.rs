//! The program over real sockets, each test over HTTP/1 and over HTTP/2 by prior knowledge.

use std::{net::SocketAddr, time::Duration};

use http::{Request, Uri, header};
use hyper::client::conn::http2;
use hyper_mount::serve;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sse_core::Event;
use sse_server::{Config, Hub};
use sse_testkit::{Body, TestClient, event, message};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

/// As long as any wait may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy)]
enum Protocol {
    Http1,
    Http2,
}

const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// The program, running.
struct Program {
    hub: Hub,
    client: TestClient,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Program {
    async fn start(protocol: Protocol) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut config = Config::in_memory();
        config.server.drain = Duration::from_millis(100);
        let hub = Hub::new(config).unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(serve(listener, hub.clone(), async { stopped.await.unwrap_or(()) }));
        let client = match protocol {
            Protocol::Http1 => TestClient::tcp(address),
            Protocol::Http2 => http2_client(address).await,
        };
        Self { hub, client, stop, serving }
    }
}

/// A client with one connection for all requests.
async fn http2_client(address: SocketAddr) -> TestClient {
    let socket = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    TestClient::from_fn(async move |mut request: Request<Body>| {
        let host = request.headers_mut().remove(header::HOST).unwrap(); // the target names it
        let target = format!("http://{}{}", host.to_str().unwrap(), request.uri());
        *request.uri_mut() = target.parse::<Uri>().unwrap();
        let response = sender.clone().send_request(request).await.unwrap();
        assert_eq!(response.version(), http::Version::HTTP_2);
        response
    })
}

#[tokio::test]
async fn what_the_program_and_others_publish_arrives_and_can_be_resumed() {
    for protocol in PROTOCOLS {
        let Program { hub, client, .. } = &Program::start(protocol).await;
        let mut stream = client.get("/hub/events?topic=news").skip_events(["sse-cursor"]).connect().await;
        stream.expect_retry().await;
        let one = hub.publish("news", Event::message("one")).await.unwrap();
        stream.expect_event(message("one").id(one.as_str())).await;
        let two = client.post("/hub/publish/news").body("two").send().await.expect_status(200);
        stream.expect_event(message("two").id(two.json()["id"].as_str().unwrap())).await;
        stream.disconnect();
        hub.publish("news", Event::message("three")).await.unwrap();
        stream.reconnect().await;
        stream.expect_event("three").await;
    }
}

#[tokio::test]
async fn a_drained_hub_ends_its_streams_and_the_rest_goes_on() {
    for protocol in PROTOCOLS {
        let Program { hub, client, stop, serving } = Program::start(protocol).await;
        let mut stream = client.get("/hub/events?topic=news").connect().await;
        stream.expect_event(event("sse-cursor")).await;
        hub.drain();
        stream.expect_event(event("sse-drain").json_at("/reason", "shutdown")).await;
        stream.expect_closed().await;
        assert_eq!(client.get("/hub/ready").send().await.status, 503);
        assert_eq!(client.get("/hello").send().await.text(), "hello\n");
        stop.send(()).unwrap();
        timeout(PATIENCE, serving).await.expect("it ends").unwrap();
    }
}

#[tokio::test]
async fn the_program_ends_once_its_streams_have() {
    for protocol in PROTOCOLS {
        let Program { hub, client, stop, serving } = Program::start(protocol).await;
        let mut stream = client.get("/hub/events?topic=news").connect().await;
        stream.expect_event(event("sse-cursor")).await;
        stop.send(()).unwrap();
        stream.expect_event(event("sse-drain").json_at("/reason", "shutdown")).await;
        stream.expect_closed().await;
        timeout(PATIENCE, serving).await.expect("it ends").unwrap();
        assert_eq!(hub.subscribers(), 0);
    }
}

#[tokio::test]
async fn the_hub_s_rules_for_hosts_and_origins_hold_in_a_program() {
    for protocol in PROTOCOLS {
        let program = Program::start(protocol).await;
        let status = async |path: &str, headers: &[(&str, &str)]| {
            let request = program.client.get(path);
            let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
            request.send().await.status.as_u16()
        };
        let (own, other) = (("host", "localhost"), ("host", "evil.example"));
        assert_eq!(status("/hub/ready", &[own]).await, 200, "{protocol:?}");
        assert_eq!(status("/hub/ready", &[other]).await, 421, "{protocol:?}");
        assert_eq!(status("/hello", &[other]).await, 200, "{protocol:?}");
        assert_eq!(status("/hub/ready", &[own, ("origin", "http://localhost")]).await, 200, "{protocol:?}");
        assert_eq!(status("/hub/ready", &[own, ("origin", "http://evil.example")]).await, 403, "{protocol:?}");
    }
}

#[tokio::test]
async fn the_hub_is_below_its_path_and_nowhere_else() {
    for protocol in PROTOCOLS {
        let Program { client, .. } = &Program::start(protocol).await;
        for page in ["/hub", "/hub/"] {
            assert!(client.get(page).send().await.text().contains("<title>sse-server</title>"), "{page} {protocol:?}");
        }
        for path in ["/", "/events?topic=news", "/hubevents", "/hub/metrics"] {
            assert_eq!(client.get(path).send().await.status, 404, "{path} {protocol:?}");
        }
    }
}
