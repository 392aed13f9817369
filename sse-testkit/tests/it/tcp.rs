//! The same over a real socket, in real time.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use sse_testkit::{Body, End, TestClient, event_stream, message};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::failure;

/// A server on a port of its own.
async fn serve<F, A, B>(answer: F) -> TestClient
where
    F: Fn(http::Request<hyper::body::Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = http::Response<B>> + Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: std::error::Error + Send + Sync,
{
    let (listener, client) = listen().await;
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let answer = answer.clone();
            let service = service_fn(move |request| {
                let answer = answer(request);
                async { Ok::<_, std::convert::Infallible>(answer.await) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
        }
    });
    client
}

async fn listen() -> (TcpListener, TestClient) {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let client = TestClient::tcp(listener.local_addr().unwrap());
    (listener, client)
}

#[tokio::test]
async fn the_same_interface() {
    let client = serve(async |request| {
        let after = request.headers().get("last-event-id").cloned();
        let (feed, body) = Body::channel();
        tokio::spawn(async move {
            feed.send(format!("data: after {after:?}\nid: 7\n\n")).await?;
            feed.send(": busy\nretry: 3").await?;
            feed.send("000\n").await
        });
        event_stream(body)
    })
    .await;
    let mut stream = client.get("/events").connect().await;
    assert_eq!(stream.status(), 200);
    assert_eq!(stream.headers()["transfer-encoding"], "chunked");
    stream.expect_event(message("after None").id("7")).await;
    assert_eq!(stream.expect_comment().await, "busy");
    assert_eq!(stream.expect_retry().await, Duration::from_secs(3));
    stream.expect_closed().await;
    stream.reconnect().await;
    stream.expect_event("after Some(\"7\")").await;
    stream.expect_silence(Duration::ZERO).await;
}

#[tokio::test]
async fn requests_with_bodies() {
    let client = serve(async |request| {
        let text = format!(
            "{} {:?} {:?} {:?}\n",
            request.uri(),
            request.headers().get("host").is_some(),
            request.headers().get("content-length"),
            request.headers().get("transfer-encoding"),
        );
        let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
        http::Response::new(text + std::str::from_utf8(&body).unwrap())
    })
    .await;
    let response = client.post("/a?b").body("hello").send().await.expect_status(200);
    assert_eq!(response.text(), "/a?b true Some(\"5\") None\nhello");
    let response = client.post("/").body_stream(["hel", "lo"]).send().await;
    assert_eq!(response.text(), "/ true None Some(\"chunked\")\nhello");
    let (sender, body) = Body::channel();
    let upload = tokio::spawn(client.post("/").body(body).send());
    for _ in 0..1000 {
        sender.send(vec![b'x'; 1000]).await.unwrap();
    }
    drop(sender);
    assert!(upload.await.unwrap().body.ends_with(&[b'x'; 1_000_000]));
}

#[tokio::test]
async fn a_stream_that_nobody_reads_is_a_stalled_reader() {
    const CHUNK: u64 = 64 << 10;
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    let client = serve(move |_| {
        let (feed, body) = Body::channel();
        let count = Arc::clone(&count);
        tokio::spawn(async move {
            let chunk = [b"data: ", vec![b'x'; CHUNK as usize].as_slice(), b"\n\n"].concat();
            while feed.send(chunk.clone()).await.is_ok() {
                count.fetch_add(CHUNK, Ordering::Relaxed);
            }
        });
        async { event_stream(body) }
    })
    .await;
    let mut stream = client.get("/").connect().await;
    // the sockets' buffers fill, and then it rests
    let mut before = u64::MAX;
    while before != sent.load(Ordering::Relaxed) {
        before = sent.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(stream.raw().is_empty());
    let mut read = 0;
    while read <= before {
        let seen = stream.next().await.unwrap();
        read += seen.event().unwrap().data.len() as u64;
    }
    assert!(sent.load(Ordering::Relaxed) > before);
}

#[tokio::test]
async fn a_connection_that_breaks_off() {
    let (listener, client) = listen().await;
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        assert_ne!(socket.read(&mut [0; 4096]).await.unwrap(), 0);
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
                      9\r\ndata: a\n\n\r\n";
        socket.write_all(answer.as_bytes()).await.unwrap();
    });
    let mut stream = client.get("/").connect().await;
    stream.expect_event("a").await;
    assert_eq!(stream.next().await, None);
    let Some(End::Broken(how)) = stream.end() else { panic!("{:?}", stream.end()) };
    assert!(how.starts_with("error reading a body from connection: unexpected EOF"), "{how}");
}

#[tokio::test]
async fn a_stream_until_the_connection_closes() {
    let (listener, client) = listen().await;
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        assert_ne!(socket.read(&mut [0; 4096]).await.unwrap(), 0);
        let answer = "HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: a\n\n";
        socket.write_all(answer.as_bytes()).await.unwrap();
    });
    let mut stream = client.get("/").connect().await;
    stream.expect_event("a").await;
    stream.expect_closed().await;
}

#[tokio::test]
async fn the_server_learns_of_a_disconnect() {
    let (listener, client) = listen().await;
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        assert_ne!(socket.read(&mut [0; 4096]).await.unwrap(), 0);
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: a\n\n";
        socket.write_all(answer.as_bytes()).await.unwrap();
        assert_eq!(socket.read(&mut [0; 4096]).await.unwrap(), 0);
    });
    let mut stream = client.get("/").connect().await;
    stream.expect_event("a").await;
    stream.disconnect();
    server.await.unwrap();
}

#[tokio::test]
async fn nobody_there() {
    let (listener, client) = listen().await;
    drop(listener);
    let report = failure(client.get("/").connect()).await;
    assert!(report.starts_with("expected an answer to GET /\n     got none: "), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_is_found_out() {
    let (_listener, client) = listen().await;
    let report = failure(client.get("/").connect()).await;
    assert!(report.contains("\n because the clock is paused, so it ran ahead of the"), "{report}");
}
