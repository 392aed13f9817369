//! A scripted server to test clients with. It runs one step after another, and says which step failed and what happened
//! instead.
//!
//! ```
//! use sse_testkit::script;
//!
//! // in a test: #[tokio::test(start_paused = true)]
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let server = script![
//!     accept.path("/events"), head(200), retry(3s), event("hello").id("7"), wait(1s), drop,
//!     expect_reconnect().last_event_id("7"), status(503),
//!     expect_reconnect().last_event_id("7"), head(200), event("again"), stall,
//! ]
//! .service();
//!
//! // the client under test; here the kit's own, which reconnects when it is told to
//! let mut stream = server.client().get("/events").connect().await;
//! stream.expect_event("hello").await;
//! stream.reconnect().await;
//! # let report = server.report();
//! # assert_eq!(report.failure().unwrap().to_string(), "step 5, wait(1s): the client left");
//! # }
//! ```
//!
//! That client does not wait for the end of its stream, which [`expect_finished`](ScriptedService::expect_finished)
//! reports:
//!
//! ```text
//! expected a script that runs to its end
//!      got step 5, wait(1s): the client left
//!       at tests/client.rs:31:12
//!
//!    0.000 s  step 1, accept.path("/events"): GET /events
//!             accept: "text/event-stream"
//!             host: "localhost"
//!    0.000 s  step 2, head(200): 200 OK
//!             content-type: "text/event-stream"
//!             cache-control: "no-store"
//!             access-control-allow-origin: "*"
//!    0.000 s  step 3, retry(3s): 13 bytes: "retry: 3000\n\n"
//!    0.000 s  step 4, event("hello").id("7"): 20 bytes: "id: 7\ndata: hello\n\n"
//!    0.000 s  the client left
//!    0.000 s  step 5, wait(1s): the client left
//! ```
//!
//! # Steps
//!
//! | step | options | what it does, and when it is done |
//! |---|---|---|
//! | [`accept`] | `method`, `path`, `header`, `no_header`, `last_event_id`, `no_last_event_id`, `not_before`, `within` | Waits for a request that meets the options. An answer that is still open is ended first |
//! | [`expect_reconnect()`](expect_reconnect) | as `accept` | The same, after an earlier request |
//! | [`head(200)`](head) | `header`, `no_header` | Sends the head of an answer whose body stays open |
//! | [`event("data")`](event) | `name`, `id`, `retry` | Sends an event |
//! | [`comment("text")`](comment) | | Sends a comment |
//! | [`retry(500ms)`](retry) | | Sends the reconnection time |
//! | [`raw(b"data: x\n")`](raw) | | Sends these bytes, in one frame |
//! | [`wait(1s)`](wait) | | Lets this much time pass |
//! | [`drop`] | | Breaks the connection off: over a socket it is closed without the last chunk, in process the body fails |
//! | [`reset`] | | Breaks it off with an RST; in process the same as `drop` |
//! | [`end`] | | Ends the answer, as the protocol requires |
//! | [`stall`] | | Sends nothing more, and waits until the client leaves, without a limit |
//! | [`status(503)`](status) | `header`, `no_header`, `body` | A whole answer |
//! | [`redirect("/other")`](redirect) | `status`, `header`, `no_header`, `body` | A whole answer: 307, unless `status` says otherwise |
//! | [`expect_disconnect()`](expect_disconnect) | `within` | Waits until the client leaves |
//! | [`expect_silence(10s)`](expect_silence) | | No request comes for that long |
//!
//! A step that sends is done when the client has taken what it sent: in process when it has read the frame, over a
//! socket when the operating system has it. A script waits a minute for that, for a request and for the client to
//! leave, unless the step sets `within`; a `stall` waits without a limit. Over a socket all times are real. There the
//! connection is kept for the next request after `end`, `status` and `redirect`, but not after `drop` and `reset`.
//!
//! `use sse_testkit::script` imports both the macro and this module. Written as `script! { … }`, rustfmt leaves its
//! lines as they are. If the client under test runs on its own, wait for [`finished`](ScriptedServer::finished) at the
//! same time, such as by `tokio::select!`, so that a failed step ends the test at once.
//!
//! # What fails it
//!
//! Only what the current step waits for may happen. The script fails for good if a request comes at another step or
//! after the last one, if a request does not meet the options, if the client leaves at a step other than `stall`,
//! `expect_disconnect` and `accept`, or if a time limit expires. Then an open answer is broken off, and requests are
//! answered with 500 and the failure as text.
//!
//! There is one connection at a time. Since a client may come back before its leaving is noticed, a request is held
//! back for a second while a `stall`, an `expect_disconnect` or a step that sends is waiting. After the last step an
//! open answer is ended as by `end`, so a client that reconnects by itself would fail the script: end the script with
//! `status(204)` or `stall`, or end the client with the test.
//!
//! # Browsers
//!
//! Every answer has `access-control-allow-origin: *`, unless the step sets or omits it. A preflight is answered without
//! the script, and allows whatever the browser asks for.
//!
//! # JSON
//!
//! [`Script::from_json`] reads the same steps, for tests in a browser or in another language, from a file or through a
//! [`ScriptHost`]. A step without options is a string; so is a time.
//!
//! ```json
//! [
//!   "accept",
//!   { "accept": { "method": "GET", "path": "/events", "last_event_id": null, "headers": { "authorization": "Bearer x" }, "within": "5s" } },
//!   { "expect_reconnect": { "last_event_id": "7", "not_before": "500ms" } },
//!   { "head": 200, "headers": { "cache-control": null, "x-two": ["a", "b"] } },
//!   { "event": "hello", "name": "greeting", "id": "7", "retry": "3s" },
//!   { "comment": "busy" },
//!   { "retry": "500ms" },
//!   { "raw": "data: x\n" },
//!   { "raw_base64": "ZGF0YTogw7w=" },
//!   { "wait": "1.5s" },
//!   "drop", "end", "reset", "stall",
//!   { "status": 503, "headers": { "retry-after": "1" }, "body": "full" },
//!   { "redirect": "/other", "status": 301 },
//!   "expect_disconnect",
//!   { "expect_disconnect": { "within": "5s" } },
//!   { "expect_silence": "10s" }
//! ]
//! ```
//!
//! `null` for a header or the last event ID means that it is absent.

mod macros;

mod builders;
mod step;

mod json;
mod time;
mod written;

mod error;
mod plan;

mod machine;

mod answer;
mod log;
mod run;

mod body;
mod host;
mod serve;
mod service;
mod wire;

use std::{io, path::Path, time::Duration};

use serde_json::Value;

pub use answer::BrokenOff;
pub use body::ScriptBody;
pub use builders::{AcceptStep, AnswerStep, DisconnectStep, EventStep, HeadStep};
pub use error::ScriptError;
pub use host::ScriptHost;
pub use log::{ScriptFailure, ScriptReport, ScriptRequest};
pub use service::{ScriptedServer, ScriptedService};
pub use step::{
    Step, accept, comment, drop, end, event, expect_disconnect, expect_reconnect, expect_silence, head, raw, redirect,
    reset, retry, stall, status, wait,
};

/// The largest file with a script, in bytes.
const FILE: u64 = 16 << 20;

/// What a server does, step by step. Written with the macro [`script!`](macro@crate::script), with
/// [`then`](Self::then), or as JSON.
///
/// ```
/// use std::time::Duration;
/// use sse_testkit::script::{self, Script, accept, event, head, wait};
///
/// let mut script = Script::new().then(accept()).then(head(200));
/// for n in 0..3 {
///     script = script.then(event(n.to_string())).then(wait(Duration::from_secs(1)));
/// }
/// assert_eq!(script.then(script::drop()).steps().len(), 9);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    steps: Vec<Step>,
}

