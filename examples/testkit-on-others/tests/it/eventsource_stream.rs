//! The parser `eventsource-stream`, graded by every vector under every cut.

use std::convert::Infallible;

use eventsource_stream::EventStream;
use futures_util::{FutureExt, StreamExt, stream};
use sse_testkit::{Outcome, conformance, conformance::Chunks};

fn parser(chunks: &Chunks<'_>) -> Outcome {
    let pieces: Vec<_> = chunks.into_iter().map(|chunk| Ok::<_, Infallible>(chunk.to_vec())).collect();
    let mut parser = EventStream::new(stream::iter(pieces));
    parser.set_last_event_id(chunks.last_event_id());
    let mut read = Vec::new();
    let mut error = None;
    while let Some(event) = parser.next().now_or_never().expect("all pieces are there") {
        match event {
            Ok(event) => read.push(event),
            Err(reason) => error = Some(reason),
        }
    }
    // it tells a reconnection time only with an event
    let retry = read.iter().rev().find_map(|event| event.retry);
    let outcome = Outcome::events(read.into_iter().map(|event| (event.event, event.data, event.id)))
        .last_event_id(parser.last_event_id())
        .retry(retry);
    match error {
        Some(error) => outcome.error(error),
        None => outcome,
    }
}

conformance!(fn known_failures_of_eventsource_stream, parser, fails: [
    // A byte order mark is taken for one byte, where it has three: the parser panics.
    "wpt-bom-once",
    "wpt-bom-double",
    "ld-bom-then-comment",
    "bom-then-blank-line",
    // A CR at the end of the input waits for an LF that need not come: the event before it comes with the next one, or
    // never.
    "wpt-newlines-cr-at-eof",
    "ld-linefeeds-cr-whole",
    "chunk-cr-cr-split",
    "eof-cr-cr-dispatches",
    "eof-lf-cr-dispatches",
    "id-committed-by-lone-cr-at-eof",
    "id-with-cr-terminator",
    // An ID in a block without data is forgotten.
    "id-only-block-updates",
    "seed-replaced",
    // The last event ID of an earlier connection is not given to the events of this one, and lost with the first.
    "seed-persists-over-reconnect",
    // What is not UTF-8 should be U+FFFD. Here nothing after it is read any more, and at the end of the stream there is an
    // error.
    "bom-partial-then-field",
    "bom-one-byte-then-lf",
    "bom-utf16-le-is-not-bom",
    "utf8-invalid-ff",
    "utf8-invalid-then-continues",
    "utf8-truncated-before-lf",
    "utf8-truncated-before-lf-split",
    "utf8-overlong",
    "utf8-surrogate",
    "utf8-invalid-in-event",
    "utf8-invalid-field-name-ignored",
    "utf8-invalid-in-comment",
    "utf8-lead-byte-eats-no-newline",
]);
