//! The same over real sockets, in real time.

use std::{net::SocketAddr, time::Duration};

use sse_testkit::{BrowserClient, TestClient, message};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket},
};

async fn request(listener: &TcpListener) -> (tokio::net::TcpStream, String) {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(socket.read_u8().await.unwrap());
    }
    (socket, String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn it_follows_reads_and_comes_back() {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut socket, text) = request(&listener).await;
        assert!(text.starts_with("GET /a HTTP/1.1\r\n"), "{text}");
        assert!(
            text.contains("accept: text/event-stream\r\n") && text.contains("cache-control: no-cache\r\n"),
            "{text}"
        );
        assert!(!text.contains("last-event-id"), "{text}");
        let head =
            format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{address}/b\r\ncontent-length: 0\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();

        let (mut socket, text) = request(&listener).await;
        assert!(text.starts_with("GET /b HTTP/1.1\r\n"), "{text}");
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunk = "1d\r\nretry: 10\ndata: a\nid: 7\n\ndata\r\n";
        socket.write_all(format!("{head}{chunk}").as_bytes()).await.unwrap();
        drop(socket); // in the middle

        let (socket, text) = request(&listener).await;
        assert!(text.contains("last-event-id: 7\r\n"), "{text}");
        socket.set_zero_linger().unwrap();
        drop(socket); // reset

        let (mut socket, text) = request(&listener).await;
        assert!(text.starts_with("GET /b HTTP/1.1\r\n") && text.contains("last-event-id: 7\r\n"), "{text}");
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: b\n\n";
        socket.write_all(answer.as_bytes()).await.unwrap();
        assert_eq!(socket.read(&mut [0]).await.unwrap(), 0, "the page closed it");
    });
    let mut stream = BrowserClient::new(TestClient::tcp(address)).within(Duration::from_secs(30)).open("/a");
    stream.expect_event(message("a").id("7")).await;
    let why = stream.expect_error().await;
    assert!(why.starts_with("the stream broke off: "), "{why}");
    let why = stream.expect_error().await;
    assert!(why.starts_with("no answer: "), "{why}");
    stream.expect_event(message("b").id("7")).await;
    stream.close();
    server.await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_yet() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap(); // taken, but nobody listens
    let client = TestClient::tcp(socket.local_addr().unwrap());
    let mut stream = BrowserClient::new(client).reconnection_time(Duration::from_millis(10)).open("/");
    assert!(stream.expect_error().await.starts_with("no answer: "));
    stream.expect_error().await;
    let listener = socket.listen(1).unwrap();
    let server = tokio::spawn(async move {
        let (mut socket, _) = request(&listener).await;
        socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    });
    while let Some(event) = stream.next().await {
        assert!(event.to_string().starts_with("error, "), "{event}");
    }
    server.await.unwrap();
}
