//! A script that runs: its machine with a clock and connections.
//!
//! ```text
//!   service ── request, and where to answer ──▶ task ── head, or a whole answer ──▶ service
//!                                               task ── one frame at a time ──────▶ body
//! ```

use std::{
    future::{pending, poll_fn},
    panic::Location,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header::ACCESS_CONTROL_ALLOW_ORIGIN};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    body::{BrokenOff, Piece, ScriptBody, Taken},
    log::{Log, ScriptFailure, ScriptReport},
    machine::{Action, Happening, Head, Machine, State},
    plan::Planned,
};
use crate::time::{deadline, later};

/// How many requests wait for the script to look at them.
const REQUESTS: usize = 64;

/// The parts of a run that its handles, its answers and its task share. It stops with the last handle and answer.
#[derive(Debug)]
pub(super) struct Owner {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Asked>,
    task: AbortHandle,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug)]
struct Shared {
    start: Instant,
    /// Locked to note something or to copy it, never longer.
    log: Mutex<Log>,
    /// Whether the script is over, in either way.
    over: watch::Sender<bool>,
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request, and where its answer goes.
#[derive(Debug)]
struct Asked {
    head: Head,
    answer: Answering,
}

type Answering = oneshot::Sender<Result<Answered, BrokenOff>>;

/// An answer as it leaves the script.
#[derive(Debug)]
struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    body: Sent,
}

#[derive(Debug)]
enum Sent {
    Whole(Bytes),
    Open(mpsc::Receiver<Piece>, Taken),
}

impl Owner {
    /// Begins to run the script, on the runtime of the caller.
    pub(super) fn start(plan: Vec<Planned>) -> Arc<Self> {
        let plan: Arc<[Planned]> = plan.into();
        let (requests, asked) = mpsc::channel(REQUESTS);
        let shared = Arc::new(Shared {
            start: Instant::now(),
            log: Mutex::new(Log::new(Arc::clone(&plan))),
            over: watch::Sender::new(false),
        });
        let task = tokio::spawn(run(plan, Arc::clone(&shared), asked)).abort_handle();
        Arc::new(Self { shared, requests, task })
    }

    /// Puts a request to the script and awaits its answer.
    pub(super) async fn ask(self: Arc<Self>, head: Head) -> Result<http::Response<ScriptBody>, BrokenOff> {
        let (answer, answered) = oneshot::channel();
        // a task that is gone, with its runtime, answers nobody
        let broken = BrokenOff { reset: false };
        self.requests.send(Asked { head, answer }).await.map_err(|_| broken)?;
        let Answered { status, headers, body } = answered.await.map_err(|_| broken)??;
        let body = match body {
            Sent::Whole(bytes) => ScriptBody::whole(bytes),
            Sent::Open(pieces, taken) => ScriptBody::open(pieces, taken, self),
        };
        let mut response = http::Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }

    /// Ends the run: requests are broken off, open answers end.
    pub(super) fn stop(&self) {
        self.task.abort();
    }

    pub(super) fn preflight(&self, head: Head) {
        self.shared.log().preflight(self.shared.start.elapsed(), head);
    }

    pub(super) fn report(&self) -> ScriptReport {
        ScriptReport::new(self.shared.log().clone(), self.shared.start.elapsed())
    }

    pub(super) async fn finished(&self) -> Result<(), ScriptFailure> {
        // the sender is in `self`
        let _ = self.shared.over.subscribe().wait_for(|over| *over).await;
        self.report().failure().map_or(Ok(()), Err)
    }

    pub(super) async fn expect_finished(&self, within: Duration, caller: &'static Location<'static>) {
        let got = match timeout_at(deadline(within), self.finished()).await {
            Ok(Ok(())) => return,
            Ok(Err(failure)) => failure.to_string(),
            Err(_) => format!("{} still waits after {within:?}", self.report().current()),
        };
        let report = self.report();
        panic!("expected a script that runs to its end\n     got {got}\n      at {caller}\n\n{report}");
    }
}

/// The connection as the script has it.
enum Line {
    Idle,
    Asked(Answering),
    Open(mpsc::Sender<Piece>),
}

impl Line {
    /// The client leaves.
    async fn left(&mut self) {
        match self {
            Self::Idle => pending().await,
            Self::Asked(answer) => answer.closed().await,
            Self::Open(pieces) => pieces.closed().await,
        }
    }
}

struct Run {
    shared: Arc<Shared>,
    line: Line,
    /// The requests that the machine has been told of and has not taken; at most one after each of its turns.
    waiting: Vec<Answering>,
    /// Whether what was sent last is taken.
    taken: Option<oneshot::Receiver<()>>,
}

