//! A running script: its machine with a clock and connections.
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

use http::{HeaderMap, StatusCode, header::ACCESS_CONTROL_ALLOW_ORIGIN};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    answer::{AnswerContent, BodyPart, BrokenOff, ScriptAnswer},
    log::{RunLog, ScriptFailure, ScriptReport},
    machine::{Action, Input, RequestHead, ScriptMachine, ScriptState},
    plan::Planned,
};
use crate::time::{deadline, later};

/// The number of requests that may wait for the script.
const REQUESTS: usize = 64;

/// A run, shared by its handles and its open answers. It stops when the last of them is dropped.
#[derive(Debug)]
pub(super) struct ScriptRun {
    state: Arc<RunState>,
    requests: mpsc::Sender<PendingRequest>,
    task: AbortHandle,
}

impl Drop for ScriptRun {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug)]
struct RunState {
    start: Instant,
    /// Locked only to add an entry or to copy it.
    log: Mutex<RunLog>,
    /// Whether the script has finished or failed.
    over: watch::Sender<bool>,
}

impl RunState {
    fn log(&self) -> MutexGuard<'_, RunLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request, and where its answer goes.
#[derive(Debug)]
struct PendingRequest {
    head: RequestHead,
    reply: Reply,
}

/// Where the answer to a request goes.
type Reply = oneshot::Sender<Result<ScriptAnswer, BrokenOff>>;

impl ScriptRun {
    /// Starts the script on the runtime of the caller.
    pub(super) fn start(plan: Vec<Planned>) -> Arc<Self> {
        let plan: Arc<[Planned]> = plan.into();
        let (requests, received) = mpsc::channel(REQUESTS);
        let state = Arc::new(RunState {
            start: Instant::now(),
            log: Mutex::new(RunLog::new(Arc::clone(&plan))),
            over: watch::Sender::new(false),
        });
        let task = tokio::spawn(run(plan, Arc::clone(&state), received)).abort_handle();
        Arc::new(Self { state, requests, task })
    }

    /// Passes a request to the script, and awaits the answer.
    pub(super) async fn ask(&self, head: RequestHead) -> Result<ScriptAnswer, BrokenOff> {
        let (reply, answer) = oneshot::channel();
        // a task that has ended with its runtime answers nobody
        let broken = BrokenOff { reset: false };
        self.requests.send(PendingRequest { head, reply }).await.map_err(|_| broken)?;
        answer.await.map_err(|_| broken)?
    }

    /// Ends the run. Requests are broken off, and open answers end.
    pub(super) fn stop(&self) {
        self.task.abort();
    }

    pub(super) fn preflight(&self, head: RequestHead) {
        self.state.log().preflight(self.state.start.elapsed(), head);
    }

    pub(super) fn report(&self) -> ScriptReport {
        ScriptReport::new(self.state.log().clone(), self.state.start.elapsed())
    }

