//! How a request gets to the server and its answer back.

mod service;
mod tcp;
mod watched;

use std::{error::Error, pin::Pin};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;

use crate::body::Body;

pub(crate) use service::{InProcess, call_fn};
pub(crate) use tcp::Tcp;
pub(crate) use watched::Watched;

/// A way to a server. The body of an answer makes progress only while it is polled; dropping it ends the connection.
pub(crate) trait Transport: Send + Sync {
    /// The `host` of a request.
    fn authority(&self) -> String;

    /// Returns true if bytes take real time on their way, for which a paused clock does not wait.
    fn is_socket(&self) -> bool;

    /// The faults that the answers have, with their seed.
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

/// An error and its causes, on one line.
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
