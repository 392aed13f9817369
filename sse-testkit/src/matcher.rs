//! What a test expects of an event.

use std::{borrow::Cow, fmt, panic::Location};

use serde_json::Value;

use crate::{escape::quoted, seen::Event};

/// What a test expects of an event. All conditions have to hold.
///
/// Made by [`event`], [`data`], [`message`] or [`any_event`]. A plain string is the data of a `message`.
///
/// ```
/// use serde_json::json;
/// use sse_testkit::{TestClient, data, event, event_stream};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream(concat!(
/// #     "data: hello\n\n",
/// #     "event: add\ndata: 3\nid: 7\n\n",
/// #     "event: user\ndata: {\"name\": \"ann\", \"age\": 41}\n\n",
/// #     "data: bye\n\n",
/// # )));
/// # let mut stream = client.get("/").connect().await;
/// stream.expect_event("hello").await;
/// stream.expect_event(event("add").data("3").id("7")).await;
/// stream.expect_event(event("user").json(json!({"age": 41, "name": "ann"}))).await;
/// stream.expect_event(data("bye").id_with(|id| !id.is_empty())).await;
/// # }
/// ```
#[derive(Default)]
pub struct EventMatcher<'m> {
    checks: Vec<Check<'m>>,
}

enum Check<'m> {
    Name(Cow<'m, str>),
    Data(Cow<'m, str>),
    Id(Cow<'m, str>),
    Json(Value),
    JsonAt(Cow<'m, str>, Value),
    IdWith(Closure<'m, str>),
    Matching(Closure<'m, Event>),
}

/// A closure, and its place in the source, by which a failure names it.
struct Closure<'m, T: ?Sized> {
    holds: Box<dyn Fn(&T) -> bool + Send + 'm>,
    at: &'static Location<'static>,
}

/// Matches an event of this name.
///
/// ```
/// # use sse_testkit::{TestClient, event, event_stream};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream("event: add\ndata: 3\n\n"));
/// # let mut stream = client.get("/").connect().await;
/// stream.expect_event(event("add").data("3")).await;
/// # }
/// ```
pub fn event<'m>(name: impl Into<Cow<'m, str>>) -> EventMatcher<'m> {
    any_event().and(Check::Name(name.into()))
}

/// Matches an event of any name with this data.
///
/// ```
/// # use sse_testkit::{TestClient, data, event_stream};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream("event: add\ndata: 3\n\n"));
/// # let mut stream = client.get("/").connect().await;
/// stream.expect_event(data("3")).await;
/// # }
/// ```
pub fn data<'m>(data: impl Into<Cow<'m, str>>) -> EventMatcher<'m> {
    any_event().data(data)
}

/// Matches a `message` with this data: an event without a name. A plain string means the same.
///
/// ```
/// # use sse_testkit::{TestClient, event_stream, message};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream("data: hello\nid: 7\n\n"));
/// # let mut stream = client.get("/").connect().await;
/// stream.expect_event(message("hello").id("7")).await;
/// # }
/// ```
pub fn message<'m>(data: impl Into<Cow<'m, str>>) -> EventMatcher<'m> {
    event("message").data(data)
}

/// Matches any event.
///
/// ```
/// # use sse_testkit::{TestClient, any_event, event_stream};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream("data: hello\n\n"));
/// # let mut stream = client.get("/").connect().await;
/// let event = stream.expect_event(any_event()).await;
/// assert_eq!(event.data, "hello");
/// # }
/// ```
#[must_use]
pub fn any_event<'m>() -> EventMatcher<'m> {
    EventMatcher::default()
}

impl<'m> EventMatcher<'m> {
    /// The data must be this text.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("event: add\ndata: 3\n\n"));
    /// # let mut stream = client.get("/").connect().await;
    /// stream.expect_event(event("add").data("3")).await;
    /// # }
    /// ```
    #[must_use]
    pub fn data(self, data: impl Into<Cow<'m, str>>) -> Self {
        self.and(Check::Data(data.into()))
    }

    /// The last event ID must be this: the event's own, or that of an earlier event.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("event: add\ndata: 3\nid: 7\n\n"));
    /// # let mut stream = client.get("/").connect().await;
    /// stream.expect_event(event("add").id("7")).await;
    /// # }
    /// ```
    #[must_use]
    pub fn id(self, id: impl Into<Cow<'m, str>>) -> Self {
        self.and(Check::Id(id.into()))
    }

    /// The data must be JSON with this value, however it is formatted.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use sse_testkit::{TestClient, event, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("event: user\ndata: {\"name\": \"ann\", \"age\": 41}\n\n"));
    /// # let mut stream = client.get("/").connect().await;
    /// stream.expect_event(event("user").json(json!({"age": 41, "name": "ann"}))).await;
    /// # }
    /// ```
    #[must_use]
    pub fn json(self, value: impl Into<Value>) -> Self {
        self.and(Check::Json(value.into()))
    }

