//! A client that takes it as it comes that the hub may die at any moment.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client as Http, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use sse_test_support::blocks::checked;
use sse_testkit::{self as testkit, Event, TestClient, TestStream};
use tokio::time::timeout;

use super::record::{End, Item, Outcome, Publish, Session, Start};

/// No answer takes so long, and no stream is silent for so long: there is a heartbeat each second.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    hub: SocketAddr,
    /// When the chain began.
    clock: Instant,
}

/// The connection was refused, or broke off.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) at: Duration,
}

impl Client {
    pub(crate) fn new(hub: SocketAddr, clock: Instant) -> Self {
        let http = Http::builder(TokioExecutor::new()).retry_canceled_requests(false).build_http();
        Self { http, hub, clock }
    }

    fn broken(&self) -> Broken {
        Broken { at: self.clock.elapsed() }
    }

    /// Publishes under the key that the content has.
    pub(crate) async fn publish(&self, publisher: usize, topic: &'static str, content: String) -> Publish {
        let mut publish = Publish { publisher, topic, content, outcome: Outcome::Unknown { at: Duration::ZERO } };
        let request = Request::post(format!("http://{}/publish/{topic}", self.hub))
            .header("idempotency-key", publish.key())
            .body(Full::from(publish.content.clone()))
            .unwrap();
        publish.outcome = match self.answer(request).await {
            Ok(answer) => Outcome::Acknowledged {
                id: answer["id"].as_str().unwrap().to_owned(),
                duplicate: answer["duplicate"].as_bool().unwrap(),
                at: self.clock.elapsed(),
            },
            Err(Broken { at }) => Outcome::Unknown { at },
        };
        publish
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Value, Broken> {
        let (head, body) = self.send(request).await?.into_parts();
        let body = timeout(PATIENCE, body.collect()).await.expect("an answer is whole");
        let body = body.map_err(|_| self.broken())?.to_bytes();
        assert_eq!(head.status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
        Ok(serde_json::from_slice(&body).unwrap())
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Broken> {
        let answer = timeout(PATIENCE, self.http.request(request)).await.expect("the hub answers");
        answer.map_err(|_| self.broken())
    }

    pub(crate) async fn subscribe(
        &self,
        selectors: &'static [&'static str],
        start: Start,
    ) -> Result<Subscription, Broken> {
        let mut path = format!("/events?topic={}", selectors.join("&topic="));
        if start == Start::Earliest {
            path.push_str("&since=earliest");
        }
        let mut request = checked(&TestClient::tcp(self.hub)).get(&path).within(PATIENCE);
        if let Start::After(id) = &start {
            request = request.last_event_id(id);
        }
        let mut stream = request.try_connect().await.map_err(|_| self.broken())?;
        stream.expect_status(200);
        let session = Session { selectors, start, items: Vec::new(), end: End::Cut };
        Ok(Subscription { stream, clock: self.clock, session })
    }
}

/// A stream that is open, and what came of it so far.
pub(crate) struct Subscription {
    stream: TestStream,
    clock: Instant,
    pub(crate) session: Session,
}

impl Subscription {
    /// Reads until this is so; false if the stream ends first.
    pub(crate) async fn until(&mut self, so: impl Fn(&[Item]) -> bool) -> bool {
        while !so(&self.session.items) {
            match self.stream.next().await {
                Some(seen) => self.session.items.extend(seen.event().map(of)),
                None => {
                    self.session.end = match self.stream.end() {
                        Some(testkit::End::Closed) => End::Closed,
                        _ => End::Broken { at: self.clock.elapsed() },
                    };
                    return false;
                }
            }
        }
        true
    }

    /// Reads through an event, which will come.
    pub(crate) async fn through(&mut self, id: &str) {
        let there = self.until(|items| items.last().is_some_and(|item| item.id() >= id)).await;
        assert!(there, "{:?} ended without {id}: {:?}", self.session.start, self.session.end);
    }
}

fn of(event: &Event) -> Item {
    let id = event.id.clone();
    match &*event.name {
        "message" => Item::Event { id, content: event.data.clone() },
        "sse-cursor" => Item::Cursor { id },
        "sse-gap" => {
            let data: Value = event.json();
            let text = |member: &str| data[member].as_str().map(ToOwned::to_owned);
            Item::Gap {
                id,
                reason: text("reason").unwrap_or_default(),
                requested: text("requested").unwrap_or_default(),
                first: text("first"),
            }
        }
        name => Item::Other { id, name: name.to_owned() },
    }
}
