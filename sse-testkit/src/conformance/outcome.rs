//! What a parser read, as the test reports it.

use std::{fmt, time::Duration};

use crate::{escape::clipped, seen::Event, vectors::Expected};

/// What a parser read from a stream. What the parser does not expose is left out, and not graded.
///
/// ```
/// use std::time::Duration;
/// use sse_testkit::Outcome;
///
/// let outcome = Outcome::events([("add", "3", "7"), ("message", "hello", "7")])
///     .last_event_id("8") // of the last block, which had no data
///     .retry(Some(Duration::from_millis(1500)));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    events: Vec<Event>,
    without_ids: bool,
    last_event_id: Option<String>,
    retry: Option<Option<Duration>>,
    error: Option<String>,
    not_run: Option<String>,
}

impl Outcome {
    /// The events in order, each with its name (`message` if the stream gave none), its data, and the last event ID
    /// when it was dispatched.
    ///
    /// ```
    /// # use sse_testkit::Outcome;
    /// // of the stream "event: add\ndata: 3\nid: 7\n\ndata: 4\n\n"
    /// let outcome = Outcome::events([("add", "3", "7"), ("message", "4", "7")]);
    /// ```
    #[must_use]
    pub fn events<N, D, I>(events: impl IntoIterator<Item = (N, D, I)>) -> Self
    where
        N: Into<String>,
        D: Into<String>,
        I: Into<String>,
    {
        let event = |(name, data, id): (N, D, I)| Event { name: name.into(), data: data.into(), id: id.into() };
        Self { events: events.into_iter().map(event).collect(), ..Self::default() }
    }

    /// The events of a parser that does not expose IDs, each with its name and data.
    ///
    /// ```
    /// # use sse_testkit::Outcome;
    /// // of the stream "event: add\ndata: 3\nid: 7\n\n"
    /// let outcome = Outcome::events_without_ids([("add", "3")]);
    /// ```
    #[must_use]
    pub fn events_without_ids<N, D>(events: impl IntoIterator<Item = (N, D)>) -> Self
    where
        N: Into<String>,
        D: Into<String>,
    {
        let events = events.into_iter().map(|(name, data)| (name, data, ""));
        Self { without_ids: true, ..Self::events(events) }
    }

    /// Adds the last event ID at the end of the stream, which a client would send to resume; empty if there is none.
    ///
    /// ```
    /// # use sse_testkit::Outcome;
    /// // of the stream "id: 7\n\n", which has no event
    /// let outcome = Outcome::default().last_event_id("7");
    /// ```
    #[must_use]
    pub fn last_event_id(mut self, id: impl Into<String>) -> Self {
        self.last_event_id = Some(id.into());
        self
    }

    /// Adds the reconnection time at the end of the stream; `None` if the stream set none.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::Outcome;
    /// let outcome = Outcome::default().retry(Some(Duration::from_millis(500))); // of "retry: 500\n"
    /// let none = Outcome::default().retry(None); // of "retry: soon\n"
    /// ```
    #[must_use]
    pub const fn retry(mut self, time: Option<Duration>) -> Self {
        self.retry = Some(time);
        self
    }

    /// Adds an error that the parser returned. The format knows no errors, since every sequence of bytes is an event
    /// stream. So this fails the vector, and the table shows the error.
    ///
    /// ```
    /// # use sse_testkit::Outcome;
    /// let read: Result<Vec<(String, String, String)>, std::fmt::Error> = Err(std::fmt::Error);
    /// let outcome = match read {
    ///     Ok(events) => Outcome::events(events),
    ///     Err(error) => Outcome::default().error(error),
    /// };
    /// ```
    #[must_use]
    pub fn error(mut self, error: impl fmt::Display) -> Self {
        self.error = Some(error.to_string());
        self
    }

    /// The parser can't be run on this vector, for the reason `why`. The vector counts neither as passed nor as failed.
    ///
    /// ```
    /// # use sse_testkit::{Outcome, conformance::Chunks};
    /// fn parser(chunks: &Chunks<'_>) -> Outcome {
    ///     if !chunks.last_event_id().is_empty() {
    ///         return Outcome::not_run("it can't be given a last event ID");
    ///     }
    ///     // ...
    ///     # Outcome::default()
    /// }
    /// ```
    #[must_use]
    pub fn not_run(why: impl Into<String>) -> Self {
        Self { not_run: Some(why.into()), ..Self::default() }
    }

    pub(super) fn into_not_run(self) -> Result<String, Self> {
        self.not_run.clone().ok_or(self)
    }

    /// The differences from what is expected, in words.
    pub(super) fn differences(&self, expected: &Expected) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(error) = &self.error {
            wrong.push(format!("an error: {}", crate::escape::on_one_line(error)));
        }
        let (got, wanted) = (self.events.len(), expected.events.len());
        if got != wanted {
            wrong.push(format!("{got} event{}, not {wanted}", if got == 1 { "" } else { "s" }));
        }
        for (number, (got, wanted)) in self.events.iter().zip(&expected.events).enumerate() {
            let mut differs = |what: &str, got: &str, wanted: &str| {
                if got != wanted {
                    let number = number + 1;
                    wrong.push(format!("event {number}: the {what} is {}, not {}", clipped(got), clipped(wanted)));
                }
            };
            differs("name", &got.name, &wanted.name);
            differs("data", &got.data, &wanted.data);
            if !self.without_ids {
                differs("id", &got.id, &wanted.id);
            }
        }
        if let Some(id) = self.last_event_id.as_ref().filter(|id| **id != expected.last_event_id) {
            wrong.push(format!("the last event ID is {}, not {}", clipped(id), clipped(&expected.last_event_id)));
        }
        if let Some(retry) = self.retry.filter(|retry| *retry != expected.retry) {
            wrong.push(format!("the reconnection time is {}, not {}", time(retry), time(expected.retry)));
        }
        wrong
    }
}

fn time(time: Option<Duration>) -> String {
    time.map_or_else(|| "unset".into(), |time| format!("{time:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_told() {
        let expected = Expected {
            events: vec![Event { name: "add".into(), data: "3".into(), id: "7".into() }],
            last_event_id: "7".into(),
            retry: Some(Duration::from_millis(500)),
        };
        let right = Outcome::events([("add", "3", "7")]).last_event_id("7").retry(Some(Duration::from_millis(500)));
        assert_eq!(right.differences(&expected), [""; 0]);
        let silent = Outcome::events_without_ids([("add", "3")]);
        assert_eq!(silent.differences(&expected), [""; 0]);
        let wrong =
            Outcome::events([("message", "3\n", ""), ("x", "", "")]).last_event_id("").retry(None).error("oh\nno");
        assert_eq!(
            wrong.differences(&expected),
            [
                "an error: oh no",
                "2 events, not 1",
                "event 1: the name is \"message\", not \"add\"",
                "event 1: the data is \"3\\n\", not \"3\"",
                "event 1: the id is \"\", not \"7\"",
                "the last event ID is \"\", not \"7\"",
                "the reconnection time is unset, not 500ms",
            ]
        );
    }
}
