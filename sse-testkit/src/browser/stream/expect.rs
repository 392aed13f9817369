//! What a test expects of a browser's stream.

use std::{fmt, panic::Location, time::Duration};

use tokio::time::{sleep_until, timeout_at};

use super::{
    super::event::{BrowserEvent, ReadyState},
    BrowserStream,
};
use crate::{
    call::EXPECTATION,
    matcher::EventMatcher,
    report::{Caller, Report},
    seen::Event,
    time::later,
    wait::{Over, Wait},
};

/// The number of requests after which an expectation fails: with a reconnection time of zero, endless reconnecting
/// would keep a paused clock from advancing.
const REQUESTS: u64 = 1 << 14;

/// How long an expectation waits, and for how many requests.
struct Patience {
    wait: Wait,
    /// The value of `Link::asked` at which it gives up.
    requests: u64,
}

/// What an expectation got.
enum Got {
    Fired(BrowserEvent),
    Closed,
    Over(Over),
    Restless,
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fired(event) => event.fmt(f),
            Self::Closed => f.write_str("a stream that is closed for good"),
            Self::Over(over) => over.fmt(f),
            Self::Restless => write!(f, "nothing of the kind in {REQUESTS} requests"),
        }
    }
}

impl BrowserStream {
    /// Awaits the next event for the page; `None` if the stream is closed. Nothing is lost if the future is dropped
    /// before it is ready.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient, browser::BrowserEvent, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// # let mut stream = BrowserClient::new(client).open("/events");
    /// assert_eq!(stream.next().await, Some(BrowserEvent::Open));
    /// assert!(matches!(stream.next().await, Some(BrowserEvent::Event(_))));
    /// stream.close();
    /// assert_eq!(stream.next().await, None);
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing comes in the time allowed.
    #[expect(clippy::should_implement_trait, reason = "an asynchronous `next`, as of a stream")]
    #[track_caller]
    pub fn next(&mut self) -> impl Future<Output = Option<BrowserEvent>> + Send {
        let caller = Location::caller();
        async move {
            let mut patience = self.patience();
            match self.pull(&mut patience).await {
                Got::Fired(event) => Some(event),
                Got::Closed => None,
                got => self.fail(caller, &"anything, or the end of it all", &got, None),
            }
        }
    }

    /// Expects `open` next: an answer came, and it is an event stream.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// # let mut stream = BrowserClient::new(client).open("/events");
    /// stream.expect_open().await;
    /// stream.expect_event("a").await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If it is something else, or nothing comes in the time allowed.
    #[track_caller]
    pub fn expect_open(&mut self) -> impl Future<Output = ()> + Send {
        let caller = Location::caller();
        async move {
            let mut patience = self.patience();
            match self.pull(&mut patience).await {
                Got::Fired(BrowserEvent::Open) => {}
                got => self.fail(caller, &BrowserEvent::Open, &got, None),
            }
        }
    }

