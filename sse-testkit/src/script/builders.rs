//! Steps that have options.
//!
//! They hold what the test wrote, unchecked: [`Script::check`](super::Script::check) checks it.

use std::time::Duration;

/// A step that waits for a request: [`accept`](super::accept), [`expect_reconnect`](super::expect_reconnect).
///
/// ```
/// use sse_testkit::script;
///
/// let script = script![accept.method("GET").path("/events").header("authorization", "Bearer secret").within(5s)];
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct AcceptStep {
    /// Whether the script must have taken a request before.
    pub(super) again: bool,
    pub(super) method: Option<String>,
    pub(super) path: Option<String>,
    /// Names, each with the value that it must have, or `None` if the field must be absent.
    pub(super) headers: Vec<(String, Option<String>)>,
    pub(super) not_before: Option<Duration>,
    pub(super) within: Option<Duration>,
}

impl AcceptStep {
    pub(super) const fn new(again: bool) -> Self {
        Self { again, method: None, path: None, headers: Vec::new(), not_before: None, within: None }
    }

    /// Requires this method.
    ///
    /// ```
    /// # let script =
    /// sse_testkit::script![accept.method("POST"), status(204)];
    /// # script.check().unwrap();
    /// ```
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Requires this path. The query of the request is ignored, unless `path` has one.
    ///
    /// ```
    /// # let script =
    /// sse_testkit::script![accept.path("/events"), status(503), accept.path("/events?topic=news"), status(204)];
    /// # script.check().unwrap();
    /// ```
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Requires this header field.
    ///
    /// ```
    /// # let script =
    /// sse_testkit::script![accept.header("authorization", "Bearer secret"), status(204)];
    /// # script.check().unwrap();
    /// ```
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        put(&mut self.headers, &name.into(), Some(value.into()));
        self
    }

    /// Requires that this header field is absent.
    ///
    /// ```
    /// # let script =
    /// sse_testkit::script![accept.no_header("authorization"), status(204)];
    /// # script.check().unwrap();
    /// ```
    pub fn no_header(mut self, name: impl Into<String>) -> Self {
        put(&mut self.headers, &name.into(), None);
        self
    }

    /// Requires this `last-event-id`.
    ///
    /// ```
    /// # let script =
    /// sse_testkit::script![accept, head(200), drop, expect_reconnect().last_event_id("7"), status(204)];
    /// # script.check().unwrap();
    /// ```
    pub fn last_event_id(self, id: impl Into<String>) -> Self {
        self.header("last-event-id", id)
    }

    /// Requires that there is no `last-event-id`.
    ///
    /// ```
    /// # let script =
    /// sse_testkit::script![accept.no_last_event_id(), status(204)];
    /// # script.check().unwrap();
    /// ```
    pub fn no_last_event_id(self) -> Self {
        self.no_header("last-event-id")
    }

    /// Requires that the request does not come sooner than `time` after the end of the previous connection, or after
    /// the start of the script. A connection ends when the script ends it or breaks it off, or when the client leaves.
    ///
    /// ```
    /// # let script =
    /// sse_testkit::script![accept, head(200), retry(3s), drop, expect_reconnect().not_before(3s), status(204)];
    /// # script.check().unwrap();
    /// ```
    pub const fn not_before(mut self, time: Duration) -> Self {
        self.not_before = Some(time);
        self
    }

    /// Sets how long the step waits for the request. Default: a minute.
    ///
    /// ```
    /// # let script =
    /// sse_testkit::script![accept.within(5s), status(204)];
    /// # script.check().unwrap();
    /// ```
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }
}

/// A step that sends the head of an answer, whose body the next steps send: [`head`](super::head).
///
/// ```
/// use sse_testkit::script;
///
/// let script = script![accept, head(200).header("content-type", "text/plain"), raw("data: not for you\n\n")];
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct HeadStep {
    pub(super) status: u16,
    /// Names, each with its value, or `None` for a field that is omitted.
    pub(super) headers: Vec<(String, Option<String>)>,
}

impl HeadStep {
    pub(super) const fn new(status: u16) -> Self {
        Self { status, headers: Vec::new() }
    }

