//! Where a hub listens beside an address: Unix sockets, what systemd passes; and what a proxy says before all else.

use std::{
    fs,
    net::SocketAddr,
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use sse_server::{Config, Listen, ServeError, Server};
use sse_test_support::blocks::checked;
use sse_testkit::TestClient;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    sync::oneshot,
};

use crate::{
    program,
    sockets::{SUBSCRIBE, listen, raw, read_until, until},
    support::{metric, publish},
    ways::Way,
};

const PUBLISH: &str = "POST /publish/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nhello";

async fn unix(path: &Path, request: &str) -> UnixStream {
    let mut stream = UnixStream::connect(path).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

fn socket_in(directory: &TempDir, name: &str) -> (std::path::PathBuf, Listen) {
    let path = directory.path().join(name);
    (path.clone(), Listen::Unix(path))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unix_sockets_carry_requests_and_streams_beside_an_address() {
    for handoff in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let ((path, listen), (admin_path, admin)) = (socket_in(&directory, "hub"), socket_in(&directory, "admin"));
        let mut config = Config::in_memory();
        config.server.handoff = handoff;
        config.server.listen = vec![listen.clone(), Listen::Tcp(([127, 0, 0, 1], 0).into())];
        config.server.admin_listen = Some(admin.clone());
        config.limits.per_address = 1; // they have no address
        config.server.drain = Duration::ZERO;
        let server = Server::bind(config).await.unwrap();
        assert_eq!(server.listens_at(), [listen, Listen::Tcp(server.local_addr())]);
        assert_eq!(server.admin_listens_at(), Some(admin));
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&admin_path)), (0o660, 0o600));
        let client = checked(&TestClient::tcp(server.local_addr()));
        let (stop, stopped) = oneshot::channel::<()>();
        let run = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        let mut streams = Vec::new();
        for _ in 0..3 {
            let mut stream = unix(&path, SUBSCRIBE).await;
            read_until(&mut stream, "sse-cursor").await;
            streams.push(stream);
        }
        read_until(&mut unix(&path, PUBLISH).await, "200 OK").await;
        publish(&client, "a", &"x".repeat(200_000)).await;
        for stream in &mut streams {
            let read = read_until(stream, &"x".repeat(200_000)).await;
            assert!(read.contains("data: hello"), "{read:?}");
        }
        read_until(
            &mut unix(&admin_path, "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").await,
            "sse_subscribers 3",
        )
        .await;
        drop(streams.pop()); // whoever goes is seen to go
        stop.send(()).unwrap();
        for stream in &mut streams {
            read_until(stream, "sse-drain").await;
        }
        drop(streams);
        run.await.unwrap();
        assert!(!path.exists() && !admin_path.exists());
    }
}

#[tokio::test]
async fn a_socket_that_is_left_is_replaced_and_one_that_is_in_use_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let (path, listen) = socket_in(&directory, "hub");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap()); // its file stays
    let mut config = Config::in_memory();
    config.server.listen = vec![listen];
    let first = Server::bind(config.clone()).await.unwrap();
    let second = Server::bind(config.clone()).await;
    assert!(matches!(&second, Err(ServeError::Listen { .. })), "{second:?}");
    assert!(second.unwrap_err().to_string().contains("it is in use"));
    fs::remove_file(&path).unwrap();
    let third = Server::bind(config.clone()).await.unwrap();
    drop(first);
    assert!(path.exists(), "it is another's now");
    drop(third);
    assert!(!path.exists());
    fs::write(&path, "text").unwrap();
    let error = Server::bind(config).await.unwrap_err().to_string();
    assert!(error.contains("there is a file of another kind"), "{error}");
}

/// A hub that was passed a socket as systemd passes one.
struct Activated(Child);