impl Script {
    /// A script without steps.
    ///
    /// ```
    /// # use sse_testkit::script::Script;
    /// assert!(Script::new().steps().is_empty());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { steps: Vec::new() }
    }

    /// Adds a step.
    ///
    /// ```
    /// use sse_testkit::script::{Script, accept, status};
    ///
    /// let script = Script::new().then(accept().path("/events")).then(status(503));
    /// assert_eq!(script.steps()[1].to_string(), "status(503)");
    /// ```
    #[must_use]
    pub fn then(mut self, step: impl Into<Step>) -> Self {
        self.steps.push(step.into());
        self
    }

    /// The steps.
    ///
    /// ```
    /// assert_eq!(sse_testkit::script![accept, status(204)].steps().len(), 2);
    /// ```
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Checks that the script can be run: that each step is allowed, and may follow the steps before it.
    ///
    /// ```
    /// let error = sse_testkit::script![accept, event("hello")].check().unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     r#"step 2, event("hello"): there is no open answer: accept and head have to come before"#
    /// );
    /// ```
    ///
    /// # Errors
    ///
    /// [`ScriptError`] with the first step that is wrong, and what is allowed there.
    pub fn check(&self) -> Result<(), ScriptError> {
        plan::plan(&self.steps).map(|_| ())
    }

    /// Starts the script in this process.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let server = sse_testkit::script![accept, head(200), event("hello"), end].service();
    /// server.client().get("/events").connect().await.expect_event("hello").await;
    /// server.expect_finished().await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If the script can't be run, with the text of [`check`](Self::check), or if there is no tokio runtime.
    #[must_use]
    #[track_caller]
    pub fn service(&self) -> ScriptedService {
        match plan::plan(&self.steps) {
            Ok(plan) => ScriptedService::start(plan),
            Err(error) => panic!("this script can't be run: {error}"),
        }
    }

    /// Starts the script on a port of 127.0.0.1 that the system chooses, over HTTP/1.1.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let server = sse_testkit::script![accept, head(200), event("hello"), drop].listen().await?;
    /// server.client().get("/events").connect().await.expect_event("hello").await;
    /// server.expect_finished().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) with the [`ScriptError`] if the script can't be run, or the error
    /// of the system if it gives no port.
    pub async fn listen(&self) -> io::Result<ScriptedServer> {
        let plan = plan::plan(&self.steps).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        ScriptedServer::start(plan).await
    }

    /// Reads a script from JSON, as the [module](self#json) describes it, and checks it.
    ///
    /// ```
    /// use sse_testkit::script::Script;
    ///
    /// let script = Script::from_json(r#"["accept", {"head": 200}, {"event": "hello", "id": "7"}, "stall"]"#)?;
    /// assert_eq!(script, sse_testkit::script![accept, head(200), event("hello").id("7"), stall]);
    ///
    /// let error = Script::from_json(r#"["accept", {"head": 200}, {"event": "hello", "nmae": "greeting"}]"#).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     r#"step 3, {"event":"hello","nmae":"greeting"}: the field "nmae" does not belong to event; allowed is name, id, retry"#
    /// );
    /// # Ok::<(), sse_testkit::script::ScriptError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ScriptError`] with the step, the field, the value and what is allowed.
    pub fn from_json(text: &str) -> Result<Self, ScriptError> {
        let script = Self { steps: json::read(text)? };
        script.check()?;
        Ok(script)
    }

    /// Reads a script from a file of at most 16 MiB.
    ///
    /// ```
    /// use sse_testkit::script::Script;
    ///
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path().join("resume.json");
    /// std::fs::write(&path, r#"["accept", {"status": 204}]"#).unwrap();
    /// assert_eq!(Script::load(&path)?, sse_testkit::script![accept, status(204)]);
    /// assert!(Script::load("nowhere.json").unwrap_err().to_string().starts_with("nowhere.json: can't be read: "));
    /// # Ok::<(), sse_testkit::script::ScriptError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the file can't be read, or as [`from_json`](Self::from_json); the error names the file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ScriptError> {
        let path = path.as_ref();
        Self::read(path).map_err(|error| error.in_file(path))
    }

    /// The script as JSON, which [`from_json`](Self::from_json) reads.
    ///
    /// ```
    /// let script = sse_testkit::script![accept, head(200), raw(b"data: x\n"), wait(1.5s), drop];
    /// assert_eq!(
    ///     script.to_json(),
    ///     serde_json::json!(["accept", { "head": 200 }, { "raw": "data: x\n" }, { "wait": "1500ms" }, "drop"])
    /// );
    /// ```
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.steps.iter().map(json::write).collect()
    }

    fn read(path: &Path) -> Result<Self, ScriptError> {
        let unread = |error: io::Error| ScriptError::io(&error);
        let len = std::fs::metadata(path).map_err(unread)?.len();
        if len > FILE {
            return Err(ScriptError::new(format!("it has {len} bytes; allowed are up to {FILE}")));
        }
        Self::from_json(&std::fs::read_to_string(path).map_err(unread)?)
    }
}

