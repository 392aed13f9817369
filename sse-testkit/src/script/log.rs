//! What happened while a script ran, and when.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};

use super::{
    machine::{Action, Failure, RequestHead, ScriptState, failure_text},
    plan::Planned,
};
use crate::{escape::quoted, timeline::Clock};

/// The number of entries that are kept. Beyond it the oldest are dropped.
const KEPT: usize = 10_000;

/// The number of entries that a report shows, and of requests in its JSON: the most recent ones.
const SHOWN: usize = 500;

#[derive(Debug, Clone)]
pub(super) struct RunLog {
    plan: Arc<[Planned]>,
    entries: VecDeque<LogEntry>,
    forgotten: u64,
    state: ScriptState,
    at: usize,
}

#[derive(Debug, Clone)]
struct LogEntry {
    at: Duration,
    /// The index of the step that ran.
    step: usize,
    kind: LogKind,
}

#[derive(Debug, Clone)]
enum LogKind {
    Request(RequestHead),
    /// What was done, and the header fields of an answer.
    Done(String, HeaderMap),
    Preflight(RequestHead),
    Left,
}

impl RunLog {
    pub(super) const fn new(plan: Arc<[Planned]>) -> Self {
        Self { plan, entries: VecDeque::new(), forgotten: 0, state: ScriptState::Running, at: 0 }
    }

    pub(super) fn request(&mut self, at: Duration, step: usize, head: RequestHead) {
        self.push(at, step, LogKind::Request(head));
    }

    /// Enters a preflight, which the script does not see.
    pub(super) fn preflight(&mut self, at: Duration, head: RequestHead) {
        self.push(at, self.at, LogKind::Preflight(head));
    }

    pub(super) fn left(&mut self, at: Duration) {
        self.push(at, self.at, LogKind::Left);
    }

    pub(super) fn done(&mut self, at: Duration, step: usize, action: &Action) {
        let (text, headers) = match action {
            // the request has its own entry, and the failure is shown at the end
            Action::Take | Action::Refuse(_) => return,
            Action::Head { status, headers } => (status.to_string(), headers.clone()),
            Action::Answer { status, headers, body } if body.is_empty() => (status.to_string(), headers.clone()),
            Action::Answer { status, headers, body } => {
                (format!("{status}, {} bytes: {}", body.len(), quoted(body)), headers.clone())
            }
            Action::Frame(bytes) => (format!("{} bytes: {}", bytes.len(), quoted(bytes)), HeaderMap::new()),
            Action::End => ("the answer was ended".into(), HeaderMap::new()),
            Action::Break { reset: false } => ("the connection was broken off".into(), HeaderMap::new()),
            Action::Break { reset: true } => ("the connection was reset".into(), HeaderMap::new()),
        };
        self.push(at, step, LogKind::Done(text, headers));
    }

    /// Sets the current step and state.
    pub(super) fn at(&mut self, at: usize, state: &ScriptState) {
        self.at = at;
        self.state.clone_from(state);
    }

    fn push(&mut self, at: Duration, step: usize, kind: LogKind) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        self.entries.push_back(LogEntry { at, step, kind });
    }
}

/// How far a script is, and what has happened so far. As text it is the timeline.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept, head(200), wait(1s), event("hello"), accept, status(204)].service();
/// server.client().get("/events").connect().await.expect_event("hello").await;
/// # tokio::task::yield_now().await;
/// let report = server.report();
/// assert_eq!((report.step(), report.is_finished()), (5, false));
/// assert_eq!(report.to_string(), r#"
///    0.000 s  step 1, accept: GET /events
///             accept: "text/event-stream"
///             host: "localhost"
///    0.000 s  step 2, head(200): 200 OK
///             content-type: "text/event-stream"
///             cache-control: "no-store"
///             access-control-allow-origin: "*"
///    1.000 s  step 4, event("hello"): 13 bytes: "data: hello\n\n"
///    1.000 s  step 5, accept: the answer was ended
///    1.000 s  step 5, accept: waits
/// "#.trim_start_matches('\n'));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ScriptReport {
    log: RunLog,
    now: Duration,
}

impl ScriptReport {
    pub(super) const fn new(log: RunLog, now: Duration) -> Self {
        Self { log, now }
    }

    /// The current step, with its number.
    pub(super) fn current(&self) -> String {
        Numbered(&self.log.plan, self.log.at).to_string()
    }