impl Drop for Activated {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The same as systemd, but that the socket takes the place of standard input.
fn pass(command: &mut Command, socket: OwnedFd, name: &str) -> Activated {
    let command = command.env("LISTEN_FDS", "1").env("LISTEN_FDS_FIRST_FD", "0").env("LISTEN_FDNAMES", name);
    Activated(command.stdin(socket).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
}

#[tokio::test]
async fn sockets_that_systemd_passes_are_listened_on() {
    let directory = tempfile::tempdir().unwrap();
    let settings = |listen| [("SSE__SERVER__LISTEN", listen), ("SSE__STORE__KIND", "memory")];
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let hub = pass(&mut program().command(&settings("systemd")), tcp.into(), "sse.socket");
    read_until(&mut raw(address, PUBLISH).await, "200 OK").await; // it waits until somebody accepts
    drop(hub);

    let path = directory.path().join("hub");
    let unix_socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let hub = pass(&mut program().command(&settings("systemd:web")), unix_socket.into(), "web");
    read_until(&mut unix(&path, PUBLISH).await, "200 OK").await;
    drop(hub);
    assert!(path.exists(), "who made it removes it");

    let refused = |socket: OwnedFd, listen| {
        let mut hub = pass(&mut program().command(&settings(listen)), socket, "web");
        let mut said = String::new();
        std::io::Read::read_to_string(hub.0.stderr.as_mut().unwrap(), &mut said).unwrap();
        (hub.0.wait().unwrap().code(), said)
    };
    let tcp = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (status, said) = refused(tcp().into(), "systemd:other");
    assert_eq!(
        (status, said.contains("can't listen on systemd:other: it has passed no such socket")),
        (Some(1), true),
        "{said}"
    );
    // the operator's routes are in one place
    let mut command = program().command(&settings("127.0.0.1:0"));
    command.env("SSE__SERVER__ADMIN_LISTEN", "systemd:a").stdin(OwnedFd::from(tcp())).stdout(OwnedFd::from(tcp()));
    command.envs([("LISTEN_FDS", "2"), ("LISTEN_FDS_FIRST_FD", "0"), ("LISTEN_FDNAMES", "a:a")]);
    let said = String::from_utf8(command.stderr(Stdio::piped()).output().unwrap().stderr).unwrap();
    assert!(said.contains("it has passed several such sockets"), "{said}");
    let open = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let (status, said) = refused(open.into(), "systemd");
    assert!(
        status != Some(0) && said.contains("server.listen is not loopback and auth.mode is open"),
        "{status:?} {said}"
    );
}

fn proxied(config: &mut Config) {
    config.server.trusted_proxies = vec!["127.0.0.1".into(), "unix".into()];
    config.server.forwarded_by = sse_server::ForwardedBy::ProxyProtocol;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_counts_for_whom_its_proxy_says() {
    let directory = tempfile::tempdir().unwrap();
    let (path, socket) = socket_in(&directory, "hub");
    let (admin_path, admin) = socket_in(&directory, "admin");
    let hub = listen(|config| {
        proxied(config);
        config.server.admin_listen = Some(admin);
        config.server.listen.push(socket);
        config.limits.per_address = 1;
        config.limits.connections_per_address = 4;
    })
    .await;
    let v1 = |client: u8, request: &str| format!("PROXY TCP4 203.0.113.{client} 127.0.0.1 4660 80\r\n{request}");
    let mut held = Vec::new();
    for client in 1..=8 {
        let mut stream = raw(hub.address, &v1(client, SUBSCRIBE)).await;
        read_until(&mut stream, "sse-cursor").await;
        held.push(stream);
    }
    read_until(&mut raw(hub.address, &v1(1, SUBSCRIBE)).await, "429 ").await;
    let mut by_unix = unix(&path, &v1(1, SUBSCRIBE)).await;
    read_until(&mut by_unix, "429 ").await;
    // so does each connection, whatever comes on it
    let mut connections = Vec::new();
    for _ in 0..4 {
        let mut one = raw(hub.address, &v1(99, "GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        read_until(&mut one, "200 OK").await;
        connections.push(one);
    }
    read_until(&mut raw(hub.address, &v1(99, PUBLISH)).await, "503 ").await;
    drop(connections);
    // a proxy asks for itself as well
    read_until(&mut raw(hub.address, &format!("PROXY UNKNOWN\r\n{PUBLISH}")).await, "200 OK").await;
    for stream in &mut held {
        read_until(stream, "hello").await;
    }
    // without a header there is nothing
    let mut refused = raw(hub.address, PUBLISH).await;
    let mut rest = Vec::new();
    let _ = refused.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    // an operator comes by no proxy
    let metrics = "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
    read_until(&mut unix(&admin_path, metrics).await, "sse_proxy_protocol_failures_total 1\n").await;
}

#[tokio::test]
async fn who_is_no_trusted_proxy_says_nothing_before_its_request() {
    let hub = listen(|config| {
        proxied(config);
        config.server.trusted_proxies = vec!["192.0.2.1".into()];
    })
    .await;
    publish(&hub.client, "a", "as before").await;
    let lie = format!("PROXY TCP4 203.0.113.1 127.0.0.1 4660 80\r\n{PUBLISH}");
    read_until(&mut raw(hub.address, &lie).await, "400 Bad Request").await;
    assert_eq!(metric(&hub.client, "sse_proxy_protocol_failures_total").await, 0.0);
}

/// Passes connections on, and says before each whom it is for.
async fn balancer(hub: SocketAddr) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut upstream = TcpStream::connect(hub).await.unwrap();
                // version 2: TCP over IPv4, from 203.0.113.9
                let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\x7f\0\0\x01\x12\x34\0\x50";
                upstream.write_all(header).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balancer_passes_tls_on_and_says_before_it_whom_for() {
    let directory = tempfile::tempdir().unwrap();
    let hub = listen(|config| {
        Way::TLS.configure(config, directory.path());
        proxied(config);
        config.limits.per_address = 1;
    })
    .await;
    let client = Way::TLS.client(balancer(hub.address).await).await;
    let mut stream = client.get("/events?topic=a").connect().await;
    stream.expect_event(sse_testkit::event("sse-cursor")).await;
    publish(&client, "a", "through").await;
    stream.expect_event(sse_testkit::event("message").data("through")).await;
    assert_eq!(client.get("/events?topic=a").send().await.status, 429);
    drop(stream);
    until("it is gone", async || metric(&client, "sse_subscribers").await == 0.0).await;
}
