//! The hub's own events.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::Serialize;
use sse_core::{Event, EventName};

use crate::{Gap, Position};

const CURSOR: EventName = EventName::from_static("sse-cursor");
const GAP: EventName = EventName::from_static("sse-gap");
const DRAIN: EventName = EventName::from_static("sse-drain");

/// The longest part of a client's own words that is sent back to it.
const MAX_ECHO_BYTES: usize = 256;

/// Why the hub ends a stream, as clients read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DrainReason {
    /// The hub shuts down.
    Shutdown,
    /// The stream has lasted as long as one may.
    Age,
    /// The subscriber was too slow.
    Lag,
    /// The log can't go on.
    Store,
}

/// What a stream opens with: the reconnection time, then the gap if there is one, else the cursor.
pub(crate) fn opening(retry: Duration, position: Position, told: Option<&Gap>) -> Bytes {
    let mut bytes = BytesMut::new();
    Event::builder().retry(retry).build().encode(&mut bytes);
    match told {
        Some(told) => bytes.extend_from_slice(&gap(told)),
        None => bytes.extend_from_slice(&cursor(position)),
    }
    bytes.freeze()
}

/// The position through which a subscriber has been served.
pub(crate) fn cursor(position: Position) -> Bytes {
    own(CURSOR, position, String::new())
}

/// Something that matches may have been lost.
pub(crate) fn gap(gap: &Gap) -> Bytes {
    #[derive(Serialize)]
    struct Data<'a> {
        reason: &'a str,
        requested: &'a str,
        first: Option<String>,
    }
    let most = gap.requested.len().min(MAX_ECHO_BYTES);
    let end = (0..=most).rev().find(|end| gap.requested.is_char_boundary(*end)).unwrap_or(0);
    let data = Data {
        reason: gap.reason.as_str(),
        requested: &gap.requested[..end],
        first: gap.first.map(|first| first.to_string()),
    };
    own(GAP, gap.position, json(&data))
}

/// The hub ends the stream: come back after the reconnection time.
pub(crate) fn drain(retry: Duration, position: Position, reason: DrainReason) -> Bytes {
    #[derive(Serialize)]
    struct Data {
        reason: DrainReason,
    }
    let mut bytes = BytesMut::new();
    Event::builder().retry(retry).build().encode(&mut bytes);
    bytes.extend_from_slice(&own(DRAIN, position, json(&Data { reason })));
    bytes.freeze()
}

/// The whole body for a stream that is turned away.
pub fn busy(retry: Duration) -> Bytes {
    let mut bytes = BytesMut::new();
    Event::builder().retry(retry).build().encode(&mut bytes);
    bytes.extend_from_slice(&comment("busy"));
    bytes.freeze()
}

/// A comment.
pub(crate) fn comment(text: &str) -> Bytes {
    Event::builder().comment(text).build().to_bytes()
}

fn own(name: EventName, position: Position, data: String) -> Bytes {
    Event::builder().name(name).id(position.id()).data(data).build().to_bytes()
}

fn json(data: &impl Serialize) -> String {
    serde_json::to_string(data).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Epoch, Reason};

    fn at(seq: u64) -> Position {
        Position { epoch: Epoch::new(0), seq }
    }

    #[test]
    fn a_stream_opens_with_retry_and_cursor_or_gap() {
        let retry = Duration::from_millis(2500);
        let id = "000000000000-00000000003";
        assert_eq!(opening(retry, at(3), None), format!("retry: 2500\n\nevent: sse-cursor\nid: {id}\ndata: \n\n"));
        let gap = Gap { reason: Reason::Epoch, requested: "x\"\r".into(), first: Some(at(4)), position: at(3) };
        assert_eq!(
            opening(retry, at(3), Some(&gap)),
            format!(
                "retry: 2500\n\nevent: sse-gap\nid: {id}\ndata: {{\"reason\":\"epoch\",\"requested\":\"x\\\"\\r\",\
                 \"first\":\"000000000000-00000000004\"}}\n\n"
            )
        );
    }

    #[test]
    fn what_a_client_sent_is_not_sent_back_without_end() {
        let gap = Gap { reason: Reason::Unknown, requested: "é".repeat(10_000), first: None, position: at(0) };
        assert!(super::gap(&gap).len() < 1000);
    }
}
