//! The body of a scripted answer.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

use super::{
    answer::{AnswerContent, BodyPart, BrokenOff, OnTaken, ScriptAnswer},
    run::ScriptRun,
    wire::SocketLink,
};

/// The body of a scripted answer. The script continues when a frame has been taken from it. Dropping it means that the
/// client leaves.
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
    content: BodyContent,
    /// Keeps the script running as long as somebody reads one of its answers.
    _run: Option<Arc<ScriptRun>>,
}

#[derive(Debug)]
enum BodyContent {
    Whole(Bytes),
    Open {
        parts: mpsc::Receiver<BodyPart>,
        /// Set over a socket, where a frame counts as taken when it has been flushed.
        link: Option<Arc<SocketLink>>,
        /// The signal for the head, until the body is polled: over a socket the head is flushed after that.
        head: Option<OnTaken>,
    },
}

impl ScriptBody {
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { content: BodyContent::Whole(bytes.into()), _run: None }
    }

    /// The response to send for an `answer` of `run`.
    pub(super) fn response(answer: ScriptAnswer, run: Arc<ScriptRun>) -> http::Response<Self> {
        let ScriptAnswer { status, headers, content } = answer;
        let body = match content {
            AnswerContent::Whole(bytes) => Self::whole(bytes),
            AnswerContent::Open { parts, head } => {
                Self { content: BodyContent::Open { parts, link: None, head: Some(head) }, _run: Some(run) }
            }
        };
        let mut response = http::Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    /// Signals that the head has reached the client, in this process.
    pub(super) fn arrived(&mut self) {
        if let BodyContent::Open { head, .. } = &mut self.content
            && let Some(taken) = head.take()
        {
            let _ = taken.send(());
        }
    }

    /// Sends the answer over `socket`.
    pub(super) fn over(&mut self, socket: Arc<SocketLink>) {
        if let BodyContent::Open { link, .. } = &mut self.content {
            *link = Some(socket);
        }
    }
}

impl http_body::Body for ScriptBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let (parts, link, head) = match &mut self.content {
            BodyContent::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
            BodyContent::Whole(bytes) => return Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            BodyContent::Open { parts, link, head } => (parts, link, head),
        };
        let tell = |taken: OnTaken| match &*link {
            Some(link) => link.when_flushed(taken),
            None => {
                let _ = taken.send(());
            }
        };
        if let Some(taken) = head.take() {
            tell(taken);
        }
        match std::task::ready!(parts.poll_recv(cx)) {
            None => Poll::Ready(None),
            Some(BodyPart::Frame(bytes, taken)) => {
                tell(taken);
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Some(BodyPart::Break(broken)) => {
                if let (Some(link), true) = (link, broken.reset) {
                    link.reset();
                }
                Poll::Ready(Some(Err(broken)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.content, BodyContent::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            BodyContent::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            BodyContent::Open { .. } => SizeHint::default(),
        }
    }
}
