//! Responses over HTTP/2, given to their clients as their windows take them.
//!
//! A piece of a body is taken from it only once the piece before is on its way, and is counted until it is out. While
//! the window is shut, nothing asks the body for more; so this asks it whether it should have ended, and a client that
//! takes nothing for `stream.write_stall` has its stream reset.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io::IoSlice,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use bytes::{Buf, Bytes};
use h2::{Reason, RecvStream, SendStream, server::SendResponse};
use http::{HeaderValue, Method, Request, Response, header};
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

use super::request::RequestBody;

use crate::{
    base::{clock::is_presentable, pinned::Pin as Pinning},
    http::{HubService, ResponseBody},
    hub::Hub,
    metrics::EndReason,
    server::idle::OpenRequest,
};

/// The longest time for a response that is no stream, however steadily its client takes it.
const MAX_TIME: Duration = Duration::from_secs(300);

/// Bytes on their way to a client.
#[derive(Debug, Default)]
pub(super) struct Piece {
    bytes: Bytes,
    _pin: Option<Pinning>,
    /// Shared by the pieces of a response that are not out yet.
    _queued: Arc<()>,
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.bytes.chunks_vectored(slices)
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

/// Responds to a request, which is `counted` until its client has all of the response or gives it up.
pub(super) fn respond(
    mut service: HubService,
    hub: Hub,
    request: Request<RecvStream>,
    mut respond: SendResponse<Piece>,
    counted: OpenRequest,
) -> impl Future<Output = ()> + Send {
    let head_only = request.method() == Method::HEAD;
    // In a box of its own, which goes with the request: the rest lives as long as the stream.
    let response = Box::pin(async move { service.call(request.map(RequestBody::new)).await });
    async move {
        let _counted = counted;
        let response = tokio::select! {
            Ok(response) = response => response,
            _ = poll_fn(|cx| respond.poll_reset(cx)) => return,
        };
        if let Some(mut sending) = begin(hub, respond, response, head_only) {
            sending.run().await;
        }
    }
}

/// Sends the head, and returns the body if there is one to send.
fn begin(
    hub: Hub,
    mut respond: SendResponse<Piece>,
    response: Response<ResponseBody>,
    head_only: bool,
) -> Option<Sending> {
    let (mut head, body) = response.into_parts();
    head.headers.remove(header::CONNECTION);
    if is_presentable() {
        head.headers.entry(header::DATE).or_insert_with(date);
    }
    if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
        head.headers.entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    let ended = head_only || body.is_end_stream();
    match respond.send_response(Response::from_parts(head, ()), ended) {
        Ok(stream) => (!ended).then(|| Sending::new(hub, body, stream)),
        Err(error) => {
            tracing::debug!(%error, "a response has no one to go to");
            None
        }
    }
}

fn date() -> HeaderValue {
    let date = httpdate::fmt_http_date(SystemTime::now());
    HeaderValue::try_from(date).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A response whose head is sent.
struct Sending {
    hub: Hub,
    body: ResponseBody,
    stream: SendStream<Piece>,
    queued: Arc<()>,
    /// The deadline of a response that is no stream: a stream's is its own.
    ends: Option<Instant>,
}

/// Why a response ends early.
enum Cut {
    /// The client or its connection is gone, or it has reset the stream.
    Gone,
    /// The client took nothing for too long, or too much is kept for all such clients.
    Stalled,
    /// The client has not taken all in the time that it has once its stream ends.
    Overdue(EndReason),
}

impl Sending {
    fn new(hub: Hub, body: ResponseBody, stream: SendStream<Piece>) -> Self {
        let ends = (!body.is_stream()).then(|| Instant::now() + MAX_TIME);
        Self { hub, body, stream, queued: Arc::default(), ends }
    }

    async fn run(&mut self) {
        let cut = loop {
            // what is queued is not its last words
            let had_more = !self.body.said_farewell();
            match self.next().await {
                Ok(Some(bytes)) if bytes.is_empty() => {}
                // what waits in the connection's queue was not sent in time, or this is not
                Ok(next) if had_more && self.body.is_out_of_grant() && self.is_late(next.as_ref()) => {
                    self.stream.send_reset(Reason::CANCEL);
                    return;
                }
                Ok(Some(bytes)) => {
                    let last = self.body.is_end_stream();
                    match self.send(bytes, last).await {
                        Ok(()) if last => return,
                        Ok(()) => {}
                        Err(cut) => break cut,
                    }
                }
                Ok(None) => {
                    let _ = self.stream.send_data(Piece::default(), true); // the client may be gone
                    return;
                }
                Err(cut) => break cut,
            }
        };
        let reason = match cut {
            Cut::Gone => return,
            Cut::Stalled => EndReason::lag,
            Cut::Overdue(reason) => reason,
        };
        if !self.body.ends(reason) {
            self.hub.metrics().cut_off.inc();
        }
        self.stream.send_reset(Reason::CANCEL);
    }

    /// Returns true if something of the stream would leave after the end of its grant that is not its last words.
    fn is_late(&self, next: Option<&Bytes>) -> bool {
        self.has_queued() || next.is_some() && !self.body.said_farewell()
    }

    /// Returns true if pieces that the window has taken wait for the connection.
    fn has_queued(&self) -> bool {
        Arc::strong_count(&self.queued) > 1
    }

    /// The next piece of the body; `None` at its end.
    async fn next(&mut self) -> Result<Option<Bytes>, Cut> {
        poll_fn(|cx| {
            if self.stream.poll_reset(cx).is_ready() {
                return Poll::Ready(Err(Cut::Gone));
            }
            let frame: Poll<Option<Result<Frame<Bytes>, Infallible>>> = Pin::new(&mut self.body).poll_frame(cx);
            frame.map(|frame| Ok(frame.and_then(|Ok(frame)| frame.into_data().ok())))
        })
        .await
    }

    /// Sends `bytes`, as the window takes them.
    async fn send(&mut self, mut bytes: Bytes, last: bool) -> Result<(), Cut> {
        let mut pin = Some(self.hub.pinned().pin(&bytes));
        while !bytes.is_empty() {
            self.stream.reserve_capacity(bytes.len());
            let room = self.room().await?.min(bytes.len());
            let bytes_now = bytes.split_to(room);
            // mostly there is one piece
            let pin = if bytes.is_empty() { pin.take() } else { pin.clone() };
            let piece = Piece { bytes: bytes_now, _pin: pin, _queued: self.queued.clone() };
            self.stream.send_data(piece, last && bytes.is_empty()).map_err(|_| Cut::Gone)?;
        }
        Ok(())
    }

    /// Waits until the window takes something, and returns how much.
    async fn room(&mut self) -> Result<usize, Cut> {
        if let Some(room) = poll_fn(|cx| Poll::Ready(self.poll_room(cx))).await? {
            return Ok(room);
        }
        if self.hub.pinned().is_over() {
            return Err(Cut::Stalled);
        }
        Box::pin(self.later_room()).await // few wait, and the others need no memory for it
    }

    async fn later_room(&mut self) -> Result<usize, Cut> {
        let mut stall = std::pin::pin!(sleep_until(self.stalls_at()));
        poll_fn(|cx| {
            if let Poll::Ready(reason) = self.body.poll_overdue(cx) {
                return Poll::Ready(Err(Cut::Overdue(reason)));
            }
            if let Some(room) = self.poll_room(cx)? {
                return Poll::Ready(Ok(room));
            }
            self.poll_stall(stall.as_mut(), cx).map(|()| Err(Cut::Stalled))
        })
        .await
    }

    /// How much the window takes, if it takes anything.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Result<Option<usize>, Cut> {
        if self.stream.poll_reset(cx).is_ready() {
            return Err(Cut::Gone);
        }
        while self.stream.capacity() == 0 {
            match self.stream.poll_capacity(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => return Err(Cut::Gone),
                Poll::Pending => return Ok(None),
            }
        }
        Ok(Some(self.stream.capacity()))
    }

    /// Waits for the end of a stall. What the window has taken already waits for the connection, whose socket has a timer
    /// of its own.
    fn poll_stall(&self, mut stall: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
        while stall.as_mut().poll(cx).is_ready() {
            if !self.has_queued() || self.ends.is_some_and(|ends| ends <= Instant::now()) {
                return Poll::Ready(());
            }
            stall.as_mut().reset(self.stalls_at());
        }
        Poll::Pending
    }

    /// When it is cut off if nothing more of it is taken.
    fn stalls_at(&self) -> Instant {
        let stalls_at = Instant::now() + self.hub.config().stream.write_stall;
        self.ends.map_or(stalls_at, |ends| ends.min(stalls_at))
    }
}
