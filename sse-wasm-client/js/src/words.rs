//! The strings by which JavaScript knows states and reasons. They are part of the package's interface, which
//! `index.d.ts` declares.

use sse_wasm_client::{CloseReason, ConnectError, Limit, State};

/// For reasons that this version doesn't know.
const OTHER: &str = "other";

pub(crate) fn state(state: State) -> &'static str {
    match state {
        State::Connecting => "connecting",
        State::Open => "open",
        State::Waiting { .. } => "waiting",
        State::Paused => "paused",
        State::Closed { .. } => "closed",
        _ => OTHER,
    }
}

pub(crate) fn close_reason(why: CloseReason) -> &'static str {
    match why {
        CloseReason::ByApplication => "application",
        CloseReason::GaveUp => "gave-up",
        CloseReason::Ended => "ended",
        CloseReason::Status(_) => "status",
        CloseReason::NotAnEventStream => "not-an-event-stream",
        CloseReason::Failed => "failed",
        _ => OTHER,
    }
}

pub(crate) fn limit(limit: Limit) -> &'static str {
    match limit {
        Limit::Line => "line",
        Limit::Event => "event",
        Limit::Id => "id",
        Limit::Name => "name",
        _ => OTHER,
    }
}

/// The text of an error, with the name of the option to correct.
pub(crate) fn refused(error: &ConnectError) -> String {
    match error {
        ConnectError::Name(cause) => format!("option events: {cause}"),
        ConnectError::Reserved(name) => {
            format!("option events: `{name}` is the hub's own, and what it says comes as a signal; rename the event")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;
    use sse_wasm_client::{EventName, FieldError};

    use super::*;

    const DECLARED: &str = include_str!("../package/index.d.ts");

    #[test]
    fn an_error_names_the_option() {
        let reserved = ConnectError::Reserved(EventName::new("sse-gap").unwrap());
        assert_eq!(
            refused(&reserved),
            "option events: `sse-gap` is the hub's own, and what it says comes as a signal; rename the event"
        );
        let cause: FieldError = EventName::new("a\nb").unwrap_err();
        assert_eq!(refused(&ConnectError::Name(cause)), format!("option events: {cause}"));
        let browser = ConnectError::Url { url: "http://".into(), message: "not valid".into() };
        assert_eq!(refused(&browser), "the browser refuses the URL `http://`: not valid");
    }

    /// `index.d.ts` promises these words to compilers.
    #[test]
    fn every_word_is_declared() {
        let waiting = State::Waiting { attempt: 1, until: Duration::ZERO };
        let closed = State::Closed { why: CloseReason::GaveUp };
        let closes = [CloseReason::ByApplication, CloseReason::GaveUp, CloseReason::Ended];
        let words = [
            [State::Connecting, State::Open, State::Paused, waiting, closed].map(state).as_slice(),
            &closes.map(close_reason),
            &[CloseReason::Status(0), CloseReason::NotAnEventStream].map(close_reason),
            &[Limit::Line, Limit::Event, Limit::Id, Limit::Name].map(limit),
        ]
        .concat();
        for word in words {
            assert!(DECLARED.contains(&format!("\"{word}\"")), "{word}");
        }
    }

    /// The names of the hub's own events are refused by the declarations too, as are their handlers.
    #[test]
    fn the_hubs_own_events_are_declared() {
        let vectors: Value = serde_json::from_str(include_str!("../../../sse-core/tests/vectors/hub.json")).unwrap();
        for vector in vectors["events"].as_array().unwrap() {
            let name = vector["event"].as_str().unwrap();
            assert!(DECLARED.contains(&format!("\"{name}\"")), "{name}");
            let signal = name.strip_prefix("sse-").unwrap();
            let handler = DECLARED.contains(&format!("\n  on{signal}: (("));
            assert_eq!(handler, signal != "cursor", "{name}: a cursor says no more than its ID");
        }
    }

    /// The hub's reasons are declared one for one, as its protocol's vectors have them.
    #[test]
    fn the_hubs_reasons_are_declared() {
        let vectors: Value = serde_json::from_str(include_str!("../../../sse-core/tests/vectors/hub.json")).unwrap();
        for (interface, reasons) in [("Gap", "gap_reasons"), ("Drain", "drain_reasons")] {
            let known = vectors[reasons].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
            let mut known: Vec<_> = known.chain([OTHER]).collect();
            let (_, body) = DECLARED.split_once(&format!("export interface {interface} {{")).unwrap();
            let (_, union) = body.split_once("readonly reason: ").unwrap();
            let mut declared: Vec<_> =
                union[..union.find(';').unwrap()].split(" | ").map(|word| word.trim_matches('"')).collect();
            known.sort_unstable();
            declared.sort_unstable();
            assert_eq!(declared, known, "{interface}");
        }
    }
}
