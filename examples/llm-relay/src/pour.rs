//! From the journal into the hub: one request for a run, whose body is the run's stream as it grows.
//!
//! The request has the run's own `Idempotency-Key`. If it breaks, the same is sent again from its beginning, and the hub
//! passes over what it has. `?end` ends the topic with the body, but only if that ends as HTTP says it should.

use std::{
    io,
    time::{Duration, Instant},
};

use bytes::Bytes;
use follow::causes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use reqwest::{Body, Client, Response, Url};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::journal::Said;

/// The wait after a failure, doubled from one to the next.
const WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How long the body says nothing before a comment: the hub gives up after 30 s (`server.body_timeout`).
const BREATH: Duration = Duration::from_secs(10);

/// The hub, to pour into.
#[derive(Debug)]
pub(crate) struct Sink {
    http: Client,
    hub: Url,
}

impl Sink {
    /// Its requests last as long as a run does.
    pub(crate) fn new(hub: Url) -> reqwest::Result<Self> {
        let http = Client::builder().connect_timeout(Duration::from_secs(10)).tcp_keepalive(Duration::from_secs(15));
        Ok(Self { http: http.build()?, hub })
    }

    /// Pours a run until the hub has acknowledged all of it.
    ///
    /// # Errors
    ///
    /// Why the hub refuses it for good.
    pub(crate) async fn pour(&self, id: &str, said: watch::Receiver<Said>) -> Result<(), String> {
        let url = self.hub.join(&format!("publish/runs/{id}?end")).map_err(|error| error.to_string())?;
        let mut wait = WAIT;
        loop {
            let began = Instant::now();
            let request = self.http.post(url.clone()).header("idempotency-key", id);
            let request = request.header("content-type", "text/event-stream").body(body(said.clone()));
            let why = match request.send().await {
                Ok(response) if response.status().is_success() => return Ok(()),
                Ok(response) if is_final(&response) => return Err(words(response).await),
                Ok(response) => words(response).await,
                Err(error) => causes(&error.without_url()),
            };
            if began.elapsed() > LONGEST_WAIT {
                wait = WAIT;
            }
            eprintln!("llm-relay: run {id} is poured again in {wait:?}: {why}");
            sleep(wait).await;
            wait = (2 * wait).min(LONGEST_WAIT);
        }
    }
}

/// The stream from its beginning, as far as it is, and then as it grows.
fn body(said: watch::Receiver<Said>) -> Body {
    Body::wrap(StreamBody::new(stream::unfold((said, 0), async |(mut said, sent)| {
        loop {
            {
                let now = said.borrow_and_update();
                if now.stream.len() > sent {
                    let piece = Bytes::copy_from_slice(&now.stream[sent..]);
                    let sent = now.stream.len();
                    drop(now);
                    return Some((Ok(Frame::data(piece)), (said, sent)));
                }
                if now.over {
                    return None;
                }
            }
            match timeout(BREATH, said.changed()).await {
                Ok(Ok(())) => {}
                // not as if it was whole
                Ok(Err(_)) => return Some((Err(io::Error::other("the run is gone")), (said, sent))),
                Err(_) => return Some((Ok(Frame::data(Bytes::from_static(b":\n"))), (said, sent))),
            }
        }
    })))
}

/// Trying again changes nothing.
fn is_final(response: &Response) -> bool {
    response.status().is_client_error() && ![408, 425, 429].contains(&response.status().as_u16())
}

async fn words(response: Response) -> String {
    let status = response.status();
    format!("the hub answers {status}: {}", response.text().await.unwrap_or_default().trim())
}
