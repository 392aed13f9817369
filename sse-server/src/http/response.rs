//! Responses and their bodies.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderValue, Response, header};
use http_body::{Frame, SizeHint};
use serde::Serialize;
use sse_core::hub::names::media_type::JSON;

use super::place::Place;
use crate::{
    metrics::EndReason,
    transport::{body::EventBody, takeover::PendingBody},
};

/// The body of a response of the hub. It never fails; that of a stream ends when the hub ends the stream.
#[derive(Debug)]
pub struct ResponseBody {
    kind: Kind,
    /// The place that it takes on its connection until it is sent.
    place: Option<Place>,
}

#[derive(Debug)]
enum Kind {
    /// A complete body, until it is taken.
    Whole(Option<Bytes>),
    Events(Box<EventBody>),
    /// A body that is made in pieces, as they are taken.
    Pieces(Pieces),
    /// The body of a response to `HEAD` for a stream: nothing.
    NoEvents,
    /// The connection is taken over from hyper.
    Taken(PendingBody),
}

/// The pieces of a body. After the last one it is asked no more.
struct Pieces(Pin<Box<dyn Stream<Item = Bytes> + Send + Sync>>);

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pieces").finish_non_exhaustive()
    }
}

impl ResponseBody {
    /// A body that is made in `pieces`, none of which is empty, as they are taken.
    pub(super) fn pieces(pieces: impl Stream<Item = Bytes> + Send + Sync + 'static) -> Self {
        Kind::Pieces(Pieces(Box::pin(pieces))).into()
    }

    pub(super) const fn whole(bytes: Bytes) -> Self {
        Self { kind: Kind::Whole(Some(bytes)), place: None }
    }

    pub(super) const fn no_events() -> Self {
        Self { kind: Kind::NoEvents, place: None }
    }

    /// The complete body, unless it is a stream.
    #[cfg(feature = "warp")]
    pub(super) fn into_whole(self) -> Result<Bytes, Self> {
        match self.kind {
            Kind::Whole(bytes) => Ok(bytes.unwrap_or_default()),
            kind => Err(Self { kind, ..self }),
        }
    }
}

impl ResponseBody {
    /// Waits, while its client takes nothing, until a stream should have ended. Other bodies wait for ever.
    pub(crate) fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<EndReason> {
        match &mut self.kind {
            Kind::Events(body) => body.poll_overdue(cx),
            _ => Poll::Pending,
        }
    }

    /// Returns true if it is a stream whose last words have been given out.
    pub(crate) const fn said_farewell(&self) -> bool {
        matches!(&self.kind, Kind::Events(body) if body.said_farewell())
    }

    /// Returns true if it is a stream whose grant has ended.
    pub(crate) fn is_out_of_grant(&self) -> bool {
        matches!(&self.kind, Kind::Events(body) if body.is_out_of_grant())
    }

    /// Returns true if it is a stream.
    pub(crate) const fn is_stream(&self) -> bool {
        matches!(self.kind, Kind::Events(_) | Kind::Taken(_))
    }

    /// Keeps `place` until it is sent.
    pub(super) fn keep(&mut self, place: Option<Place>) {
        self.place = place;
    }

    /// Notes for what reason it is cut off. Returns false if it is no stream.
    pub(crate) fn ends(&mut self, reason: EndReason) -> bool {
        let Kind::Events(body) = &mut self.kind else { return false };
        body.ends(reason);
        true
    }
}

impl From<Kind> for ResponseBody {
    fn from(kind: Kind) -> Self {
        Self { kind, place: None }
    }
}

impl From<EventBody> for ResponseBody {
    fn from(body: EventBody) -> Self {
        Kind::Events(Box::new(body)).into()
    }
}

impl From<PendingBody> for ResponseBody {
    fn from(body: PendingBody) -> Self {
        Kind::Taken(body).into()
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut self.get_mut().kind {
            Kind::Whole(bytes) => Poll::Ready(bytes.take().filter(|bytes| !bytes.is_empty()).map(Ok)),
            Kind::Pieces(Pieces(pieces)) => pieces.as_mut().poll_next(cx).map(|piece| piece.map(Ok)),
            Kind::NoEvents => Poll::Ready(None),
            Kind::Events(body) => Pin::new(&mut **body).poll_next(cx),
            Kind::Taken(body) => Pin::new(body).poll_next(cx),
        };
        next.map(|next| next.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.kind, Kind::Whole(bytes) if bytes.as_ref().is_none_or(Bytes::is_empty))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            _ => SizeHint::default(),
        }
    }
}

/// A response with a content type.
pub(super) fn of_type(body: impl Into<Bytes>, content_type: &'static str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::whole(body.into()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A response in JSON.
pub(super) fn json(value: &impl Serialize) -> Response<ResponseBody> {
    of_type(serde_json::to_vec(value).unwrap_or_default(), JSON)
}
