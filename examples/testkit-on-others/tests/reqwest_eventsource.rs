//! The client `reqwest-eventsource`, over real sockets: what it does as the standard has it, and what not.

use std::{net::SocketAddr, time::Duration};

use futures_util::StreamExt;
use reqwest_eventsource::{Error, Event, EventSource, ReadyState, retry::ExponentialBackoff};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};

/// As long as any wait may take.
const PATIENCE: Duration = Duration::from_secs(10);
const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// Gives each connection the next of its answers, and closes it.
struct Server {
    address: SocketAddr,
    requests: mpsc::Receiver<String>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start<const N: usize>(answers: [String; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heads, requests) = mpsc::channel(8);
        let task = tokio::spawn(async move {
            for answer in answers {
                let (mut connection, _) = listener.accept().await.unwrap();
                let head = head(&mut connection).await;
                connection.write_all(answer.as_bytes()).await.unwrap();
                heads.send(head).await.unwrap();
            }
        });
        Self { address, requests, task }
    }

    fn client(&self) -> EventSource {
        EventSource::get(format!("http://{}/events", self.address))
    }

    /// The last event ID that the next request has.
    async fn last_event_id(&mut self) -> Option<String> {
        let head = timeout(PATIENCE, self.requests.recv()).await.unwrap().unwrap();
        head.lines().find_map(|line| Some(line.strip_prefix("last-event-id:")?.trim().to_owned()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn head(connection: &mut TcpStream) -> String {
    let mut head = String::new();
    let mut byte = [0];
    while !head.ends_with("\r\n\r\n") {
        connection.read_exact(&mut byte).await.unwrap();
        head.push(byte[0].into());
    }
    head
}

/// A stream that ends after these bytes.
fn events(stream: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{stream}")
}

/// The next event or error; an opened stream is neither.
async fn next(client: &mut EventSource) -> Option<Result<String, Error>> {
    loop {
        match timeout(PATIENCE, client.next()).await.expect("it says something") {
            Some(Ok(Event::Open)) => {}
            Some(Ok(Event::Message(event))) => return Some(Ok(event.data)),
            Some(Err(error)) => return Some(Err(error)),
            None => return None,
        }
    }
}

async fn expect_event(client: &mut EventSource, data: &str) {
    assert_eq!(next(client).await.unwrap().unwrap(), data);
}

async fn expect_end_of_stream(client: &mut EventSource) {
    let end = next(client).await;
    assert!(matches!(end, Some(Err(Error::StreamEnded))), "{end:?}");
}

async fn expect_closed(client: &mut EventSource) {
    assert!(next(client).await.is_none());
    assert_eq!(client.ready_state(), ReadyState::Closed);
}

/// As it should be.
mod right {
    use super::*;

    #[tokio::test]
    async fn it_goes_on_after_the_last_event_until_it_is_told_to_stop() {
        let first = events("retry: 10\nid: 7\ndata: a\n\ndata: unfinished");
        let mut server = Server::start([first, events("data: b\n\n"), NO_CONTENT.into()]).await;
        let mut client = server.client();
        expect_event(&mut client, "a").await;
        assert_eq!(server.last_event_id().await, None);
        expect_end_of_stream(&mut client).await;
        expect_event(&mut client, "b").await;
        assert_eq!(server.last_event_id().await.as_deref(), Some("7"));
        expect_end_of_stream(&mut client).await;
        let end = next(&mut client).await;
        assert!(matches!(&end, Some(Err(Error::InvalidStatusCode(status, _))) if *status == 204), "{end:?}");
        expect_closed(&mut client).await;
    }

    #[tokio::test]
    async fn another_status_or_type_ends_it() {
        for answer in ["HTTP/1.1 503 Busy\r\n", "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"] {
            let server = Server::start([format!("{answer}content-length: 0\r\n\r\n")]).await;
            let mut client = server.client();
            assert!(next(&mut client).await.unwrap().is_err());
            expect_closed(&mut client).await;
        }
    }
}

/// Known failures. Each test says what should be, and holds to what is.
mod wrong {
    use super::*;

    /// An ID in a block without data is the last event ID all the same. Here it is the one before.
    #[tokio::test]
    async fn an_id_without_data_is_forgotten() {
        let first = events("retry: 10\nid: 7\ndata: a\n\nid: 8\n\n");
        let mut server = Server::start([first, NO_CONTENT.into()]).await;
        let mut client = server.client();
        expect_event(&mut client, "a").await;
        expect_end_of_stream(&mut client).await;
        assert!(next(&mut client).await.unwrap().is_err());
        assert_eq!(server.last_event_id().await, None);
        assert_eq!(server.last_event_id().await.as_deref(), Some("7"), "should be 8");
    }

    /// The reconnection time is set by its line. Here it is lost unless an event follows in its block: a server that asks
    /// for an hour is asked again after 0.3 seconds.
    #[tokio::test]
    async fn a_reconnection_time_without_data_is_forgotten() {
        let mut server = Server::start([events("retry: 3600000\n\ndata: a\n\n"), NO_CONTENT.into()]).await;
        let mut client = server.client();
        expect_event(&mut client, "a").await;
        expect_end_of_stream(&mut client).await;
        assert!(next(&mut client).await.unwrap().is_err());
        assert_eq!(server.last_event_id().await, None);
        assert!(server.last_event_id().await.is_some(), "should not come within the hour");
    }

    /// Without a last event ID there is no header. Here it is there, and empty.
    #[tokio::test]
    async fn no_last_event_id_is_sent_as_an_empty_one() {
        let mut server = Server::start([events("retry: 10\ndata: a\n\n"), NO_CONTENT.into()]).await;
        let mut client = server.client();
        expect_event(&mut client, "a").await;
        expect_end_of_stream(&mut client).await;
        assert!(next(&mut client).await.unwrap().is_err());
        assert_eq!(server.last_event_id().await, None);
        assert_eq!(server.last_event_id().await.as_deref(), Some(""), "should be none");
    }

    /// An ID is sent as UTF-8, whatever it is. Here one that is not ASCII ends the client, at the next reconnect.
    #[tokio::test]
    async fn an_id_that_is_not_ascii_ends_it() {
        let server = Server::start([events("retry: 10\nid: ü\ndata: a\n\n"), NO_CONTENT.into()]).await;
        let mut client = server.client();
        expect_event(&mut client, "a").await;
        expect_end_of_stream(&mut client).await;
        let end = next(&mut client).await;
        assert!(matches!(&end, Some(Err(Error::InvalidLastEventId(id))) if id == "ü"), "{end:?}");
        expect_closed(&mut client).await;
    }

    /// A byte order mark at the start of a stream is ignored. Here whoever sends one makes the client panic.
    #[tokio::test]
    async fn a_byte_order_mark_is_a_panic() {
        let server = Server::start([events("\u{feff}data: a\n\n")]).await;
        let mut client = server.client();
        let read = tokio::spawn(async move { next(&mut client).await.is_some() });
        assert!(read.await.unwrap_err().is_panic(), "should be an event");
    }

    /// Bytes that are not UTF-8 become U+FFFD. Here they are an error, and the event is lost.
    #[tokio::test]
    async fn what_is_not_utf8_breaks_the_stream() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = EventSource::get(format!("http://{}", listener.local_addr().unwrap()));
        let server = async {
            let (mut connection, _) = listener.accept().await.unwrap();
            head(&mut connection).await;
            connection.write_all(events("data: a").as_bytes()).await.unwrap();
            connection.write_all(b"\xff\n\n").await.unwrap();
        };
        let ((), read) = tokio::join!(server, next(&mut client));
        assert!(matches!(read, Some(Err(Error::Utf8(_)))), "{read:?} (should be an event)");
    }

    /// Its own policy: after so many failures in a row it gives up. Here only a limit of one is heeded, for the failures
    /// are not counted.
    #[tokio::test]
    async fn a_limit_of_retries_is_not_heeded() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener); // nobody listens
        let mut client = EventSource::get(format!("http://{address}"));
        client.set_retry_policy(Box::new(ExponentialBackoff::new(Duration::from_millis(1), 1.0, None, Some(2))));
        for _ in 0..10 {
            assert!(matches!(next(&mut client).await, Some(Err(Error::Transport(_)))));
        }
        assert_eq!(client.ready_state(), ReadyState::Connecting, "should be closed");
    }
}
