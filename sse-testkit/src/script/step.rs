//! The steps of a script, as they are written.

use std::time::Duration;

use bytes::Bytes;

use super::builders::{AcceptStep, AnswerStep, DisconnectStep, EventStep, HeadStep};

/// One step of a [`Script`](super::Script), made by one of the [functions](super#functions) of this module. As text it
/// looks as it is written in the macro.
///
/// ```
/// use std::time::Duration;
/// use sse_testkit::script::{Step, event, wait};
///
/// let steps = [Step::from(event("hello").id("7")), wait(Duration::from_secs(1))];
/// assert_eq!(steps.map(|step| step.to_string()), [r#"event("hello").id("7")"#, "wait(1s)"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step(pub(super) StepKind);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StepKind {
    Accept(AcceptStep),
    Head(HeadStep),
    Event(EventStep),
    Comment(String),
    Retry(Duration),
    Raw(Bytes),
    Wait(Duration),
    Drop,
    End,
    Reset,
    Stall,
    Answer(AnswerStep),
    Disconnect(DisconnectStep),
    Silence(Duration),
}

macro_rules! step_from {
    ($($builder:ident $kind:ident),*) => {
        $(impl From<$builder> for Step {
            fn from(step: $builder) -> Self {
                Self(StepKind::$kind(step))
            }
        })*
    };
}

step_from!(AcceptStep Accept, HeadStep Head, EventStep Event, AnswerStep Answer, DisconnectStep Disconnect);

/// Waits for a request. Without options it takes any request, whatever its method and path.
///
/// An answer that is still open is ended first, as by [`end`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept.path("/events"), status(204)].service();
/// assert_eq!(server.client().get("/events?topic=a").send().await.status, 204);
/// server.expect_finished().await;
/// # }
/// ```
pub fn accept() -> AcceptStep {
    AcceptStep::new(false)
}

/// Waits for a request as [`accept`] does. The script must have taken a request before.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![
///     accept, head(200), event("a").id("7"), drop, expect_reconnect().last_event_id("7"), status(204)
/// ].service();
/// let mut stream = server.client().get("/").connect().await;
/// stream.expect_event("a").await;
/// stream.reconnect().await;
/// server.expect_finished().await;
/// # }
/// ```
pub fn expect_reconnect() -> AcceptStep {
    AcceptStep::new(true)
}

/// Sends the head of an answer whose body stays open. With status 200 it has the content type `text/event-stream` and
/// `cache-control: no-store`, unless the step sets them.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept, head(200).header("x-hub", "1"), end].service();
/// let stream = server.client().get("/").connect().await;
/// assert_eq!(stream.headers()["content-type"], "text/event-stream");
/// assert_eq!(stream.headers()["x-hub"], "1");
/// # }
/// ```
pub fn head(status: u16) -> HeadStep {
    HeadStep::new(status)
}

/// Sends an event in one frame.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept, head(200), event("hello").name("greeting").id("7")].service();
/// let mut stream = server.client().get("/").connect().await;
/// stream.expect_event(sse_testkit::event("greeting").data("hello").id("7")).await;
/// # }
/// ```
pub fn event(data: impl Into<String>) -> EventStep {
    EventStep::new(data.into())
}

/// Sends a comment, and the blank line after it, in one frame.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept, head(200), comment("busy")].service();
/// let mut stream = server.client().get("/").connect().await;
/// assert_eq!(stream.expect_comment().await, "busy");
/// # }
/// ```
#[must_use]
pub fn comment(text: impl Into<String>) -> Step {
    Step(StepKind::Comment(text.into()))
}

/// Sends the reconnection time, in whole milliseconds, in one frame.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept, head(200), retry(500ms)].service();
/// let mut stream = server.client().get("/").connect().await;
/// assert_eq!(stream.expect_retry().await.as_millis(), 500);
/// # }
/// ```
#[must_use]
pub const fn retry(time: Duration) -> Step {
    Step(StepKind::Retry(time))
}

