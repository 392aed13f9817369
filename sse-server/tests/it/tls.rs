//! TLS, as clients see it: the protocols, the certificate, and the ends of connections.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use h2::client;
use http::Request;
use sse_server::{Config, Server, Shutdown};
use sse_testkit::{TestClient, TestStream, event};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::{
    program,
    sockets::{Listening, listen, raw, until},
    support::{metric, publish},
    ways::{Way, client, connect, renew},
};

/// A hub with TLS, and plain clients of it behind which the connections have TLS.
struct Secure {
    listening: Listening,
    client: TestClient,
    certificate: PathBuf,
    key: PathBuf,
    _directory: TempDir,
}

async fn secure(set: impl FnOnce(&mut Config)) -> Secure {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    renew(&certificate, &key);
    let listening = listen(|config| {
        (config.tls.certificate, config.tls.key) = (Some(certificate.clone()), Some(key.clone()));
        set(config);
    })
    .await;
    let client = Way::TLS.client(listening.address).await;
    Secure { listening, client, certificate, key, _directory: directory }
}

impl Secure {
    async fn metric(&self, name: &str) -> f64 {
        metric(&self.client, name).await
    }
}

async fn stream(client: &TestClient) -> TestStream {
    let mut stream = client.get("/events?topic=a").connect().await;
    stream.expect_event(event("sse-cursor")).await;
    stream
}

#[tokio::test]
async fn events_resume_and_the_page_come_over_tls() {
    let hub = secure(|config| config.tls.hsts = Duration::from_secs(3600)).await;
    let mut first = stream(&hub.client).await;
    let id = publish(&hub.client, "a", "1").await;
    publish(&hub.client, "a", &"x".repeat(200_000)).await;
    first.expect_event(event("message").data("1")).await;
    first.expect_event(event("message").data("x".repeat(200_000))).await;
    let mut resumed = hub.client.get("/events?topic=a").last_event_id(&id).connect().await;
    resumed.expect_event(event("sse-cursor")).await;
    resumed.expect_event(event("message").data("x".repeat(200_000))).await;

    let page = hub.client.get("/").send().await;
    assert_eq!(
        (page.status.as_u16(), &page.headers["strict-transport-security"]),
        (200, &"max-age=3600".parse().unwrap())
    );
    // the page's origin is that of the connection
    for (origin, status) in [("https://localhost", 200), ("http://localhost", 403)] {
        let request = hub.client.post("/publish/a").header("host", "localhost").header("origin", origin);
        assert_eq!(request.body("x").send().await.status, status, "{origin}");
    }
}