    /// Returns true if all steps have run, and no request came after them.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// assert!(!sse_testkit::script![accept, status(204)].service().report().is_finished());
    /// # }
    /// ```
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.log.state == ScriptState::Finished
    }

    /// The failure, if the script failed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let server = sse_testkit::script![accept.path("/events"), status(204)].service();
    /// server.client().get("/other").send().await;
    /// let failure = server.report().failure().unwrap();
    /// assert_eq!(failure.step(), Some(1));
    /// # }
    /// ```
    #[must_use]
    pub fn failure(&self) -> Option<ScriptFailure> {
        match &self.log.state {
            ScriptState::Failed(failure) => Some(ScriptFailure::new(&self.log.plan, failure)),
            _ => None,
        }
    }

    /// The number of the current or the failed step, from 1; if all steps have run, one more than there are.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// assert_eq!(sse_testkit::script![accept, status(204)].service().report().step(), 1);
    /// # }
    /// ```
    #[must_use]
    pub const fn step(&self) -> usize {
        self.log.at + 1
    }

    /// The requests that came, in order, whether the script took them or not, without preflights. If there are many,
    /// the most recent ones.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let server = sse_testkit::script![accept, status(204)].service();
    /// server.client().get("/events?topic=a").last_event_id("7").send().await;
    /// let requests = server.report().requests();
    /// assert_eq!((&*requests[0].target, &requests[0].headers["last-event-id"]), ("/events?topic=a", &"7".parse().unwrap()));
    /// # }
    /// ```
    #[must_use]
    pub fn requests(&self) -> Vec<ScriptRequest> {
        let requests = self.log.entries.iter().filter_map(|entry| match &entry.kind {
            LogKind::Request(RequestHead { method, target, headers }) => Some(ScriptRequest {
                at: entry.at,
                method: method.clone(),
                target: target.clone(),
                headers: headers.clone(),
            }),
            _ => None,
        });
        requests.collect()
    }

    /// The report as JSON, as the [`ScriptHost`](super::ScriptHost) returns it, with the last 500 requests.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let server = sse_testkit::script![accept, status(204), accept, status(204)].service();
    /// server.client().get("/events").send().await;
    /// # tokio::task::yield_now().await;
    /// assert_eq!(server.report().to_json(), serde_json::json!({
    ///     "finished": false,
    ///     "failed": null,
    ///     "step": 3,
    ///     "steps": 4,
    ///     "requests": [{ "at": 0.0, "method": "GET", "target": "/events", "headers": { "host": "localhost" } }],
    /// }));
    /// # }
    /// ```
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut requests = self.requests();
        let requests = requests.split_off(requests.len().saturating_sub(SHOWN));
        let requests: Vec<Value> = requests.iter().map(ScriptRequest::to_json).collect();
        json!({
            "finished": self.is_finished(),
            "failed": self.failure().map(|failure| failure.to_string()),
            "step": self.step(),
            "steps": self.log.plan.len(),
            "requests": requests,
        })
    }
}

impl fmt::Display for ScriptReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RunLog { plan, entries, forgotten, state, at } = &self.log;
        let skipped = entries.len().saturating_sub(SHOWN);
        let hidden = forgotten + skipped as u64;
        if hidden > 0 {
            line(f, "", format_args!("... {hidden} entries before"))?;
        }
        for entry in entries.iter().skip(skipped) {
            let step = Numbered(plan, entry.step);
            let clock = Clock(entry.at);
            match &entry.kind {
                LogKind::Request(head) => {
                    line(f, clock, format_args!("{step}: {head}"))?;
                    fields(f, &head.headers)?;
                }
                LogKind::Done(text, headers) => {
                    line(f, clock, format_args!("{step}: {text}"))?;
                    fields(f, headers)?;
                }
                LogKind::Preflight(head) => line(f, clock, format_args!("a preflight was answered: {head}"))?,
                LogKind::Left => line(f, clock, "the client left")?,
            }
        }
        let clock = Clock(self.now);
        match state {
            ScriptState::Running => line(f, clock, format_args!("{}: waits", Numbered(plan, *at))),
            ScriptState::Finished => line(f, clock, "all steps have run"),
            ScriptState::Failed(failure) => line(f, clock, failure_text(plan, failure)),
        }
    }
}

struct Numbered<'a>(&'a [Planned], usize);

impl fmt::Display for Numbered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get(self.1) {
            Some(step) => write!(f, "step {}, {}", self.1 + 1, step.written),
            None => f.write_str("after the last step"),
        }
    }
}

fn line(f: &mut fmt::Formatter<'_>, at: impl fmt::Display, what: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{:>10}  {what}", at.to_string())
}

fn fields(f: &mut fmt::Formatter<'_>, headers: &HeaderMap) -> fmt::Result {
    headers.iter().try_for_each(|(name, value)| line(f, "", format_args!("{name}: {}", quoted(value))))
}

/// A request that came to a script.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept, status(204)].service();
/// server.client().get("/events").send().await;
/// let request = &server.report().requests()[0];
/// assert_eq!((request.at.as_secs(), &request.method, &*request.target), (0, &http::Method::GET, "/events"));
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptRequest {
    /// When it came, as a time since the start of the script.
    pub at: Duration,
    /// Its method.
    pub method: Method,
    /// Its path and query.
    pub target: String,
    /// Its header fields.
    pub headers: HeaderMap,
}

impl ScriptRequest {
    fn to_json(&self) -> Value {
        let mut headers = Map::new();
        for name in self.headers.keys() {
            let values = self.headers.get_all(name).iter();
            let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
            headers.insert(name.to_string(), values.join(", ").into());
        }
        json!({
            "at": self.at.as_secs_f64(),
            "method": self.method.as_str(),
            "target": self.target,
            "headers": headers,
        })
    }
}

/// The step of a script that failed, and what happened instead.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = sse_testkit::script![accept.path("/events"), status(204)].service();
/// server.client().get("/other").send().await;
/// assert_eq!(
///     server.finished().await.unwrap_err().to_string(),
///     r#"step 1, accept.path("/events"): GET /other came: the path is "/other", not "/events""#
/// );
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptFailure {
    step: Option<usize>,
    text: String,
}

impl ScriptFailure {
    pub(super) fn new(plan: &[Planned], failure: &Failure) -> Self {
        Self { step: (failure.at < plan.len()).then_some(failure.at + 1), text: failure_text(plan, failure) }
    }

    /// The number of the step, from 1; `None` if all steps had run.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let server = sse_testkit::script![accept, status(204)].service();
    /// server.client().get("/").send().await;
    /// server.client().get("/").send().await;
    /// let failure = server.finished().await.unwrap_err();
    /// assert_eq!((failure.step(), &*failure.to_string()), (None, "after the last step: a request came: GET /"));
    /// # }
    /// ```
    #[must_use]
    pub const fn step(&self) -> Option<usize> {
        self.step
    }
}

impl fmt::Display for ScriptFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ScriptFailure {}