/// Sends `bytes` as they are, in one frame.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept, head(200), raw(b"data: \xc3"), raw(b"\xbc\n\n")].service();
/// let mut stream = server.client().get("/").connect().await;
/// stream.expect_event("ü").await; // cut inside the character
/// # }
/// ```
#[must_use]
pub fn raw(bytes: impl AsRef<[u8]>) -> Step {
    Step(StepKind::Raw(Bytes::copy_from_slice(bytes.as_ref())))
}

/// Lets `time` pass, during which no request may come and the client may not leave.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept, head(200), wait(1s), event("late")].service();
/// let mut stream = server.client().get("/").connect().await;
/// stream.expect_event("late").await;
/// assert_eq!(stream.received_at().as_secs(), 1);
/// # }
/// ```
#[must_use]
pub const fn wait(time: Duration) -> Step {
    Step(StepKind::Wait(time))
}

/// Breaks the connection off: over a socket it is closed without the last chunk; in process the body fails or, before a
/// head, the call does.
///
/// ```
/// # use sse_testkit::End;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept, head(200), raw("data: half"), drop].service();
/// let mut stream = server.client().get("/").connect().await;
/// assert_eq!(stream.next().await, None);
/// assert_eq!(stream.end(), Some(&End::Broken("the script broke the connection off".into())));
/// # }
/// ```
#[must_use]
pub const fn drop() -> Step {
    Step(StepKind::Drop)
}

/// Ends the answer, as the protocol requires.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept, head(200), event("a"), end, expect_silence(10s)].service();
/// let mut stream = server.client().get("/").connect().await;
/// stream.expect_event("a").await;
/// stream.expect_closed().await;
/// # }
/// ```
#[must_use]
pub const fn end() -> Step {
    Step(StepKind::End)
}

/// Breaks the connection off with a reset (RST) instead of a close (FIN). In process it is the same as [`drop`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = sse_testkit::script![accept, head(200), reset].listen().await?;
/// let mut stream = server.client().get("/").connect().await;
/// assert_eq!(stream.next().await, None);
/// assert!(stream.end().unwrap().to_string().contains("reset"));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub const fn reset() -> Step {
    Step(StepKind::Reset)
}

/// Sends nothing more, and waits without a limit until the client leaves. Before a head this means that no answer
/// comes.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept, head(200), event("a"), stall].service();
/// let mut stream = server.client().get("/").connect().await;
/// stream.expect_event("a").await;
/// stream.expect_silence(std::time::Duration::from_secs(3600)).await;
/// stream.disconnect();
/// server.expect_finished().await;
/// # }
/// ```
#[must_use]
pub const fn stall() -> Step {
    Step(StepKind::Stall)
}

/// Answers the request with this status, and ends the answer.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept, status(503).header("retry-after", "1").body("full")].service();
/// let response = server.client().get("/").send().await;
/// assert_eq!((response.status.as_u16(), response.text()), (503, "full"));
/// # }
/// ```
pub fn status(status: u16) -> AnswerStep {
    AnswerStep::new(status)
}

/// Answers the request with a redirect to `location`. The status is 307 unless [another](AnswerStep::status) is set.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept, redirect("/other"), expect_reconnect().path("/other"), head(200)].service();
/// let response = server.client().get("/").send().await;
/// assert_eq!((response.status.as_u16(), &response.headers["location"]), (307, &"/other".parse().unwrap()));
/// # }
/// ```
pub fn redirect(location: impl Into<String>) -> AnswerStep {
    AnswerStep::redirect(location.into())
}

/// Waits until the client leaves, for a minute unless [another time](DisconnectStep::within) is set.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept, head(200), event("bye"), expect_disconnect().within(5s)].service();
/// let mut stream = server.client().get("/").connect().await;
/// stream.expect_event("bye").await;
/// stream.disconnect();
/// server.expect_finished().await;
/// # }
/// ```
pub const fn expect_disconnect() -> DisconnectStep {
    DisconnectStep::new()
}

/// Lets `time` pass, including its last instant, during which no request may come: the client has to stay away.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept, status(204), expect_silence(1m)].service();
/// server.client().get("/").send().await;
/// server.expect_finished_within(std::time::Duration::from_secs(61)).await;
/// # }
/// ```
#[must_use]
pub const fn expect_silence(time: Duration) -> Step {
    Step(StepKind::Silence(time))
}
