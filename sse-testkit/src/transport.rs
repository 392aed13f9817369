//! How a request gets to the server and its answer back.

mod service;
mod tcp;

use std::{error::Error, pin::Pin};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;

use crate::body::Body;

pub(crate) use service::{InProcess, call_fn};
pub(crate) use tcp::Tcp;

/// A way to a server. The body of the answer makes progress only while it is polled, and its being dropped ends the
/// connection.
pub(crate) trait Transport: Send + Sync {
    /// What a request names as its `host`.
    fn authority(&self) -> String;

    /// Whether bytes take real time on their way, which a paused clock does not wait for.
    fn is_socket(&self) -> bool;

    /// What is done to the answers on purpose, with its seed.
    fn faults(&self) -> Option<String> {
        None
    }

    /// Sends a request and awaits the head of its answer.
    fn send(&self, request: http::Request<Body>) -> Answering;
}

pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;
pub(crate) type Answer = http::Response<AnswerBody>;
pub(crate) type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// An error with its causes, on one line.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
