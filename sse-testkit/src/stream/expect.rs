//! What a test expects of a stream.

use std::{fmt, panic::Location, time::Duration};

use tokio::time::sleep_until;

use super::{TestStream, got::Got};
use crate::{
    matcher::EventMatcher,
    report::{Caller, Report},
    seen::{End, Event, Seen},
    time::later,
    timeline::Clock,
    wait::{Over, Wait},
};

/// The least tolerance for a heartbeat, early or late; for long intervals it is a tenth of the interval.
const SLACK: Duration = Duration::from_millis(100);

impl TestStream {
    /// Awaits the next item, including comments and `retry`; `None` at the end of the stream, and [`end`](Self::end)
    /// says how that came. Nothing is lost if the future is dropped before it is ready.
    ///
    /// ```
    /// # use sse_testkit::{Seen, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream(": hello\ndata: a\n\n"));
    /// # let mut stream = client.get("/events").connect().await;
    /// assert_eq!(stream.next().await, Some(Seen::Comment("hello".into())));
    /// assert_eq!(stream.next().await.unwrap().event().unwrap().data, "a");
    /// assert_eq!(stream.next().await, None);
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing comes in the time allowed.
    #[expect(clippy::should_implement_trait, reason = "an asynchronous `next`, as of a stream")]
    #[track_caller]
    pub fn next(&mut self) -> impl Future<Output = Option<Seen>> + Send {
        let caller = Location::caller();
        async move {
            let mut wait = self.wait();
            match self.pull_wanted(&mut wait, |_| true).await {
                Got::Seen(seen) => Some(seen),
                Got::End(_) => None,
                got => self.fail(caller, &"anything, or the end of the stream", &got, None),
            }
        }
    }

