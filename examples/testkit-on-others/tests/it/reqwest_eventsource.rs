//! The client `reqwest-eventsource`, over real sockets: what it does as the standard has it, and what not.

use std::{net::TcpListener, time::Duration};

use futures_util::StreamExt;
use reqwest_eventsource::{Error, Event, EventSource, ReadyState, retry::ExponentialBackoff};
use sse_testkit::{script, script::ScriptedServer};
use tokio::time::timeout;

/// As long as any wait may take.
const PATIENCE: Duration = Duration::from_secs(10);

fn client(server: &ScriptedServer) -> EventSource {
    EventSource::get(server.url("/events"))
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

async fn expect_no_content(client: &mut EventSource) {
    let end = next(client).await;
    assert!(matches!(&end, Some(Err(Error::InvalidStatusCode(status, _))) if *status == 204), "{end:?}");
    expect_closed(client).await;
}

/// As it should be.
mod right {
    use super::*;

    #[tokio::test]
    async fn it_goes_on_after_the_last_event_until_it_is_told_to_stop() {
        let server = script![
            accept.path("/events").header("accept", "text/event-stream").no_last_event_id(),
            head(200),
            event("a").id("7").retry(10ms),
            raw(b"data: unfin"),
            end,
            expect_reconnect().last_event_id("7").not_before(10ms),
            head(200),
            event("b").id("8"),
            end,
            expect_reconnect().last_event_id("8"),
            status(204),
        ];
        let server = server.listen().await.unwrap();
        let mut client = client(&server);
        expect_event(&mut client, "a").await;
        expect_end_of_stream(&mut client).await;
        expect_event(&mut client, "b").await;
        expect_end_of_stream(&mut client).await;
        expect_no_content(&mut client).await;
        server.expect_finished().await;
    }

    #[tokio::test]
    async fn another_status_or_type_ends_it() {
        let answers = [
            script![accept, status(503), expect_silence(1s)],
            script![accept, status(200).header("content-type", "text/plain"), expect_silence(1s)],
        ];
        for answer in answers {
            let server = answer.listen().await.unwrap();
            let mut client = client(&server);
            assert!(next(&mut client).await.unwrap().is_err());
            expect_closed(&mut client).await;
            server.expect_finished().await;
        }
    }

    #[tokio::test]
    async fn a_redirect_is_followed() {
        let server =
            script![accept.path("/events"), redirect("/other"), accept.path("/other"), head(200), event("a"), stall];
        let server = server.listen().await.unwrap();
        expect_event(&mut client(&server), "a").await;
        server.expect_finished().await;
    }

    #[tokio::test]
    async fn an_id_that_is_not_ascii_is_sent_as_it_is() {
        let server = script![
            accept,
            head(200),
            event("a").id("\u{fc}").retry(10ms),
            end,
            expect_reconnect().last_event_id("\u{fc}"),
            status(204),
        ];
        let server = server.listen().await.unwrap();
        let mut client = client(&server);
        expect_event(&mut client, "a").await;
        expect_end_of_stream(&mut client).await;
        expect_no_content(&mut client).await;
        server.expect_finished().await;
    }
}

/// Known failures. Each test says what should be, and holds to what is.
mod wrong {
    use super::*;

    /// An ID in a block without data is the last event ID all the same. Here it is the one before.
    #[tokio::test]
    async fn an_id_without_data_is_forgotten() {
        let server = script![
            accept,
            head(200),
            event("a").id("7").retry(10ms),
            raw(b"id: 8\n\n"),
            end,
            expect_reconnect().last_event_id("7"),
            status(204), // 8
        ];
        let server = server.listen().await.unwrap();
        let mut client = client(&server);
        expect_event(&mut client, "a").await;
        expect_end_of_stream(&mut client).await;
        expect_no_content(&mut client).await;
        server.expect_finished().await;
    }

    /// An ID stays until another comes, over all connections. Here an event without one takes it back, if it comes over a
    /// later connection: the next request asks for everything.
    #[tokio::test]
    async fn an_id_of_an_earlier_connection_is_forgotten() {
        let server = script![
            accept,
            head(200),
            event("a").id("7").retry(10ms),
            end,
            expect_reconnect().last_event_id("7"),
            head(200),
            event("b").retry(10ms),
            end,
            expect_reconnect().last_event_id(""), // 7
            status(204),
        ];
        let server = server.listen().await.unwrap();
        let mut client = client(&server);
        expect_event(&mut client, "a").await;
        expect_end_of_stream(&mut client).await;
        expect_event(&mut client, "b").await;
        expect_end_of_stream(&mut client).await;
        expect_no_content(&mut client).await;
        server.expect_finished().await;
    }

    /// The reconnection time is set by its line. Here it is lost unless data follows in its block: a server that asks for an
    /// hour is asked again after 0.3 seconds.
    #[tokio::test]
    async fn a_reconnection_time_without_data_is_forgotten() {
        let server = script![
            accept,
            head(200),
            retry(3600s),
            event("a"),
            end,
            expect_reconnect().not_before(250ms),
            status(204), // 3600s
        ];
        let server = server.listen().await.unwrap();
        let mut client = client(&server);
        expect_event(&mut client, "a").await;
        expect_end_of_stream(&mut client).await;
        expect_no_content(&mut client).await;
        server.expect_finished().await;
    }

    /// Without a last event ID there is no header. Here it is there, and empty.
    #[tokio::test]
    async fn no_last_event_id_is_sent_as_an_empty_one() {
        let server = script![
            accept.no_last_event_id(),
            head(200),
            event("a").retry(10ms),
            end,
            expect_reconnect().last_event_id(""),
            status(204), // no_last_event_id()
        ];
        let server = server.listen().await.unwrap();
        let mut client = client(&server);
        expect_event(&mut client, "a").await;
        expect_end_of_stream(&mut client).await;
        expect_no_content(&mut client).await;
        server.expect_finished().await;
    }

    /// Only CR, LF and NUL can't be in an ID. Here another control character ends the client, at the next reconnect.
    #[tokio::test]
    async fn an_id_with_a_control_character_ends_it() {
        let server = script![accept, head(200), event("a").id("7\u{1}").retry(10ms), end, expect_silence(1s)];
        let server = server.listen().await.unwrap();
        let mut client = client(&server);
        expect_event(&mut client, "a").await;
        expect_end_of_stream(&mut client).await;
        let end = next(&mut client).await;
        assert!(matches!(&end, Some(Err(Error::InvalidLastEventId(id))) if id == "7\u{1}"), "{end:?}");
        expect_closed(&mut client).await;
        server.expect_finished().await;
    }

    /// A byte order mark at the start of a stream is ignored. Here whoever sends one makes the client panic.
    #[tokio::test]
    async fn a_byte_order_mark_is_a_panic() {
        let server = script![accept, head(200), raw("\u{feff}data: a\n\n"), stall];
        let server = server.listen().await.unwrap();
        let mut client = client(&server);
        let read = tokio::spawn(async move { next(&mut client).await.is_some() });
        assert!(read.await.unwrap_err().is_panic(), "should be an event");
    }

    /// What is not UTF-8 becomes U+FFFD. Here nothing after it is read, and at the end of the stream there is an error.
    #[tokio::test]
    async fn what_is_not_utf8_silences_the_stream() {
        let server = script![accept, head(200), raw(b"data: a\xff\n\n"), event("b"), end];
        let server = server.listen().await.unwrap();
        let read = next(&mut client(&server)).await;
        assert!(matches!(read, Some(Err(Error::Utf8(_)))), "{read:?} (should be an event)");
        server.expect_finished().await;
    }

    /// Its own policy: after so many failures in a row it gives up. Here only a limit of one is heeded, for the failures
    /// are not counted.
    #[tokio::test]
    async fn a_limit_of_retries_is_not_heeded() {
        let deaf = TcpListener::bind("127.0.0.1:0").unwrap(); // never accepts, and is not asked: the address is wrong
        let mut client = EventSource::get(format!("http://127.0.0.2:{}", deaf.local_addr().unwrap().port()));
        client.set_retry_policy(Box::new(ExponentialBackoff::new(Duration::from_millis(1), 1.0, None, Some(2))));
        for _ in 0..10 {
            assert!(matches!(next(&mut client).await, Some(Err(Error::Transport(_)))));
        }
        assert_eq!(client.ready_state(), ReadyState::Connecting, "should be closed");
    }
}