#[tokio::test]
async fn the_protocol_is_agreed_on_and_one_connection_carries_many_streams() {
    let hub = secure(|_| {}).await;
    let address = hub.listening.address;
    for (offered, agreed) in [
        (&[b"h2".as_slice(), b"http/1.1"][..], Some(b"h2".as_slice())),
        (&[b"http/1.1"], Some(b"http/1.1")),
        (&[b"http/1.1", b"h2"], Some(b"h2")),
        (&[], None),
    ] {
        for only_tls12 in [false, true] {
            let stream = connect(address, client(offered, only_tls12).0).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
        }
    }
    assert!(connect(address, client(&[b"imap"], false).0).await.is_err());

    let socket = connect(address, client(&[b"h2"], false).0).await.unwrap();
    let (requests, connection) = client::Builder::new().handshake::<_, Bytes>(socket).await.unwrap();
    tokio::spawn(connection);
    let streams = join_all((0..100).map(async |_| {
        let request = Request::get("https://localhost/events?topic=a").body(()).unwrap();
        let response = requests.clone().ready().await.unwrap().send_request(request, true).unwrap().0.await.unwrap();
        assert_eq!(response.status(), 200);
        let (mut body, mut text) = (response.into_body(), String::new());
        while !text.contains("to all") {
            let bytes = body.data().await.expect("it goes on").unwrap();
            body.flow_control().release_capacity(bytes.len()).unwrap();
            text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }));
    let publish = async {
        until("all are there", async || hub.metric("sse_subscribers").await == 100.0).await;
        publish(&hub.client, "a", "to all").await;
    };
    tokio::join!(streams, publish);
}

#[tokio::test]
async fn a_stream_whose_client_ends_tls_is_gone_and_one_that_talks_is_cut_off() {
    let hub = secure(|_| {}).await;
    let quiet = stream(&hub.client).await;
    let mut chatty = connect(hub.listening.address, client(&[b"http/1.1"], false).0).await.unwrap();
    chatty.write_all(b"GET /events?topic=a HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    until("both are there", async || hub.metric("sse_subscribers").await == 2.0).await;
    drop(quiet);
    until("who ended is gone", async || hub.metric("sse_subscribers").await == 1.0).await;
    let talking = async { while chatty.write_all(&[b'x'; 10_000]).await.is_ok() {} };
    timeout(Duration::from_secs(30), talking).await.expect("it is cut off");
    until("who talks is gone", async || hub.metric("sse_subscribers").await == 0.0).await;
}

#[tokio::test]
async fn who_takes_nothing_over_tls_is_cut_off_and_its_connection_is_closed() {
    let hub = secure(|config| {
        config.stream.write_stall = Duration::from_secs(1);
        config.stream.heartbeat = Duration::from_secs(1);
    })
    .await;
    let mut lazy = connect(hub.listening.address, client(&[b"http/1.1"], false).0).await.unwrap();
    lazy.write_all(b"GET /events?topic=a HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    until("it is there", async || hub.metric("sse_subscribers").await == 1.0).await;
    let before = hub.metric("sse_connections").await;
    for _ in 0..40 {
        publish(&hub.client, "a", &"x".repeat(200_000)).await;
    }
    until("it is counted as stalled", async || hub.metric("sse_stalled_connections").await == 1.0).await;
    until("it is cut off", async || hub.metric("sse_subscribers").await == 0.0).await;
    until("its connection is closed", async || hub.metric("sse_connections").await < before).await;
    drop(lazy);
}

#[tokio::test]
async fn who_reads_late_over_tls_gets_all_and_what_was_kept_is_free() {
    let hub = secure(|config| config.stream.write_stall = Duration::from_secs(60)).await;
    let mut late = connect(hub.listening.address, client(&[b"http/1.1"], false).0).await.unwrap();
    late.write_all(b"GET /events?topic=a HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    until("it is there", async || hub.metric("sse_subscribers").await == 1.0).await;
    for i in 0..100 {
        publish(&hub.client, "a", &format!("{i} {}", "x".repeat(100_000))).await;
    }
    until("it is stalled", async || hub.metric("sse_stalled_connections").await == 1.0).await;
    let pinned = hub.metric("sse_pinned_bytes").await;
    assert!((100_000.0..150_000.0).contains(&pinned), "an event and at most a record: {pinned}");
    let (mut read, mut bytes) = (Vec::new(), vec![0; 1 << 16]);
    while !String::from_utf8_lossy(&read[read.len().saturating_sub(200_000)..]).contains("data: 99 ") {
        let count = timeout(Duration::from_secs(30), late.read(&mut bytes)).await.expect("it goes on").unwrap();
        assert!(count > 0);
        read.extend_from_slice(&bytes[..count]);
    }
    let text = String::from_utf8(read).unwrap();
    let numbers = text.lines().filter_map(|line| line.strip_prefix("data: ")?.split(' ').next()?.parse::<u32>().ok());
    assert!(numbers.eq(0..100));
    until("nothing is kept", async || hub.metric("sse_pinned_bytes").await == 0.0).await;
    assert_eq!(hub.metric("sse_stalled_connections").await, 0.0);
}

#[tokio::test]
async fn who_does_not_speak_tls_is_dropped_and_counted() {
    let hub = secure(|config| config.server.header_timeout = Duration::from_millis(200)).await;
    for sent in ["", "\x16\x03\x01", "GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n"] {
        let mut socket = raw(hub.listening.address, sent).await;
        let mut rest = Vec::new();
        let dropped = timeout(Duration::from_secs(30), socket.read_to_end(&mut rest)).await;
        let _ = dropped.expect("it is dropped in time"); // perhaps with a reset
    }
    until("they are counted", async || hub.metric("sse_tls_handshake_failures_total").await == 3.0).await;
}

#[cfg(target_os = "linux")] // which has all of 127.0.0.0/8
#[tokio::test]
async fn one_client_does_not_take_all_handshakes() {
    let hub = secure(|config| config.server.header_timeout = Duration::from_secs(60)).await;
    let service = sse_server::HubService::new(hub.listening.hub.clone(), sse_server::RouteSet::All);
    let inside = TestClient::new(service);
    let half = join_all((0..512).map(|_| raw(hub.listening.address, "\x16\x03\x01"))).await;
    until("all are under way", async || metric(&inside, "sse_tls_handshakes").await == 512.0).await;
    let mut half = half.into_iter();
    let (mut oldest, half) = (half.next().unwrap(), half.collect::<Vec<_>>());
    // once the oldest has had a second
    let one_more = async || connect(hub.listening.address, client(&[b"http/1.1"], false).0).await.is_ok();
    until("one more gets in", one_more).await;
    let _ = oldest.read_to_end(&mut Vec::new()).await; // perhaps with a reset
    assert!(metric(&inside, "sse_tls_handshake_failures_total").await >= 1.0);

    let other = tokio::net::TcpSocket::new_v4().unwrap();
    other.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let socket = other.connect(hub.listening.address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(client(&[b"http/1.1"], false).0));
    connector.connect("localhost".try_into().unwrap(), socket).await.expect("another client gets in");
    drop(half);
    until("their places are free", async || metric(&inside, "sse_tls_handshakes").await == 0.0).await;
    publish(&hub.client, "a", "x").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_shown_without_a_stream_that_ends() {
    let hub = secure(|_| {}).await;
    let shown = async || {
        let (config, shown) = client(&[b"http/1.1"], false);
        connect(hub.listening.address, config).await.unwrap();
        shown.0.lock().unwrap().clone()
    };
    let mut streams = join_all((0..20).map(|_| stream(&hub.client))).await;
    for _ in 0..3 {
        let before = shown().await;
        renew(&hub.certificate, &hub.key);
        until("the new one is shown", async || shown().await != before).await;
    }
    // half of a change: a key that belongs to another certificate
    let before = shown().await;
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&hub.key, other.signing_key.serialize_pem()).unwrap();
    until("that is told", async || hub.metric("sse_tls_reload_failures_total").await == 1.0).await;
    assert_eq!(shown().await, before, "the old one stays");
    publish(&hub.client, "a", "still here").await;
    for stream in &mut streams {
        stream.expect_event(event("message").data("still here")).await;
    }
}

#[tokio::test]
async fn who_comes_without_tls_is_sent_to_where_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::in_memory();
    Way::TLS.configure(&mut config, directory.path());
    config.tls.redirect_listen = Some("127.0.0.1:0".parse().unwrap());
    config.server.hosts = vec!["hub.example".into()];
    let server = Server::bind(config).await.unwrap();
    let (port, plain) = (server.local_addr().port(), server.redirect_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let run = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let client = TestClient::tcp(plain);
    for (host, path) in [("hub.example", "/"), ("HUB.example:80", "/events?topic=a%20b"), ("[::1]", "/nowhere//x")] {
        let response = client.get(path).header("host", host).send().await;
        assert_eq!(response.status, 308);
        let host = host.to_ascii_lowercase().replace(":80", "");
        assert_eq!(response.headers["location"], format!("https://{host}:{port}{path}"));
        assert!(!response.headers.contains_key("strict-transport-security"));
    }
    assert_eq!(client.get("/").header("host", "evil.example").send().await.status, 421, "nobody else is named");
    assert_eq!(client.post("/publish/a").header("host", "hub.example").body("x").send().await.status, 405);
    let shown = client.get("/events?topic=a").header("host", "hub.example").header("authorization", "Bearer x");
    assert_eq!(shown.send().await.status, 403, "it is told, and not sent on");
    let ticket = client.get("/events?topic=a&ticket=x").header("host", "hub.example");
    assert_eq!(ticket.send().await.status, 403);
    drop(client);
    let _ = stop.send(());
    assert_eq!(run.await.unwrap(), Shutdown::Drained);
}

#[test]
fn what_is_wrong_with_a_certificate_is_said_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    renew(path("cert").as_ref(), path("key").as_ref());
    renew(path("other").as_ref(), path("other.key").as_ref());
    std::fs::write(path("text"), "no PEM").unwrap();
    for (certificate, key, status, says) in [
        (path("cert"), String::new(), 2, "server.tls.key is empty"),
        (String::new(), path("key"), 2, "server.tls.certificate is empty"),
        (String::new(), String::new(), 2, "server.tls.redirect_listen is to send"),
        (path("missing"), path("key"), 1, "missing: there is no such file"),
        (path("text"), path("key"), 1, "there is no certificate in PEM"),
        (path("cert"), path("text"), 1, "the key can't be read"),
        (path("cert"), path("other.key"), 1, "the key is of no use"),
    ] {
        let given = [("SSE__SERVER__TLS__CERTIFICATE", &*certificate), ("SSE__SERVER__TLS__KEY", &*key)];
        let redirects = ("SSE__SERVER__TLS__REDIRECT_LISTEN", "127.0.0.1:0");
        let given: Vec<_> = given.into_iter().chain(certificate.is_empty().then_some(redirects)).collect();
        let output = program().run(&["--store", "memory", "--listen", "127.0.0.1:0"], &given);
        let line = String::from_utf8(output.stderr).unwrap();
        assert!(line.contains(says) && line.lines().count() == 1, "{says}: {line}");
        assert_eq!(output.status.code(), Some(status), "{line}");
    }
}