    /// The data must be JSON with this value at `pointer`, a [JSON Pointer](https://www.rfc-editor.org/rfc/rfc6901).
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("event: user\ndata: {\"name\": \"ann\", \"age\": 41}\n\n"));
    /// # let mut stream = client.get("/").connect().await;
    /// stream.expect_event(event("user").json_at("/name", "ann").json_at("/age", 41)).await;
    /// # }
    /// ```
    #[must_use]
    pub fn json_at(self, pointer: impl Into<Cow<'m, str>>, value: impl Into<Value>) -> Self {
        self.and(Check::JsonAt(pointer.into(), value.into()))
    }

    /// `holds` must return true for the last event ID.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, any_event, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\nid: 7\n\ndata: b\nid: 8\n\n"));
    /// # let mut stream = client.get("/").connect().await;
    /// let first = stream.expect_event("a").await;
    /// stream.expect_event(any_event().id_with(|id| id > &*first.id)).await;
    /// # }
    /// ```
    #[must_use]
    #[track_caller]
    pub fn id_with(self, holds: impl Fn(&str) -> bool + Send + 'm) -> Self {
        self.and(Check::IdWith(Closure { holds: Box::new(holds), at: Location::caller() }))
    }

    /// `holds` must return true for the event.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, any_event, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: hello\n\n"));
    /// # let mut stream = client.get("/").connect().await;
    /// stream.expect_event(any_event().matching(|event| event.data.len() == 5)).await;
    /// # }
    /// ```
    #[must_use]
    #[track_caller]
    pub fn matching(self, holds: impl Fn(&Event) -> bool + Send + 'm) -> Self {
        self.and(Check::Matching(Closure { holds: Box::new(holds), at: Location::caller() }))
    }

    fn and(mut self, check: Check<'m>) -> Self {
        self.checks.push(check);
        self
    }

    /// What is wrong with `event`, if it does not match.
    pub(crate) fn mismatch(&self, event: &Event) -> Option<String> {
        let wrong: Vec<_> = self.checks.iter().filter_map(|check| check.mismatch(event)).collect();
        if wrong.is_empty() { None } else { Some(wrong.join("; ")) }
    }
}

impl Check<'_> {
    fn mismatch(&self, event: &Event) -> Option<String> {
        match self {
            Self::Name(name) => differs("name", &event.name, name),
            Self::Data(data) => differs("data", &event.data, data),
            Self::Id(id) => differs("id", &event.id, id),
            Self::Json(expected) => match serde_json::from_str::<Value>(&event.data) {
                Err(error) => Some(format!("the data is not JSON: {error}")),
                Ok(value) if value == *expected => None,
                Ok(value) => differs_at("data", &value.to_string(), &expected.to_string()),
            },
            Self::JsonAt(pointer, expected) => {
                let value = match serde_json::from_str::<Value>(&event.data) {
                    Err(error) => return Some(format!("the data is not JSON: {error}")),
                    Ok(value) => value,
                };
                match value.pointer(pointer) {
                    Some(value) if value == expected => None,
                    Some(value) => Some(format!("{pointer} is {value}, not {expected}")),
                    None => Some(format!("the data has no {pointer}")),
                }
            }
            Self::IdWith(Closure { holds, .. }) if holds(&event.id) => None,
            Self::IdWith(Closure { at, .. }) => {
                Some(format!("the id {} is not as the closure at {at} has it", quoted(&event.id)))
            }
            Self::Matching(Closure { holds, .. }) if holds(event) => None,
            Self::Matching(Closure { at, .. }) => Some(format!("it is not as the closure at {at} has it")),
        }
    }
}

fn differs(what: &str, got: &str, expected: &str) -> Option<String> {
    if got == expected {
        return None;
    }
    differs_at(what, got, expected)
}

/// Two texts side by side; for long ones also the position of the first difference.
fn differs_at(what: &str, got: &str, expected: &str) -> Option<String> {
    let same = got.bytes().zip(expected.bytes()).take_while(|(got, expected)| got == expected).count();
    let place = if same > 40 { format!(" (from byte {same} on)") } else { String::new() };
    Some(format!("the {what} is {}, not {}{place}", quoted(got), quoted(expected)))
}

impl<'m> From<&'m str> for EventMatcher<'m> {
    fn from(data: &'m str) -> Self {
        message(data)
    }
}

impl<'m> From<&'m String> for EventMatcher<'m> {
    fn from(data: &'m String) -> Self {
        message(data)
    }
}

impl From<String> for EventMatcher<'_> {
    fn from(data: String) -> Self {
        message(data)
    }
}

/// On one line: `event "add", data "3"`.
impl fmt::Display for EventMatcher<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !matches!(self.checks.first(), Some(Check::Name(_))) {
            f.write_str("an event")?;
        }
        for (number, check) in self.checks.iter().enumerate() {
            match check {
                Check::Name(name) if number == 0 => write!(f, "event {}", quoted(&**name))?,
                Check::Name(name) => write!(f, ", name {}", quoted(&**name))?,
                Check::Data(data) => write!(f, ", data {}", quoted(&**data))?,
                Check::Id(id) => write!(f, ", id {}", quoted(&**id))?,
                Check::Json(value) => write!(f, ", json {value}")?,
                Check::JsonAt(pointer, value) => write!(f, ", json at {pointer} {value}")?,
                Check::IdWith(Closure { at, .. }) => write!(f, ", id with the closure at {at}")?,
                Check::Matching(Closure { at, .. }) => {
                    write!(f, ", matching the closure at {at}")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for EventMatcher<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventMatcher({self})")
    }
}