    pub(super) async fn finished(&self) -> Result<(), ScriptFailure> {
        // the sender is in `self`
        let _ = self.state.over.subscribe().wait_for(|over| *over).await;
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

/// The connection as the script sees it.
enum Connection {
    Idle,
    Requested(Reply),
    Open(mpsc::Sender<BodyPart>),
}

impl Connection {
    /// Waits until the client leaves.
    async fn left(&mut self) {
        match self {
            Self::Idle => pending().await,
            Self::Requested(reply) => reply.closed().await,
            Self::Open(parts) => parts.closed().await,
        }
    }
}

struct RunTask {
    state: Arc<RunState>,
    connection: Connection,
    /// The requests that the machine knows of and has not taken: at most one after each of its turns.
    waiting: Vec<Reply>,
    /// Resolves when the client has taken what was sent last.
    taken: Option<oneshot::Receiver<()>>,
}

async fn run(plan: Arc<[Planned]>, state: Arc<RunState>, mut requests: mpsc::Receiver<PendingRequest>) {
    let now = || state.start.elapsed();
    let mut task =
        RunTask { state: Arc::clone(&state), connection: Connection::Idle, waiting: Vec::new(), taken: None };
    let (mut machine, mut actions) = ScriptMachine::start(plan, now());
    loop {
        for (step, action) in actions {
            state.log().done(now(), step, &action);
            task.perform(action);
        }
        state.log().at(machine.at(), machine.state());
        state.over.send_if_modified(|over| !std::mem::replace(over, *machine.state() != ScriptState::Running) && *over);
        let input = task.next(&mut requests, machine.deadline()).await;
        match &input {
            Some(Input::Request(head)) => state.log().request(now(), machine.at(), head.clone()),
            Some(Input::Left) => state.log().left(now()),
            Some(Input::Taken | Input::Time) => {}
            None => return, // nobody can send a request any more
        }
        actions = input.map(|input| machine.handle(now(), input)).unwrap_or_default();
    }
}

impl RunTask {
    /// Waits for the next input. What the client did takes precedence over the clock.
    async fn next(
        &mut self,
        requests: &mut mpsc::Receiver<PendingRequest>,
        deadline: Option<Duration>,
    ) -> Option<Input> {
        let mut timer = pin!(sleep_until(deadline.map_or_else(|| later(Duration::MAX), |at| self.state.start + at)));
        let (taken, waiting) = (&mut self.taken, &mut self.waiting);
        let input = {
            let mut left = pin!(self.connection.left());
            poll_fn(|cx| {
                if let Some(sent) = taken
                    && let Poll::Ready(sent) = pin!(sent).poll(cx)
                {
                    *taken = None;
                    if sent.is_ok() {
                        return Poll::Ready(Some(Input::Taken));
                    } // otherwise the client has left, which is noticed below
                }
                if left.as_mut().poll(cx).is_ready() {
                    *taken = None;
                    return Poll::Ready(Some(Input::Left));
                }
                match requests.poll_recv(cx) {
                    Poll::Ready(Some(PendingRequest { head, reply })) => {
                        waiting.push(reply);
                        return Poll::Ready(Some(Input::Request(head)));
                    }
                    Poll::Ready(None) => return Poll::Ready(None),
                    Poll::Pending => {}
                }
                timer.as_mut().poll(cx).map(|()| Some(Input::Time))
            })
            .await
        };
        if let Some(Input::Left) = input {
            self.connection = Connection::Idle;
        }
        input
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Take if !self.waiting.is_empty() => self.connection = Connection::Requested(self.waiting.remove(0)),
            Action::Take => {}
            Action::Refuse(why) => {
                for reply in self.waiting.drain(..) {
                    let _ = reply.send(Ok(refusal(&why)));
                }
            }
            Action::Head { status, headers } => {
                // at most one frame is in flight, and a break after it
                let (parts, receiver) = mpsc::channel(2);
                let (taken, sent) = oneshot::channel();
                let content = AnswerContent::Open { parts: receiver, head: taken };
                if let Connection::Requested(reply) = std::mem::replace(&mut self.connection, Connection::Open(parts)) {
                    let _ = reply.send(Ok(ScriptAnswer { status, headers, content }));
                }
                self.taken = Some(sent);
            }
            Action::Answer { status, headers, body } => {
                if let Connection::Requested(reply) = std::mem::replace(&mut self.connection, Connection::Idle) {
                    let _ = reply.send(Ok(ScriptAnswer { status, headers, content: AnswerContent::Whole(body) }));
                }
            }
            Action::Frame(bytes) => {
                let (taken, sent) = oneshot::channel();
                if let Connection::Open(parts) = &self.connection {
                    let _ = parts.try_send(BodyPart::Frame(bytes, taken));
                }
                self.taken = Some(sent);
            }
            Action::End => self.connection = Connection::Idle,
            Action::Break { reset } => match std::mem::replace(&mut self.connection, Connection::Idle) {
                Connection::Idle => {}
                Connection::Requested(reply) => {
                    let _ = reply.send(Err(BrokenOff { reset }));
                }
                Connection::Open(parts) => {
                    let _ = parts.try_send(BodyPart::Break(BrokenOff { reset }));
                }
            },
        }
    }
}

/// The answer to a request after the script has failed. A browser may read it.
fn refusal(why: &str) -> ScriptAnswer {
    let headers = HeaderMap::from_iter([
        (http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8")),
        (ACCESS_CONTROL_ALLOW_ORIGIN, http::HeaderValue::from_static("*")),
    ]);
    let content = AnswerContent::Whole(format!("the script failed: {why}\n").into());
    ScriptAnswer { status: StatusCode::INTERNAL_SERVER_ERROR, headers, content }
}