    /// Adds a header field.
    ///
    /// ```
    /// # let script =
    /// sse_testkit::script![accept, head(200).header("content-type", "TEXT/event-stream; charset=utf-8")];
    /// # script.check().unwrap();
    /// ```
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        put(&mut self.headers, &name.into(), Some(value.into()));
        self
    }

    /// Omits a header field that is sent by default: `content-type`, `cache-control`, `access-control-allow-origin`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let server = sse_testkit::script![accept, head(200).no_header("content-type")].service();
    /// let stream = server.client().get("/").connect().await;
    /// assert!(!stream.headers().contains_key("content-type"));
    /// # }
    /// ```
    pub fn no_header(mut self, name: impl Into<String>) -> Self {
        put(&mut self.headers, &name.into(), None);
        self
    }
}

/// A step that sends an event: [`event`](super::event).
///
/// ```
/// use sse_testkit::script;
///
/// let script = script![accept, head(200), event("two\nlines").name("greeting").id("7").retry(500ms)];
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct EventStep {
    pub(super) data: String,
    pub(super) name: Option<String>,
    pub(super) id: Option<String>,
    pub(super) retry: Option<Duration>,
}

impl EventStep {
    pub(super) const fn new(data: String) -> Self {
        Self { data, name: None, id: None, retry: None }
    }

    /// Sets the name of the event.
    ///
    /// ```
    /// # let script =
    /// sse_testkit::script![accept, head(200), event("3").name("add")];
    /// # script.check().unwrap();
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the ID of the event, which becomes the client's last event ID.
    ///
    /// ```
    /// # let script =
    /// sse_testkit::script![accept, head(200), event("3").id("7")];
    /// # script.check().unwrap();
    /// ```
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Adds a reconnection time, sent in whole milliseconds.
    ///
    /// ```
    /// # let script =
    /// sse_testkit::script![accept, head(200), event("3").retry(500ms)];
    /// # script.check().unwrap();
    /// ```
    pub const fn retry(mut self, time: Duration) -> Self {
        self.retry = Some(time);
        self
    }
}

/// A step that sends a whole answer: [`status`](super::status), [`redirect`](super::redirect).
///
/// ```
/// use sse_testkit::script;
///
/// let script = script![accept, redirect("/other").status(301), accept, status(503).body("full")];
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct AnswerStep {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) headers: Vec<(String, Option<String>)>,
    pub(super) body: String,
}

/// Clients keep the method, and don't remember the redirect.
pub(super) const REDIRECT: u16 = 307;

impl AnswerStep {
    pub(super) const fn new(status: u16) -> Self {
        Self { status, location: None, headers: Vec::new(), body: String::new() }
    }

    pub(super) fn redirect(location: String) -> Self {
        Self { location: Some(location), ..Self::new(REDIRECT) }
    }

    /// Sets the status.
    ///
    /// ```
    /// # let script =
    /// sse_testkit::script![accept, redirect("/other").status(301)];
    /// # script.check().unwrap();
    /// ```
    pub const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header field.
    ///
    /// ```
    /// # let script =
    /// sse_testkit::script![accept, status(503).header("retry-after", "1")];
    /// # script.check().unwrap();
    /// ```
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        put(&mut self.headers, &name.into(), Some(value.into()));
        self
    }

    /// Omits a header field that is sent by default: `access-control-allow-origin`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let server = sse_testkit::script![accept, status(200).no_header("access-control-allow-origin")].service();
    /// assert!(server.client().get("/").send().await.headers.is_empty());
    /// # }
    /// ```
    pub fn no_header(mut self, name: impl Into<String>) -> Self {
        put(&mut self.headers, &name.into(), None);
        self
    }

    /// Sets the body. Default: empty.
    ///
    /// ```
    /// # let script =
    /// sse_testkit::script![accept, status(503).body("full")];
    /// # script.check().unwrap();
    /// ```
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }
}

/// A step that waits until the client leaves: [`expect_disconnect`](super::expect_disconnect).
///
/// ```
/// use sse_testkit::script;
///
/// let script = script![accept, head(200), expect_disconnect().within(5s)];
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct DisconnectStep {
    pub(super) within: Option<Duration>,
}

impl DisconnectStep {
    pub(super) const fn new() -> Self {
        Self { within: None }
    }

    /// Sets how long the step waits. Default: a minute.
    ///
    /// ```
    /// # let script =
    /// sse_testkit::script![accept, head(200), expect_disconnect().within(5s)];
    /// # script.check().unwrap();
    /// ```
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }
}

/// Inserts a field, sorted by name: the order of different names has no meaning in HTTP, nor in JSON.
fn put(headers: &mut Vec<(String, Option<String>)>, name: &str, value: Option<String>) {
    let name = name.to_ascii_lowercase();
    let at = headers.partition_point(|(other, _)| *other <= name);
    headers.insert(at, (name, value));
}