async fn run(plan: Arc<[Planned]>, shared: Arc<Shared>, mut asked: mpsc::Receiver<Asked>) {
    let now = || shared.start.elapsed();
    let mut run = Run { shared: Arc::clone(&shared), line: Line::Idle, waiting: Vec::new(), taken: None };
    let (mut machine, mut doings) = Machine::start(plan, now());
    loop {
        for (step, action) in doings {
            shared.log().done(now(), step, &action);
            run.perform(action);
        }
        shared.log().at(machine.at(), machine.state());
        shared.over.send_if_modified(|over| !std::mem::replace(over, *machine.state() != State::Running) && *over);
        let happening = run.next(&mut asked, machine.deadline()).await;
        match &happening {
            Some(Happening::Request(head)) => shared.log().request(now(), machine.at(), head.clone()),
            Some(Happening::Left) => shared.log().left(now()),
            Some(Happening::Taken | Happening::Time) => {}
            None => return, // nobody can ask any more
        }
        doings = happening.map(|happening| machine.handle(now(), happening)).unwrap_or_default();
    }
}

impl Run {
    /// What happens next. What the client did comes before what the clock says.
    async fn next(&mut self, asked: &mut mpsc::Receiver<Asked>, deadline: Option<Duration>) -> Option<Happening> {
        let mut timer = pin!(sleep_until(deadline.map_or_else(|| later(Duration::MAX), |at| self.shared.start + at)));
        let (taken, waiting) = (&mut self.taken, &mut self.waiting);
        let happening = {
            let mut left = pin!(self.line.left());
            poll_fn(|cx| {
                if let Some(sent) = taken
                    && let Poll::Ready(sent) = pin!(sent).poll(cx)
                {
                    *taken = None;
                    if sent.is_ok() {
                        return Poll::Ready(Some(Happening::Taken));
                    } // or else the client has left, which is told below
                }
                if left.as_mut().poll(cx).is_ready() {
                    *taken = None;
                    return Poll::Ready(Some(Happening::Left));
                }
                match asked.poll_recv(cx) {
                    Poll::Ready(Some(Asked { head, answer })) => {
                        waiting.push(answer);
                        return Poll::Ready(Some(Happening::Request(head)));
                    }
                    Poll::Ready(None) => return Poll::Ready(None),
                    Poll::Pending => {}
                }
                timer.as_mut().poll(cx).map(|()| Some(Happening::Time))
            })
            .await
        };
        if let Some(Happening::Left) = happening {
            self.line = Line::Idle;
        }
        happening
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Take if !self.waiting.is_empty() => self.line = Line::Asked(self.waiting.remove(0)),
            Action::Take => {}
            Action::Refuse(why) => {
                for answer in self.waiting.drain(..) {
                    let _ = answer.send(Ok(refusal(&why)));
                }
            }
            Action::Head { status, headers } => {
                // one frame is on its way at most, and a break after it
                let (pieces, receiver) = mpsc::channel(2);
                let (taken, sent) = oneshot::channel();
                let body = Sent::Open(receiver, taken);
                if let Line::Asked(answer) = std::mem::replace(&mut self.line, Line::Open(pieces)) {
                    let _ = answer.send(Ok(Answered { status, headers, body }));
                }
                self.taken = Some(sent);
            }
            Action::Answer { status, headers, body } => {
                if let Line::Asked(answer) = std::mem::replace(&mut self.line, Line::Idle) {
                    let _ = answer.send(Ok(Answered { status, headers, body: Sent::Whole(body) }));
                }
            }
            Action::Frame(bytes) => {
                let (taken, sent) = oneshot::channel();
                if let Line::Open(pieces) = &self.line {
                    let _ = pieces.try_send(Piece::Frame(bytes, taken));
                }
                self.taken = Some(sent);
            }
            Action::End => self.line = Line::Idle,
            Action::Break { reset } => match std::mem::replace(&mut self.line, Line::Idle) {
                Line::Idle => {}
                Line::Asked(answer) => {
                    let _ = answer.send(Err(BrokenOff { reset }));
                }
                Line::Open(pieces) => {
                    let _ = pieces.try_send(Piece::Break(BrokenOff { reset }));
                }
            },
        }
    }
}

/// The answer to a request that the script has no place for. A browser may read it.
fn refusal(why: &str) -> Answered {
    let headers = HeaderMap::from_iter([
        (http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8")),
        (ACCESS_CONTROL_ALLOW_ORIGIN, http::HeaderValue::from_static("*")),
    ]);
    let body = Sent::Whole(format!("the script failed: {why}\n").into());
    Answered { status: StatusCode::INTERNAL_SERVER_ERROR, headers, body }
}
