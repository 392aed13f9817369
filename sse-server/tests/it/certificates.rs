//! Certificates of clients: who shows one may do what is granted to its name.

use std::time::{Duration, SystemTime};

use rcgen::SanType;
use sse_server::{AuthMode, CertificateGrant, Config, Listen, Server};
use sse_testkit::{TestClient, event};
use tempfile::TempDir;
use tokio::{io::AsyncReadExt, sync::oneshot};

use crate::{
    program,
    sockets::until,
    support::problem,
    ways::{Ca, Way, client, connect},
};

/// A hub that takes the certificates of one issuer.
struct Hub {
    server: std::net::SocketAddr,
    operator: TestClient,
    ca: Ca,
    directory: TempDir,
    _stop: oneshot::Sender<()>,
}

fn grant(name: &str, publish: &[&str], subscribe: &[&str]) -> CertificateGrant {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let mut grant = CertificateGrant::with(name);
    (grant.publish, grant.subscribe) = (texts(publish), texts(subscribe));
    grant
}

async fn hub(set: impl FnOnce(&mut Config)) -> Hub {
    let (directory, ca) = (tempfile::tempdir().unwrap(), Ca::new());
    let mut config = Config::in_memory();
    Way::TLS.configure(&mut config, directory.path());
    let path = directory.path().join("clients.pem");
    std::fs::write(&path, ca.pem()).unwrap();
    config.tls.client_ca = Some(path);
    config.auth.mode = AuthMode::Certificates;
    config.auth.certificates = vec![
        grant("sensor-7.example", &["sensors/7/**"], &["commands/7"]),
        grant("spiffe://example/board", &[], &["**"]),
    ];
    config.server.admin_listen = Some(Listen::Tcp(([127, 0, 0, 1], 0).into()));
    set(&mut config);
    let server = Server::bind(config).await.unwrap();
    let (address, operator) = (server.local_addr(), TestClient::tcp(server.admin_addr().unwrap()));
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    Hub { server: address, operator, ca, directory, _stop: stop }
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().unwrap())
}

