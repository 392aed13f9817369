//! The body of a scripted answer.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::{mpsc, oneshot};

use super::{run::Owner, wire::Link};

/// What the script hands to the body.
#[derive(Debug)]
pub(super) enum Piece {
    Frame(Bytes, Taken),
    Break(BrokenOff),
}

/// Tells the script that the client has taken what was sent. Dropped, that it never will.
pub(super) type Taken = oneshot::Sender<()>;

/// The body of a scripted answer. The script goes on when a frame has been taken from it; dropping it is the client's
/// leaving.
///
/// ```
/// use http_body_util::BodyExt;
/// use tower_service::Service;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), sse_testkit::script::BrokenOff> {
/// let mut service = sse_testkit::script![accept, head(200), event("hello")].service();
/// let answer = service.call(http::Request::new(())).await?;
/// assert_eq!(answer.into_body().collect().await?.to_bytes(), "data: hello\n\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ScriptBody {
    kind: Kind,
    /// The script runs on as long as somebody reads an answer of it.
    _owner: Option<Arc<Owner>>,
}

#[derive(Debug)]
enum Kind {
    Whole(Bytes),
    Open {
        pieces: mpsc::Receiver<Piece>,
        /// Over a socket what is yielded is taken only when it is flushed.
        link: Option<Arc<Link>>,
        /// That of the head, until the body is polled: over a socket it is flushed then.
        head: Option<Taken>,
    },
}

impl ScriptBody {
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Whole(bytes.into()), _owner: None }
    }

    pub(super) fn open(pieces: mpsc::Receiver<Piece>, head: Taken, owner: Arc<Owner>) -> Self {
        Self { kind: Kind::Open { pieces, link: None, head: Some(head) }, _owner: Some(owner) }
    }

    /// The answer has come to its client, in this process.
    pub(super) fn arrived(&mut self) {
        if let Kind::Open { head, .. } = &mut self.kind
            && let Some(taken) = head.take()
        {
            let _ = taken.send(());
        }
    }

    /// The answer goes over a socket.
    pub(super) fn over(&mut self, socket: Arc<Link>) {
        if let Kind::Open { link, .. } = &mut self.kind {
            *link = Some(socket);
        }
    }
}

impl http_body::Body for ScriptBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let (pieces, link, head) = match &mut self.kind {
            Kind::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Kind::Whole(bytes) => return Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Open { pieces, link, head } => (pieces, link, head),
        };
        let tell = |taken: Taken| match &*link {
            Some(link) => link.when_flushed(taken),
            None => {
                let _ = taken.send(());
            }
        };
        if let Some(taken) = head.take() {
            tell(taken);
        }
        match std::task::ready!(pieces.poll_recv(cx)) {
            None => Poll::Ready(None),
            Some(Piece::Frame(bytes, taken)) => {
                tell(taken);
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Some(Piece::Break(broken)) => {
                if let (Some(link), true) = (link, broken.reset) {
                    link.reset();
                }
                Poll::Ready(Some(Err(broken)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.kind, Kind::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Open { .. } => SizeHint::default(),
        }
    }
}

/// The connection was broken off by a step of the script, or because the script failed.
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
