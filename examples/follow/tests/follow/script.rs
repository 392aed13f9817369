//! A server that gives prepared answers to one connection after the other, byte for byte.

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// Begins an answer that is an event stream; without its last chunk it is cut off.
const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// Ends a session.
pub(crate) const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";

/// An answer without a body.
pub(crate) fn answer(status_and_headers: &str) -> String {
    format!("HTTP/1.1 {status_and_headers}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

/// An event stream that is cut off after this.
pub(crate) fn cut(text: &str) -> String {
    format!("{STREAM}{:x}\r\n{text}\r\n", text.len())
}

/// An event stream that ends after this, as it should.
pub(crate) fn whole(text: &str) -> String {
    format!("{}0\r\n\r\n", cut(text))
}

#[derive(Debug)]
pub(crate) struct Script {
    listener: TcpListener,
    /// Whether a connection stays open, and silent, after its answer.
    silent: bool,
}

impl Script {
    pub(crate) async fn bind() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap(), silent: false }
    }

    pub(crate) fn silent(self) -> Self {
        Self { silent: true, ..self }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listener.local_addr().unwrap())
    }

    /// Answers as many requests as there are answers, and returns their heads, in lower case.
    pub(crate) async fn play<A: AsRef<str>>(self, answers: impl IntoIterator<Item = A>) -> Vec<String> {
        let mut heads = Vec::new();
        let mut open = Vec::new();
        for answer in answers {
            let (socket, _) = self.listener.accept().await.unwrap();
            let mut socket = BufReader::new(socket);
            heads.push(read_head(&mut socket).await);
            socket.write_all(answer.as_ref().as_bytes()).await.unwrap();
            if self.silent {
                open.push(socket);
            }
        }
        heads
    }
}

async fn read_head(socket: &mut BufReader<TcpStream>) -> String {
    let mut head = Vec::new();
    let mut bounded = socket.take(64 << 10);
    while !head.ends_with(b"\r\n\r\n") {
        assert_ne!(bounded.read_until(b'\n', &mut head).await.unwrap(), 0, "the head is not whole");
    }
    String::from_utf8(head).unwrap().to_lowercase()
}