/// ```
/// use sse_testkit::script::{Script, Step, accept, status};
///
/// let script = Script::from(vec![Step::from(accept()), status(204).into()]);
/// assert_eq!(script, sse_testkit::script![accept, status(204)]);
/// ```
impl From<Vec<Step>> for Script {
    fn from(steps: Vec<Step>) -> Self {
        Self { steps }
    }
}

/// ```
/// use sse_testkit::script::{Script, Step, event};
///
/// let events: Script = (0..3).map(|n| Step::from(event(n.to_string()))).collect();
/// assert_eq!(events.steps().len(), 3);
/// ```
impl FromIterator<Step> for Script {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self { steps: steps.into_iter().collect() }
    }
}

/// ```
/// use sse_testkit::script;
///
/// let mut script = script![accept, head(200)];
/// script.extend(script![event("hello"), drop].steps().iter().cloned());
/// assert_eq!(script, script![accept, head(200), event("hello"), drop]);
/// ```
impl Extend<Step> for Script {
    fn extend<I: IntoIterator<Item = Step>>(&mut self, steps: I) {
        self.steps.extend(steps);
    }
}

/// A time in the macro, parsed at compile time.
#[doc(hidden)]
#[must_use]
pub const fn __time(written: &str) -> Duration {
    match time::parse(written) {
        Some(time) => time,
        None => panic!("a time is a number and a unit (ns, us, ms, s, m, h), such as 250ms, 1.5s or 2m, up to 8760h"),
    }
}
