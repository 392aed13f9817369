//! What one address may hold, over sockets.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::{
    sockets::{listen, raw, read_until, until},
    support::metric,
};

/// A connection from another address of this machine.
async fn from_elsewhere(address: SocketAddr, request: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

const LIVE: &str = "GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[cfg(target_os = "linux")] // elsewhere 127.0.0.2 has to be set up
#[tokio::test]
async fn one_address_does_not_take_all_connections() {
    let hub = listen(|config| config.limits.connections_per_address = 3).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = raw(hub.address, LIVE).await;
        read_until(&mut stream, "200 OK").await;
        held.push(stream);
    }
    let publish = "POST /publish/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx";
    read_until(&mut raw(hub.address, publish).await, "503 ").await;
    // what is beyond even that is closed without a word
    until("it is closed", async || {
        held.push(raw(hub.address, "").await);
        let mut last = raw(hub.address, LIVE).await;
        matches!(last.read(&mut [0; 16]).await, Ok(0) | Err(_))
    })
    .await;
    read_until(&mut from_elsewhere(hub.address, publish).await, "200 OK").await;
    drop(held);
    until("there is room again", async || {
        let mut stream = raw(hub.address, publish).await;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.is_ok_and(|_| head == *b"HTTP/1.1 200")
    })
    .await;
}

#[cfg(target_os = "linux")] // elsewhere 127.0.0.2 has to be set up
#[tokio::test]
async fn a_trusted_proxy_has_the_shares_of_those_behind_it() {
    let hub = listen(|config| {
        config.limits.connections_per_address = 2;
        config.limits.per_address = 1;
        config.server.trusted_proxies = vec!["127.0.0.1".into()];
    })
    .await;
    let stream = |client: &str| {
        format!("GET /events?topic=a HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: 192.0.2.7, {client}\r\n\r\n")
    };
    let mut held = Vec::new();
    for client in ["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"] {
        let mut one = raw(hub.address, &stream(client)).await;
        read_until(&mut one, "sse-cursor").await;
        held.push(one);
    }
    read_until(&mut raw(hub.address, &stream("203.0.113.4")).await, "429 ").await;
    // who is no proxy speaks for nobody else
    let mut one = from_elsewhere(hub.address, &stream("203.0.113.5")).await;
    read_until(&mut one, "sse-cursor").await;
    read_until(&mut from_elsewhere(hub.address, &stream("203.0.113.6")).await, "429 ").await;
    drop((held, one));
}

#[tokio::test]
async fn publishing_goes_on_when_there_are_as_many_streams_as_there_may_be() {
    let hub = listen(|config| {
        config.limits.connections = 10;
        config.limits.connections_per_address = 20;
    })
    .await;
    let mut streams = Vec::new();
    for _ in 0..9 {
        let mut stream = raw(hub.address, "GET /events?topic=a HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        read_until(&mut stream, "sse-cursor").await;
        streams.push(stream);
    }
    let tenth = "GET /events?topic=a HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n";
    read_until(&mut from_elsewhere(hub.address, tenth).await, "sse-drain").await;
    let publish = "POST /publish/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx";
    until("who was turned away is gone, and there is room", async || {
        let mut head = [0; 12];
        let mut stream = from_elsewhere(hub.address, publish).await;
        stream.read_exact(&mut head).await.is_ok_and(|_| head == *b"HTTP/1.1 200")
    })
    .await;
    assert_eq!(metric(&hub.client, "sse_subscribers").await, 9.0);
}
