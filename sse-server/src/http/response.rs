//! Responses and their bodies.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderValue, Response, header};
use http_body::{Frame, SizeHint};
use serde::Serialize;
use sse_core::hub::names::media_type::JSON;

use crate::transport::{body::EventBody, takeover::PendingBody};

/// The body of one of the hub's answers: it never fails, and a stream's ends when the hub ends the stream.
#[derive(Debug)]
pub struct ResponseBody(Kind);

#[derive(Debug)]
enum Kind {
    /// All of it, unless it was taken.
    Whole(Option<Bytes>),
    Events(Box<EventBody>),
    /// What a stream's would be, without any of it.
    NoEvents,
    /// The connection is taken out of the HTTP library.
    Taken(PendingBody),
}

impl ResponseBody {
    pub(super) const fn whole(bytes: Bytes) -> Self {
        Self(Kind::Whole(Some(bytes)))
    }

    pub(super) const fn no_events() -> Self {
        Self(Kind::NoEvents)
    }

    /// All of the body, if it is no stream.
    #[cfg(feature = "warp")]
    pub(super) fn into_whole(self) -> Result<Bytes, Self> {
        match self.0 {
            Kind::Whole(bytes) => Ok(bytes.unwrap_or_default()),
            other => Err(Self(other)),
        }
    }
}

impl From<EventBody> for ResponseBody {
    fn from(body: EventBody) -> Self {
        Self(Kind::Events(Box::new(body)))
    }
}

impl From<PendingBody> for ResponseBody {
    fn from(body: PendingBody) -> Self {
        Self(Kind::Taken(body))
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut self.get_mut().0 {
            Kind::Whole(bytes) => Poll::Ready(bytes.take().filter(|bytes| !bytes.is_empty()).map(Ok)),
            Kind::NoEvents => Poll::Ready(None),
            Kind::Events(body) => Pin::new(&mut **body).poll_next(cx),
            Kind::Taken(body) => Pin::new(body).poll_next(cx),
        };
        next.map(|next| next.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Kind::Whole(bytes) if bytes.as_ref().is_none_or(Bytes::is_empty))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            _ => SizeHint::default(),
        }
    }
}

/// An answer of a content type.
pub(super) fn of_type(body: impl Into<Bytes>, content_type: &'static str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::whole(body.into()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An answer in JSON.
pub(super) fn json(value: &impl Serialize) -> Response<ResponseBody> {
    of_type(serde_json::to_vec(value).unwrap_or_default(), JSON)
}
