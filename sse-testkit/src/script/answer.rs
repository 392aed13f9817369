//! An answer on its way from a script to its client.

use std::{error::Error, fmt};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::{mpsc, oneshot};

#[derive(Debug)]
pub(super) struct ScriptAnswer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) content: AnswerContent,
}

#[derive(Debug)]
pub(super) enum AnswerContent {
    Whole(Bytes),
    Open {
        parts: mpsc::Receiver<BodyPart>,
        /// Told when the client has taken the head.
        head: OnTaken,
    },
}

/// What the script hands to an open body.
#[derive(Debug)]
pub(super) enum BodyPart {
    Frame(Bytes, OnTaken),
    Break(BrokenOff),
}

/// Tells the script that the client has taken what was sent; dropped unused, that it never will.
pub(super) type OnTaken = oneshot::Sender<()>;

/// The connection was broken off, by a step of the script or because the script failed.
///
/// ```
/// use tower_service::Service;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let mut service = sse_testkit::script![accept, drop].service();
/// let broken = service.call(http::Request::new(())).await.unwrap_err();
/// assert_eq!(broken.to_string(), "the script broke the connection off");
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenOff {
    pub(super) reset: bool,
}

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the script broke the connection off")
    }
}

impl Error for BrokenOff {}
