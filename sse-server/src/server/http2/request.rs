//! Bodies of requests over HTTP/2.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::RecvStream;
use http_body::{Body, Frame};

/// The body of a request. What is read of it makes room for more.
#[derive(Debug)]
pub(super) struct RequestBody(RecvStream);

impl RequestBody {
    pub(super) const fn new(stream: RecvStream) -> Self {
        Self(stream)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let Some(bytes) = ready!(self.0.poll_data(cx)) else { return Poll::Ready(None) };
        let bytes = bytes?;
        self.0.flow_control().release_capacity(bytes.len())?;
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}