fn later() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3600)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_may_do_what_is_granted_to_the_name_in_its_certificate() {
    let hub = hub(|_| {}).await;
    for way in [Way::TLS, Way::TLS_HTTP2] {
        for only_tls12 in [false, true] {
            let sensor = hub.ca.client(dns("sensor-7.example"), later(), only_tls12);
            let sensor = way.client_with(hub.server, sensor).await;
            let board = hub.ca.client(uri("spiffe://example/board"), later(), only_tls12);
            let board = way.client_with(hub.server, board).await;
            let unknown = way.client_with(hub.server, hub.ca.client(dns("a.example"), later(), only_tls12)).await;
            let nobody = way.client(hub.server).await;

            let mut stream = board.get("/events?topic=sensors/**").connect().await;
            stream.expect_event(event("sse-cursor")).await;
            assert_eq!(sensor.post("/publish/sensors/7/heat").body("21").send().await.status, 200);
            stream.expect_event(event("message").data("21")).await;
            let refused = sensor.post("/publish/sensors/8/heat").body("21").send().await;
            assert_eq!(problem(&refused).0, 403);
            assert_eq!(sensor.get("/events?topic=commands/*").send().await.status, 403);
            for who in [&unknown, &nobody] {
                let refused = problem(&who.post("/publish/sensors/7/heat").body("21").send().await);
                assert_eq!((refused.0, refused.1.contains("without a certificate")), (401, true), "{}", refused.1);
                assert_eq!(who.get("/events?topic=commands/7").send().await.status, 401);
            }
            // a browser shows it whoever made it ask
            let page = |origin| {
                let request = sensor.post("/publish/sensors/7/heat").header("host", "localhost");
                request.header("origin", origin).body("21")
            };
            assert_eq!(page("https://localhost").send().await.status, 200);
            assert_eq!(problem(&page("https://evil.example").send().await).0, 403);
            // what is meant beats what is sent along
            let token = sensor.post("/publish/sensors/7/heat").header("authorization", "Bearer x").body("21");
            assert_eq!(token.send().await.status, 401);

            let listed = hub.operator.get("/streams").send().await;
            assert!(listed.text().contains("spiffe://example/board"), "{}", listed.text());
            let ended =
                hub.operator.request(http::Method::DELETE, "/streams?subject=spiffe://example/board").send().await;
            assert_eq!(ended.status, 200, "{}", ended.text());
            stream.expect_event(event("message").data("21")).await; // the page's
            stream.expect_event(event("sse-drain").data(r#"{"reason":"revoked"}"#)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_its_certificate() {
    let hub = hub(|_| {}).await;
    // in whole seconds
    let until = SystemTime::now() + Duration::from_secs(5);
    let board = hub.ca.client(uri("spiffe://example/board"), until, false);
    let board = Way::TLS.client_with(hub.server, board).await;
    let mut stream = board.get("/events?topic=a").connect().await;
    stream.expect_event(event("sse-cursor")).await;
    stream.expect_event(event("sse-drain").data(r#"{"reason":"expired"}"#)).await;
    assert!(SystemTime::now() + Duration::from_secs(1) >= until);
}

/// Whether a client gets as far as to an answer.
async fn is_let_in(hub: &Hub, config: tokio_rustls::rustls::ClientConfig) -> bool {
    let Ok(mut stream) = connect(hub.server, config).await else { return false };
    let request = b"GET /live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let mut answer = Vec::new();
    let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, request).await;
    let _ = stream.read_to_end(&mut answer).await;
    answer.starts_with(b"HTTP/1.1 200")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_does_not_count_is_none() {
    let optional = hub(|_| {}).await;
    let required = hub(|config| config.tls.client_required = true).await;
    for hub in [&optional, &required] {
        let sensor = |ca: &Ca, until| ca.client(dns("sensor-7.example"), until, false);
        assert!(is_let_in(hub, sensor(&hub.ca, later())).await);
        assert!(!is_let_in(hub, sensor(&Ca::new(), later())).await, "another issuer's");
        assert!(!is_let_in(hub, sensor(&hub.ca, SystemTime::now() - Duration::from_secs(3600))).await, "expired");
    }
    assert!(is_let_in(&optional, client(&[b"http/1.1"], false).0).await);
    assert!(!is_let_in(&required, client(&[b"http/1.1"], false).0).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_lets_nobody_in_whose_certificate_has_expired() {
    let hub = hub(|config| config.tls.client_required = true).await;
    let sensor = hub.ca.client(dns("sensor-7.example"), SystemTime::now() + Duration::from_secs(5), false);
    assert!(is_let_in(&hub, sensor.clone()).await);
    until("it has expired", async || !is_let_in(&hub, sensor.clone()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_vouches_for_clients_is_read_again_and_what_rested_on_them_ends() {
    let hub = hub(|config| config.tls.client_required = true).await;
    let (sensor, board) = (dns("sensor-7.example"), uri("spiffe://example/board"));
    let sensor = hub.ca.client(sensor, later(), false);
    let client = Way::TLS_HTTP2.client_with(hub.server, sensor.clone()).await;
    let publish = async || client.post("/publish/sensors/7/heat").body("21").send().await.status;
    let board = Way::TLS.client_with(hub.server, hub.ca.client(board, later(), false)).await;
    let mut stream = board.get("/events?topic=sensors/**").connect().await;
    stream.expect_event(event("sse-cursor")).await;
    assert!(is_let_in(&hub, sensor.clone()).await);

    let other = Ca::new();
    let new = other.client(dns("sensor-7.example"), later(), false);
    let write = |text: String| std::fs::write(hub.directory.path().join("clients.pem"), text).unwrap();
    write(format!("{}{}", hub.ca.pem(), other.pem()));
    until("the new issuer counts", async || is_let_in(&hub, new.clone()).await).await;
    assert_eq!(publish().await, 200, "one more vouches, and nobody less");
    stream.expect_event(event("message").data("21")).await;

    write(other.pem().to_owned());
    stream.expect_event(event("sse-drain").data(r#"{"reason":"revoked"}"#)).await;
    assert_eq!(publish().await, 401, "its connection is of before");
    assert!(!is_let_in(&hub, sensor).await, "it has a ticket of before");
    assert!(is_let_in(&hub, new).await);
}

#[test]
fn what_is_missing_for_certificates_is_said_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hub.toml");
    for (toml, says) in [
        ("[server.tls]\nclient_required = true", "server.tls.client_ca is empty"),
        ("[auth]\nmode = \"certificates\"\n[[auth.certificates]]\nname = \"a\"", "server.tls.client_ca is empty"),
        ("[auth]\nmode = \"certificates\"", "auth.certificates is empty"),
        (
            "[server.tls]\nclient_ca = \"a\"\ncertificate = \"b\"\nkey = \"c\"\n[[auth.certificates]]\nname = \"a\"",
            "auth.mode is open",
        ),
        ("[server.tls]\nclient_ca = \"a.pem\"", "server.tls.certificate is empty"),
        ("[[auth.certificates]]\npublish = [\"a\"]", "tables [[auth.certificates]] with name"),
        ("[[auth.certificates]]\nname = \"a\"\npublish = [\"a/**/b\"]", "tables [[auth.certificates]] with name"),
    ] {
        std::fs::write(&file, toml).unwrap();
        let output = program().run(&["--config", file.to_str().unwrap(), "--store", "memory"], &[]);
        let line = String::from_utf8(output.stderr).unwrap();
        assert!(line.contains(says) && line.lines().count() == 1, "{toml}: {line}");
        assert_eq!(output.status.code(), Some(2));
    }
}
