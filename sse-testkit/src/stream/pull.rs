//! Reads a stream as far as an expectation needs.

use std::time::Duration;

use http::{StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use tokio::time::timeout_at;

use super::{BodyState, TestStream, got::Got};
use crate::{
    escape::quoted,
    seen::{End, Seen},
    time::deadline,
    transport::causes,
    wait::Wait,
};

/// How much of an answer that is not an event stream is read for the report, in bytes, and for how long.
const REFUSAL: usize = 16 << 10;
const REFUSAL_TIME: Duration = Duration::from_secs(1);

impl TestStream {
    /// Awaits what comes next, whatever it is.
    pub(super) async fn pull(&mut self, wait: &mut Wait) -> Got {
        if !self.is_event_stream() {
            return self.refusal().await;
        }
        loop {
            if let Some(seen) = self.read() {
                return Got::Seen(seen);
            }
            let body = match &mut self.body {
                BodyState::Ended(end) => return Got::End(end.clone()),
                BodyState::Open(body) => body,
            };
            if let Some(over) = wait.over() {
                return Got::Over(over);
            }
            match timeout_at(wait.deadline, body.frame()).await {
                Err(_) => return Got::Over(wait.late()),
                Ok(None) => self.finish(End::Closed),
                Ok(Some(Err(error))) => self.finish(End::Broken(causes(&*error))),
                Ok(Some(Ok(frame))) => {
                    wait.frames += 1;
                    if let Some(bytes) = self.timeline.data(frame) {
                        let mut seen = Vec::new();
                        self.parser.feed(&bytes, |item| seen.push(Seen::of(item)));
                        self.timeline.frame(bytes, seen);
                    }
                }
            }
        }
    }

    /// The next item of the last frame, if there is one.
    fn read(&mut self) -> Option<Seen> {
        let seen = self.timeline.read();
        if let Some(seen) = &seen {
            self.received_at = self.timeline.last();
            if let Seen::Event(event) = seen {
                self.last_event_id.clone_from(&event.id);
            }
        }
        // an ID may come without an event
        if self.timeline.is_read() && matches!(self.body, BodyState::Open(_)) {
            self.parser.last_event_id().clone_into(&mut self.last_event_id);
        }
        seen
    }

    fn is_event_stream(&self) -> bool {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        self.status == StatusCode::OK && kind.trim().eq_ignore_ascii_case("text/event-stream")
    }

    /// Reads the beginning of an answer that is not an event stream, for the report.
    async fn refusal(&mut self) -> Got {
        let deadline = deadline(REFUSAL_TIME);
        let mut len = 0;
        while let BodyState::Open(body) = &mut self.body
            && len < REFUSAL
        {
            match timeout_at(deadline, body.frame()).await {
                Err(_) => break,
                Ok(None) => self.finish(End::Closed),
                Ok(Some(Err(error))) => self.finish(End::Broken(causes(&*error))),
                Ok(Some(Ok(frame))) => {
                    if let Some(bytes) = self.timeline.data(frame) {
                        len += bytes.len().max(1);
                        self.timeline.frame(bytes, Vec::new());
                    }
                }
            }
        }
        let kind = self.headers.get(CONTENT_TYPE).map(|kind| quoted(kind).to_string());
        let kind = kind.unwrap_or_else(|| "no content type".into());
        Got::Refusal(format!("{}, {kind}", self.status))
    }
}
