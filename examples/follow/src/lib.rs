//! Follows an event stream over HTTP, from one connection to the next.
//!
//! reqwest speaks HTTP, tokio waits, and [`Session`] decides: what an answer means, when to connect again, and which
//! `Last-Event-ID` to send then. [`follow`] carries the one's news to the other, and has no opinion of its own.

use std::{
    error::Error,
    hash::{BuildHasher, RandomState},
    iter,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use reqwest::{Client, ClientBuilder, Response, Url, header};
use sse_core::{
    Item,
    hub::names::event::END,
    session::{Closed, Head, Session},
};
use tokio::time::sleep;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a server may say nothing. Most send a comment every 15 seconds, as the standard advises; one that says
/// nothing for four times as long is taken for dead, and asked again.
const SILENCE: Duration = Duration::from_secs(60);

/// What happens to the connection, told as it happens.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// A request goes out.
    Connecting,
    /// The answer is an event stream.
    Open,
    /// The next request goes out after this time. The error is what went wrong, unless the stream just ended.
    Waiting(Duration, Option<&'a reqwest::Error>),
}

/// A client for streams: it gives up on a connection that says nothing, but never on one that lasts.
pub fn client() -> ClientBuilder {
    Client::builder().connect_timeout(CONNECT).read_timeout(SILENCE)
}

/// Follows the stream at `url` until the session is closed, and says why it was. `session` is a new one, or one that
/// was given a last event ID. Redirects are followed; each new connection begins at `url` again.
///
/// Everything in the stream goes to `on_item`, whose `Break` ends it all. So does dropping the future. After a hub's
/// `sse-end` nothing more will come, and the session is closed for that.
///
/// # Errors
///
/// A request that can't be made, so that asking again is of no use: `url` is not HTTP, or the last event ID holds a
/// control character. What goes wrong on the network is told as a [`Change::Waiting`] and tried again.
pub async fn follow(
    client: &Client,
    url: &Url,
    mut session: Session,
    mut on_item: impl FnMut(Item<'_>) -> ControlFlow<()>,
    mut on_change: impl FnMut(Change<'_>),
) -> reqwest::Result<Closed> {
    let start = Instant::now();
    loop {
        on_change(Change::Connecting);
        let error = match connect(client, url, &mut session, start, &mut on_item, &mut on_change).await {
            Err(error) if error.is_builder() => return Err(error),
            ended => ended.err(),
        };
        session.handle_end(start.elapsed(), entropy()); // changes nothing if the head has decided already
        if let Some(why) = session.closed() {
            return Ok(why);
        }
        while let Some(until) = session.next_time() {
            let wait = until.saturating_sub(start.elapsed());
            on_change(Change::Waiting(wait, error.as_ref()));
            sleep(wait).await;
            session.handle_time(start.elapsed());
        }
    }
}

/// One connection, to its end. An answer that is no stream is an error too, if its status is one.
async fn connect(
    client: &Client,
    url: &Url,
    session: &mut Session,
    start: Instant,
    on_item: &mut impl FnMut(Item<'_>) -> ControlFlow<()>,
    on_change: &mut impl FnMut(Change<'_>),
) -> reqwest::Result<()> {
    let mut request = client.get(url.clone());
    request = request.header(header::ACCEPT, "text/event-stream").header(header::CACHE_CONTROL, "no-cache");
    if !session.last_event_id().is_empty() {
        // as bytes: an ID is UTF-8, and goes out as it came
        request = request.header("last-event-id", session.last_event_id().as_bytes());
    }
    let mut response = request.send().await?;
    let head = Head {
        status: response.status().as_u16(),
        content_type: response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()),
        retry_after: retry_after(&response),
    };
    session.handle_head(&head, start.elapsed(), entropy());
    if !session.is_open() {
        return response.error_for_status().map(drop);
    }
    on_change(Change::Open);
    while let Some(piece) = response.chunk().await? {
        let (mut flow, mut is_end) = (ControlFlow::Continue(()), false);
        session.handle_bytes(&piece, start.elapsed(), |item| {
            if flow.is_continue() && !is_end {
                is_end = matches!(item, Item::Event(event) if event.name() == END);
                flow = on_item(item);
            }
        });
        if flow.is_break() {
            session.close();
        } else if is_end {
            session.finish();
        }
        if session.closed().is_some() {
            break;
        }
    }
    Ok(())
}

/// An error with what caused it: reqwest's own words are the least of it.
pub fn causes(error: &dyn Error) -> String {
    let chain: Vec<_> = iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect();
    chain.join(": ")
}

/// `Retry-After` in seconds. As a date it is left out, and the session's own wait applies.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Random bits to spread waits with, not to keep secrets with: the standard library draws them for its hash maps.
fn entropy() -> u64 {
    RandomState::new().hash_one(())
}
