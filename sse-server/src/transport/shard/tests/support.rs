//! A hub in this process whose streams are carried by a shard over sockets in memory. Its clock is tokio's.

#[path = "../../../../tests/it/support.rs"]
mod shared;

use std::{
    io,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use sse_test_support::blocks::checked;
use sse_testkit::{Body, TestClient};
use tokio::sync::Notify;
use tower_service::Service;

pub(super) use shared::{metric, publish, publish_json};

use super::{
    super::{Inbox, InboxWaker, Inboxes, Message, Reader, streams::Streams},
    pipe::{Pipe, Wire},
};
use crate::{
    base::connections::OpenConnection,
    config::Config,
    http::{HubService, RouteSet},
    hub::Hub,
    transport::takeover::{TakenStream, Takeover},
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The bytes that a socket accepts while its client does not read.
const ROOM: usize = 300;

#[derive(Debug)]
struct Notified(Arc<Notify>);

impl InboxWaker for Notified {
    fn wake(&self) -> io::Result<()> {
        self.0.notify_one();
        Ok(())
    }
}

/// Streams on their way to the shard.
type TakenOver = Mutex<Vec<(TakenStream, Pipe)>>;

pub(super) fn default_hub() -> TestClient {
    hub(|_| {}).1
}

pub(super) fn hub(set: impl FnOnce(&mut Config)) -> (Hub, TestClient) {
    hub_over(ROOM, set)
}

/// A hub whose sockets accept `room` bytes while their clients don't read.
pub(super) fn hub_over(room: usize, set: impl FnOnce(&mut Config)) -> (Hub, TestClient) {
    hub_on(Wire::with_room(room), set)
}

/// A hub whose sockets and clients are as `wire` says.
pub(super) fn hub_on(wire: Wire, set: impl FnOnce(&mut Config)) -> (Hub, TestClient) {
    let mut config = Config::in_memory();
    set(&mut config);
    let hub = Hub::new(config).unwrap();
    let notify = Arc::new(Notify::new());
    let taken_over = Arc::new(TakenOver::default());
    let inboxes = Inboxes([Inbox::new(Notified(notify.clone()))].into());
    hub.attach(Arc::new(inboxes.clone()));
    tokio::spawn(run(hub.clone(), inboxes, notify.clone(), Arc::downgrade(&taken_over)));
    let service = HubService::new(hub.clone(), RouteSet::All);
    let client = TestClient::from_fn(move |mut request: Request<Body>| {
        let takeover = Takeover::default();
        request.extensions_mut().insert(takeover.clone());
        let mut service = service.clone();
        let (taken_over, notify) = (taken_over.clone(), notify.clone());
        async move {
            let (head, body) = service.call(request).await.unwrap().into_parts();
            let body: UnsyncBoxBody<Bytes, BoxError> = match takeover.take() {
                None => body.map_err(BoxError::from).boxed_unsync(),
                Some(stream) => {
                    let pipe = Pipe::new(wire, notify.clone());
                    let body = pipe.body().map_err(BoxError::from).boxed_unsync();
                    taken_over.lock().unwrap().push((stream, pipe));
                    notify.notify_one();
                    body
                }
            };
            Response::from_parts(head, body)
        }
    });
    (hub, checked(&client))
}

/// The shard's loop, as a task, while there is a client.
async fn run(hub: Hub, inboxes: Inboxes, notify: Arc<Notify>, taken_over: Weak<TakenOver>) {
    let reader = Reader { runtime: tokio::runtime::Handle::current(), inboxes: inboxes.clone(), shard: 0 };
    let mut streams = Streams::new(hub.clone(), reader);
    let mut pipes: Vec<(usize, Pipe)> = Vec::new();
    while let Some(taken_over) = taken_over.upgrade() {
        let now = hub.clock().now();
        for (index, pipe) in &pipes {
            if pipe.take_event() {
                streams.on_event(*index, true, now);
            }
        }
        let taken = std::mem::take(&mut *taken_over.lock().unwrap());
        for (stream, pipe) in taken {
            let index = streams.vacant();
            pipes.retain(|(other, _)| *other != index);
            pipes.push((index, pipe.clone()));
            streams.add(pipe, stream, true, OpenConnection::uncounted(), now);
        }
        for message in inboxes.0[0].take().unwrap_or_default() {
            match message {
                Message::Ready(group) => streams.ready(group),
                Message::Read(id, page) => streams.on_read(id, page, now),
                Message::Grant(id) => streams.on_grant(id, now),
                Message::Drain => streams.drain(now),
                Message::Add(_) | Message::Stop | Message::Panic => unreachable!("nothing sends it here"),
            }
        }
        if streams.turn(now) {
            tokio::task::yield_now().await;
            continue;
        }
        drop(taken_over);
        let due = streams
            .due()
            .map_or(Duration::from_secs(3600), |due| Duration::from_millis(due - hub.clock().now().min(due)));
        tokio::select! {
            () = notify.notified() => {}
            () = tokio::time::sleep(due) => {}
        }
    }
}
