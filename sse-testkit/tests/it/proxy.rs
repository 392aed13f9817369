//! The proxy, over real sockets.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use sse_testkit::{BrowserClient, End, FaultProxy, Faults, TestClient, script};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What comes of a request to that address, and how it ends.
async fn ask(address: SocketAddr) -> (Vec<u8>, Result<(), ErrorKind>) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut came = Vec::new();
    let end = loop {
        match socket.read_buf(&mut came).await {
            Ok(0) => break Ok(()),
            Ok(_) => {}
            Err(error) => break Err(error.kind()),
        }
    };
    (came, end)
}

#[tokio::test]
async fn after_so_many_bytes_fin_and_rst_are_told_apart() {
    for bytes in [0, 1, 40] {
        for (faults, end) in [
            (Faults::none().drop_after(bytes), Ok(())),
            (Faults::none().reset_after(bytes), Err(ErrorKind::ConnectionReset)),
        ] {
            let server = script![accept, head(200), event("hello"), stall].listen().await.unwrap();
            let proxy = FaultProxy::start(server.address(), faults).await.unwrap();
            let (came, ended) = ask(proxy.address()).await;
            assert_eq!(ended, end);
            // what was not read yet, a reset may take along
            assert!(if end.is_ok() { came.len() as u64 == bytes } else { came.len() as u64 <= bytes }, "{came:?}");
        }
    }
}

#[tokio::test]
async fn each_byte_alone_and_nothing_is_lost() {
    let server = script![accept, head(200), event("für ☃").id("7"), end].listen().await.unwrap();
    let proxy = FaultProxy::start(server.address(), Faults::none().cut_every(1)).await.unwrap();
    let mut stream = TestClient::tcp(proxy.address()).get("/").connect().await;
    stream.expect_event("für ☃").await;
    stream.expect_closed().await;
    server.expect_finished().await;
}

#[tokio::test]
async fn a_browser_recovers_when_only_the_first_connections_break() {
    let server = script![
        accept,
        head(200),
        event("one").id("1"),
        raw("data: tw"),
        expect_disconnect(),
        expect_reconnect().last_event_id("1"),
        head(200),
        event("two").id("2"),
        end
    ];
    let server = server.listen().await.unwrap();
    let proxy = FaultProxy::start(server.address(), Faults::none()).await.unwrap();
    let browser = BrowserClient::new(TestClient::tcp(proxy.address())).reconnection_time(Duration::from_millis(10));
    let mut browser = browser.open("/");
    browser.expect_event("one").await;
    proxy.sever();
    browser.expect_error().await;
    browser.expect_event("two").await;
    assert_eq!(proxy.connections(), 2);
    server.expect_finished().await;
}

#[tokio::test]
async fn other_faults_for_the_connections_to_come() {
    let server =
        script![accept, head(200), event("a"), stall, accept, head(200), event("b"), stall].listen().await.unwrap();
    let proxy = FaultProxy::start(server.address(), Faults::none().reset_after(10)).await.unwrap();
    assert_eq!(ask(proxy.address()).await.1, Err(ErrorKind::ConnectionReset));
    proxy.set(Faults::none());
    TestClient::tcp(proxy.address()).get("/").connect().await.expect_event("b").await;
}

#[tokio::test]
async fn while_it_is_paused_nothing_passes_and_nobody_is_told() {
    let server = script![accept, head(200), event("a"), wait(1ms), event("b"), stall].listen().await.unwrap();
    let proxy = FaultProxy::start(server.address(), Faults::none()).await.unwrap();
    let client = TestClient::tcp(proxy.address());
    proxy.pause();
    let mut connecting = Box::pin(client.get("/").connect());
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut connecting).await.is_err());
    proxy.resume();
    let mut stream = connecting.await;
    stream.expect_events(["a", "b"]).await;
}

#[tokio::test]
async fn while_it_is_paused_the_server_is_not_told_that_a_client_has_left() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = FaultProxy::start(server.local_addr().unwrap(), Faults::none()).await.unwrap();
    let client = TcpStream::connect(proxy.address()).await.unwrap();
    let (mut socket, _) = server.accept().await.unwrap();
    proxy.pause();
    drop(client);
    let mut buffer = [0];
    let mut reading = Box::pin(socket.read(&mut buffer));
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut reading).await.is_err());
    proxy.resume();
    assert!(matches!(reading.await, Ok(0) | Err(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_counted_can_be_severed() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for _ in 0..20 {
        let proxy = FaultProxy::start(server.local_addr().unwrap(), Faults::none()).await.unwrap();
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        while proxy.connections() == 0 {
            tokio::task::yield_now().await;
        }
        proxy.sever();
        let end = tokio::time::timeout(Duration::from_secs(5), client.read(&mut [0])).await;
        assert_eq!(end.expect("it is severed").unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_and_a_proxy_that_is_gone() {
    let proxy = FaultProxy::start("127.0.0.1:1".parse().unwrap(), Faults::none()).await.unwrap();
    assert_eq!(ask(proxy.address()).await, (Vec::new(), Err(ErrorKind::ConnectionReset)));

    let server = script![accept, head(200), event("a"), stall].listen().await.unwrap();
    let proxy = FaultProxy::start(server.address(), Faults::none()).await.unwrap();
    let mut stream = TestClient::tcp(proxy.address()).get("/").connect().await;
    stream.expect_event("a").await;
    drop(proxy);
    assert_eq!(stream.next().await, None);
    assert!(matches!(stream.end(), Some(End::Broken(_))));
    server.expect_finished().await;
}
