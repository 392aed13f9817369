//! A stream of bytes with faults.

use std::{
    error::Error,
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use http_body::Frame;
use http_body_util::{BodyDataStream, StreamBody};
use tokio::time::{Sleep, sleep};

use super::{
    Credits, Faults,
    machine::{FaultMachine, Next},
};

impl Faults {
    /// The stream `source` with these faults.
    ///
    /// ```
    /// use futures_util::{StreamExt, stream};
    /// use sse_testkit::Faults;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let source = stream::iter(["data: hello\n\n"]).map(|chunk| Ok::<_, std::io::Error>(chunk.into()));
    /// let chunks: Vec<_> = Faults::none().cut_every(8).stream(source).map(Result::unwrap).collect().await;
    /// assert_eq!(chunks, ["data: he", "llo\n\n"]);
    /// # }
    /// ```
    pub fn stream<S, E>(&self, source: S) -> Faulty<S>
    where
        S: Stream<Item = Result<Bytes, E>>,
    {
        Faulty {
            source: Box::pin(source),
            machine: FaultMachine::new(self),
            idle: false,
            delay: self.delay,
            chunk: Bytes::new(),
            waiting: None,
            credit: self.credits.clone().map(|credits| (credits, None)),
            over: false,
        }
    }

    /// The body `body` with these faults. Trailers are dropped.
    ///
    /// ```
    /// use http_body_util::BodyExt;
    /// use sse_testkit::{Body, Faults};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut body = Faults::none().drop_after(4).body(Body::from("data: hello\n\n"));
    /// assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "data");
    /// assert!(body.frame().await.is_none());
    /// # }
    /// ```
    pub fn body<B>(&self, body: B) -> impl http_body::Body<Data = Bytes, Error = FaultyError<B::Error>> + use<B>
    where
        B: http_body::Body<Data = Bytes>,
    {
        StreamBody::new(self.stream(BodyDataStream::new(body)).map_ok(Frame::data))
    }
}

/// A stream of bytes with faults, made by [`Faults::stream`]. It ends where the plan says, and fails with
/// [`FaultyError::Reset`] where the plan breaks it off.
pub struct Faulty<S> {
    source: Pin<Box<S>>,
    machine: FaultMachine,
    /// Whether the source was pending when it was last polled.
    idle: bool,
    delay: Duration,
    /// The chunk that goes out next, after its delay and as far as there is credit.
    chunk: Bytes,
    waiting: Option<Pin<Box<Sleep>>>,
    credit: Option<Credit>,
    /// Whether the end has been reported.
    over: bool,
}

/// The account, and the wait for more credit.
type Credit = (Credits, Option<Granting>);
type Granting = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<S> fmt::Debug for Faulty<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("machine", &self.machine).finish_non_exhaustive()
    }
}

impl<S, E> Stream for Faulty<S>
where
    S: Stream<Item = Result<Bytes, E>>,
{
    type Item = Result<Bytes, FaultyError<E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while !this.over {
            if let Some(waiting) = &mut this.waiting {
                ready!(waiting.as_mut().poll(cx));
                this.waiting = None;
            }
            if !this.chunk.is_empty() {
                return this.poll_pass(cx).map(|chunk| Some(Ok(chunk)));
            }
            match this.machine.next(mem::take(&mut this.idle)) {
                Next::Chunk(chunk) => {
                    this.chunk = chunk;
                    this.waiting = (!this.delay.is_zero()).then(|| Box::pin(sleep(this.delay)));
                }
                Next::Wait => match this.source.as_mut().poll_next(cx) {
                    Poll::Ready(Some(Ok(chunk))) => this.machine.feed(chunk),
                    Poll::Ready(Some(Err(error))) => {
                        this.over = true;
                        return Poll::Ready(Some(Err(FaultyError::Source(error))));
                    }
                    Poll::Ready(None) => this.machine.end(),
                    Poll::Pending if this.machine.holds_back() => this.idle = true,
                    Poll::Pending => return Poll::Pending,
                },
                Next::Stall => return Poll::Pending, // for ever
                Next::End => this.over = true,
                Next::Reset => {
                    this.over = true;
                    return Poll::Ready(Some(Err(FaultyError::Reset)));
                }
            }
        }
        Poll::Ready(None)
    }
}

impl<S> Faulty<S> {
    /// Polls for as much of the chunk as there is credit for.
    fn poll_pass(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let Some((credits, granting)) = &mut self.credit else {
            return Poll::Ready(mem::take(&mut self.chunk));
        };
        loop {
            if let Some(wait) = granting {
                ready!(wait.as_mut().poll(cx));
                *granting = None;
            }
            match credits.take(self.chunk.len()) {
                0 => *granting = Some(Box::pin(credits.clone().some())),
                passed => return Poll::Ready(self.chunk.split_to(passed)),
            }
        }
    }
}

/// Why a stream with faults broke off.
///
/// ```
/// # use sse_testkit::faults::FaultyError;
/// assert_eq!(FaultyError::<std::io::Error>::Reset.to_string(), "reset, as the faults have it");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultyError<E> {
    /// The plan breaks the stream off here.
    Reset,
    /// The source failed itself.
    Source(E),
}

impl<E: fmt::Display> fmt::Display for FaultyError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset => f.write_str("reset, as the faults have it"),
            Self::Source(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for FaultyError<E> {}