    /// Expects an event that matches `matcher` next, and returns it.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient, event, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\nevent: add\ndata: 3\n\n"));
    /// # let mut stream = BrowserClient::new(client).open("/events");
    /// stream.expect_event("a").await;
    /// let added = stream.expect_event(event("add")).await;
    /// assert_eq!(added.data, "3");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If another event or an `error` comes, or nothing in the time allowed.
    #[track_caller]
    pub fn expect_event<'m>(&mut self, matcher: impl Into<EventMatcher<'m>>) -> impl Future<Output = Event> {
        let caller = Location::caller();
        let matcher = matcher.into();
        async move {
            let mut patience = self.patience();
            let got = self.pull_past_open(&mut patience).await;
            self.matched(caller, "", &matcher, &got)
        }
    }

    /// Expects events that match `matchers` next, in this order. The time allowed is for all of them.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\ndata: b\n\n"));
    /// # let mut stream = BrowserClient::new(client).open("/events");
    /// stream.expect_events(["a", "b"]).await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`expect_event`](Self::expect_event).
    #[track_caller]
    pub fn expect_events<'m, I>(&mut self, matchers: I) -> impl Future<Output = Vec<Event>>
    where
        I: IntoIterator,
        I::Item: Into<EventMatcher<'m>>,
    {
        let caller = Location::caller();
        let matchers: Vec<EventMatcher<'m>> = matchers.into_iter().map(Into::into).collect();
        async move {
            let mut patience = self.patience();
            let count = matchers.len();
            let mut events = Vec::with_capacity(count);
            for (number, matcher) in (1..).zip(matchers) {
                let which = format!("{number} of {count}: ");
                let got = self.pull_past_open(&mut patience).await;
                events.push(self.matched(caller, &which, &matcher, &got));
            }
            events
        }
    }

    /// Collects events up to and including the first for which `last` returns true, across reconnects. The time allowed
    /// is for all of them.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |request| {
    /// #     event_stream(match request.headers().get("last-event-id") {
    /// #         None => "data: a\nid: 1\n\n",
    /// #         Some(_) => "data: b\nid: 2\n\n",
    /// #     })
    /// # });
    /// # let mut stream = BrowserClient::new(client).open("/events");
    /// let events = stream.collect_until(|event| event.id == "2").await;
    /// assert_eq!(events.len(), 2);
    /// assert_eq!(stream.requests().len(), 2);
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If no such event comes in the time allowed, or the stream is closed for good before it.
    #[track_caller]
    pub fn collect_until(&mut self, mut last: impl FnMut(&Event) -> bool) -> impl Future<Output = Vec<Event>> {
        let caller = Location::caller();
        async move {
            let mut patience = self.patience();
            let mut events = Vec::new();
            loop {
                match self.pull_past_open(&mut patience).await {
                    Got::Fired(BrowserEvent::Event(event)) => {
                        let done = last(&event);
                        events.push(event);
                        if done {
                            return events;
                        }
                    }
                    Got::Fired(BrowserEvent::Error { ready_state: ReadyState::Connecting, .. }) => {}
                    got => self.fail(caller, &"an event for which the closure holds", &got, None),
                }
            }
        }
    }

    /// Expects an `error` with `CONNECTING` next: the stream is lost, and the browser will connect again. Returns the
    /// reason.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// # let mut stream = BrowserClient::new(client).open("/events");
    /// stream.expect_event("a").await;
    /// assert_eq!(stream.expect_error().await, "the stream ended");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If an event comes first, the browser gives up for good, or nothing comes in the time allowed.
    #[track_caller]
    pub fn expect_error(&mut self) -> impl Future<Output = String> + Send {
        self.expect_error_with(ReadyState::Connecting, Location::caller())
    }

    /// Expects an `error` with `CLOSED` next: the browser has given up for good. Returns the reason.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let client = TestClient::from_fn(async |_| http::Response::new("not an event stream".to_owned()));
    /// let mut stream = BrowserClient::new(client).open("/events");
    /// assert_eq!(stream.expect_closed().await, "the answer is no event stream: no content type");
    /// assert_eq!(stream.next().await, None);
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If an event comes first, the browser would connect again, or nothing comes in the time allowed.
    #[track_caller]
    pub fn expect_closed(&mut self) -> impl Future<Output = String> + Send {
        self.expect_error_with(ReadyState::Closed, Location::caller())
    }

    /// Expects neither an event nor an `error` for `time`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// # let mut stream = BrowserClient::new(client).open("/events");
    /// stream.expect_event("a").await;
    /// stream.expect_error().await;
    /// stream.expect_silence(Duration::from_secs(3)).await; // the reconnection time
    /// stream.expect_event("a").await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If one of them comes.
    #[track_caller]
    pub fn expect_silence(&mut self, time: Duration) -> impl Future<Output = ()> + Send {
        let caller = Location::caller();
        async move {
            self.within = None;
            let end = later(time);
            let mut patience = self.patience_of(Wait::up_to(time));
            match self.pull_past_open(&mut patience).await {
                Got::Over(Over::Late(_)) | Got::Closed => sleep_until(end).await,
                got => self.fail(caller, &format!("neither event nor error for {time:?}"), &got, None),
            }
        }
    }

    async fn expect_error_with(&mut self, expected: ReadyState, caller: Caller) -> String {
        let mut patience = self.patience();
        match self.pull_past_open(&mut patience).await {
            Got::Fired(BrowserEvent::Error { ready_state, why }) if ready_state == expected => why,
            got => self.fail(caller, &format!("error, {expected}"), &got, None),
        }
    }

    fn patience(&mut self) -> Patience {
        let usual = EXPECTATION.saturating_add(self.link.reconnection_time());
        let allowed = self.within.take().or(self.link.call.within).unwrap_or(usual);
        self.patience_of(Wait::new(allowed))
    }

    const fn patience_of(&self, wait: Wait) -> Patience {
        Patience { wait, requests: self.link.asked + REQUESTS }
    }

    async fn pull_past_open(&mut self, patience: &mut Patience) -> Got {
        loop {
            match self.pull(patience).await {
                Got::Fired(BrowserEvent::Open) => {}
                got => return got,
            }
        }
    }

    async fn pull(&mut self, patience: &mut Patience) -> Got {
        loop {
            if let Some(event) = self.take_fired() {
                return Got::Fired(event);
            }
            if self.link.is_closed() {
                return Got::Closed;
            }
            if self.link.asked >= patience.requests {
                return Got::Restless;
            }
            if let Some(over) = patience.wait.over() {
                return Got::Over(over);
            }
            match timeout_at(patience.wait.deadline, self.link.step()).await {
                Err(_) => return Got::Over(patience.wait.late()),
                Ok(()) => patience.wait.frames += 1,
            }
        }
    }

    fn matched(&self, caller: Caller, which: &str, matcher: &EventMatcher<'_>, got: &Got) -> Event {
        let because = match got {
            Got::Fired(BrowserEvent::Event(event)) => match matcher.mismatch(event) {
                None => return event.clone(),
                because => because,
            },
            _ => None,
        };
        self.fail(caller, &format!("{which}{matcher}"), got, because)
    }

    fn fail(&self, caller: Caller, expected: &dyn fmt::Display, got: &Got, because: Option<String>) -> ! {
        let because = match got {
            Got::Over(Over::Late(_)) => self.link.call.late_because(&self.link.timeline),
            _ => because,
        };
        let here = matches!(got, Got::Fired(BrowserEvent::Event(_)));
        Report { expected, got, because, caller, timeline: &self.link.timeline, here }.fail()
    }
}