    /// Expects the next event to match `matcher`, and returns it. Comments, `retry` and skipped events may precede it.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream(":\ndata: hello\n\nevent: add\ndata: 3\n\n"));
    /// # let mut stream = client.get("/events").connect().await;
    /// stream.expect_event("hello").await;
    /// let added = stream.expect_event(event("add")).await;
    /// assert_eq!(added.data, "3");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If the next event does not match, or none comes in the time allowed.
    #[track_caller]
    pub fn expect_event<'m>(&mut self, matcher: impl Into<EventMatcher<'m>>) -> impl Future<Output = Event> {
        let caller = Location::caller();
        let matcher = matcher.into();
        async move {
            let mut wait = self.wait();
            let got = self.pull_wanted(&mut wait, is_no_aside).await;
            self.matched(caller, "", &matcher, &got)
        }
    }

    /// Expects the next events to match `matchers`, in this order. The time allowed is for all of them.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event, event_stream, message};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\ndata: b\n\ndata: c\n\nevent: add\ndata: 3\n\n"));
    /// # let mut stream = client.get("/events").connect().await;
    /// stream.expect_events(["a", "b"]).await;
    /// stream.expect_events([message("c"), event("add").data("3")]).await;
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
            let mut wait = self.wait();
            let count = matchers.len();
            let mut events = Vec::with_capacity(count);
            for (number, matcher) in (1..).zip(matchers) {
                let which = format!("{number} of {count}: ");
                let got = self.pull_wanted(&mut wait, is_no_aside).await;
                events.push(self.matched(caller, &which, &matcher, &got));
            }
            events
        }
    }

    /// Collects events up to and including the first for which `last` returns true. The time allowed is for all of
    /// them.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\ndata: b\n\ndata: end\n\n"));
    /// # let mut stream = client.get("/events").connect().await;
    /// let events = stream.collect_until(|event| event.data == "end").await;
    /// assert_eq!(events.len(), 3);
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If no such event comes in the time allowed.
    #[track_caller]
    pub fn collect_until(&mut self, mut last: impl FnMut(&Event) -> bool) -> impl Future<Output = Vec<Event>> {
        let caller = Location::caller();
        async move {
            let mut wait = self.wait();
            let mut events = Vec::new();
            loop {
                match self.pull_wanted(&mut wait, is_no_aside).await {
                    Got::Seen(Seen::Event(event)) => {
                        let done = last(&event);
                        events.push(event);
                        if done {
                            return events;
                        }
                    }
                    got => self.fail(caller, &"an event for which the closure holds", &got, None),
                }
            }
        }
    }

    /// Expects a comment next, and returns its text. `retry` and skipped events may precede it.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("retry: 500\n: busy\n"));
    /// # let mut stream = client.get("/events").connect().await;
    /// assert_eq!(stream.expect_comment().await, "busy");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If an event comes first, or no comment comes in the time allowed.
    #[track_caller]
    pub fn expect_comment(&mut self) -> impl Future<Output = String> + Send {
        let caller = Location::caller();
        async move {
            let mut wait = self.wait();
            match self.pull_wanted(&mut wait, |seen| !matches!(seen, Seen::Retry(_))).await {
                Got::Seen(Seen::Comment(text)) => text,
                got => self.fail(caller, &"a comment", &got, None),
            }
        }
    }

    /// Expects a `retry` next, and returns its time. Comments and skipped events may precede it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::{TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("retry: 500\n: busy\n"));
    /// # let mut stream = client.get("/events").connect().await;
    /// assert_eq!(stream.expect_retry().await, Duration::from_millis(500));
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If an event comes first, or no `retry` comes in the time allowed.
    #[track_caller]
    pub fn expect_retry(&mut self) -> impl Future<Output = Duration> + Send {
        let caller = Location::caller();
        async move {
            let mut wait = self.wait();
            match self.pull_wanted(&mut wait, |seen| !matches!(seen, Seen::Comment(_))).await {
                Got::Seen(Seen::Retry(time)) => time,
                got => self.fail(caller, &"a retry", &got, None),
            }
        }
    }

    /// Expects a heartbeat next, `every` after the last thing that was received: a comment, an event without data, or a
    /// skipped event.
    ///
    /// It may come early or late by a tenth of the interval, or by 100 ms if that is more; for the exact time see
    /// [`received_at`](Self::received_at). If the test itself starts to wait too late, the server is not blamed. A
    /// `retry` and a skipped event that comes early are skipped, and the interval starts again from there.
    ///
    /// ```
    /// use std::time::Duration;
    /// # use sse_testkit::{Body, TestClient, event_stream};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| {
    /// #     let (sender, body) = Body::channel();
    /// #     tokio::spawn(async move {
    /// #         loop {
    /// #             tokio::time::sleep(Duration::from_secs(15)).await;
    /// #             if sender.send(":\n").await.is_err() {
    /// #                 break;
    /// #             }
    /// #         }
    /// #     });
    /// #     event_stream(body)
    /// # });
    /// # let mut stream = client.get("/events").connect().await;
    /// stream.expect_heartbeat(Duration::from_secs(15)).await;
    /// stream.expect_heartbeat(Duration::from_secs(15)).await;
    /// assert_eq!(stream.received_at(), Duration::from_secs(30));
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If it comes too early or too late, or something else comes first.
    #[track_caller]
    pub fn expect_heartbeat(&mut self, every: Duration) -> impl Future<Output = Seen> + Send {
        let caller = Location::caller();
        async move {
            self.within = None;
            let slack = (every / 10).max(SLACK);
            let mut since = self.timeline.last();
            let mut wait = Wait::new(every);
            loop {
                let from_now = since.saturating_add(every).saturating_sub(self.timeline.now());
                wait.extend(from_now.saturating_add(slack));
                let got = self.pull(&mut wait).await;
                let after = self.received_at.saturating_sub(since);
                let early = after.saturating_add(slack) < every;
                let because = match &got {
                    Got::Seen(Seen::Retry(_)) => {
                        since = self.received_at;
                        continue;
                    }
                    Got::Seen(seen) if self.is_skipped(seen) && early => {
                        since = self.received_at;
                        continue;
                    }
                    Got::Seen(seen) if self.is_skipped(seen) || is_heartbeat(seen) => {
                        if !early {
                            return seen.clone();
                        }
                        Some(format!("it came {after:?} after the last thing, too early"))
                    }
                    _ => None,
                };
                let expected = format!("a heartbeat {every:?} after {}", Clock(since));
                self.fail(caller, &expected, &got, because);
            }
        }
    }

    /// Expects no event for `time`, and that the stream stays open. Comments, `retry` and skipped events may come.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::{Body, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| {
    /// #     let (sender, body) = Body::channel();
    /// #     tokio::spawn(async move {
    /// #         tokio::time::sleep(Duration::from_secs(61)).await;
    /// #         sender.send("data: late\n\n").await
    /// #     });
    /// #     event_stream(body)
    /// # });
    /// # let mut stream = client.get("/events").connect().await;
    /// stream.expect_silence(Duration::from_secs(60)).await;
    /// stream.expect_event("late").await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If an event comes, or the stream ends.
    #[track_caller]
    pub fn expect_silence(&mut self, time: Duration) -> impl Future<Output = ()> + Send {
        let caller = Location::caller();
        async move {
            self.within = None;
            let end = later(time);
            match self.pull_wanted(&mut Wait::up_to(time), is_no_aside).await {
                Got::Over(Over::Late(_)) => sleep_until(end).await,
                got => self.fail(caller, &format!("no event for {time:?}"), &got, None),
            }
        }
    }

    /// Expects that the server ends the stream, as the protocol requires, before another event. Comments, `retry` and
    /// skipped events may precede that.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: bye\n\n"));
    /// # let mut stream = client.get("/events").connect().await;
    /// stream.expect_event("bye").await;
    /// stream.expect_closed().await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If an event comes, the stream breaks off, or it does not end in the time allowed.
    #[track_caller]
    pub fn expect_closed(&mut self) -> impl Future<Output = ()> + Send {
        let caller = Location::caller();
        async move {
            let mut wait = self.wait();
            match self.pull_wanted(&mut wait, is_no_aside).await {
                Got::End(End::Closed) => {}
                got => self.fail(caller, &End::Closed, &got, None),
            }
        }
    }

    /// Expects that the answer has this status.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// let mut stream = client.get("/events").connect().await;
    /// stream.expect_status(200).expect_event("a").await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If it has another.
    #[track_caller]
    pub fn expect_status(&mut self, status: u16) -> &mut Self {
        if self.status != status {
            let got = format!("status {}", self.status);
            self.report(Location::caller(), &format!("status {status}"), &got).fail();
        }
        self
    }

    fn wait(&mut self) -> Wait {
        Wait::new(self.within.take().unwrap_or_else(|| self.call.expectation()))
    }

    /// Awaits the next item for which `wanted` returns true, or whatever ends the wait.
    async fn pull_wanted(&mut self, wait: &mut Wait, wanted: fn(&Seen) -> bool) -> Got {
        loop {
            match self.pull(wait).await {
                Got::Seen(seen) if self.is_skipped(&seen) || !wanted(&seen) => {}
                got => return got,
            }
        }
    }

    fn is_skipped(&self, seen: &Seen) -> bool {
        seen.event().is_some_and(|event| self.call.skipped.contains(&event.name))
    }

    fn matched(&self, caller: Caller, which: &str, matcher: &EventMatcher<'_>, got: &Got) -> Event {
        let because = match got {
            Got::Seen(Seen::Event(event)) => match matcher.mismatch(event) {
                None => return event.clone(),
                because => because,
            },
            _ => None,
        };
        self.fail(caller, &format!("{which}{matcher}"), got, because)
    }

    fn fail(&self, caller: Caller, expected: &dyn fmt::Display, got: &Got, because: Option<String>) -> ! {
        let here = matches!(got, Got::Seen(_));
        let because = match got {
            Got::Over(Over::Late(_)) => self.call.late_because(&self.timeline),
            _ => because,
        };
        Report { because, here, ..self.report(caller, expected, got) }.fail()
    }
}

/// Returns true if the item is neither a comment nor a `retry`, which a client's listeners don't see.
const fn is_no_aside(seen: &Seen) -> bool {
    !matches!(seen, Seen::Comment(_) | Seen::Retry(_))
}

fn is_heartbeat(seen: &Seen) -> bool {
    match seen {
        Seen::Comment(_) => true,
        Seen::Event(event) => event.data.is_empty(),
        _ => false,
    }
}
