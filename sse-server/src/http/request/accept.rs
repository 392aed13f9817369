//! The `Accept` header of a request.

use http::{HeaderMap, header};
use sse_core::hub::names::media_type::EVENT_STREAM;

use super::tokens;

/// How `Accept` stands to an event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Accept {
    /// It names `text/event-stream`, as an `EventSource` does.
    Named,
    /// It does not rule it out.
    Open,
    /// It rules it out.
    Refused,
}

impl Accept {
    pub(in crate::http) fn of(headers: &HeaderMap) -> Self {
        let values: Vec<_> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        if values.iter().all(|value| value.trim().is_empty()) {
            return Self::Open;
        }
        // the most specific range decides
        let mut best: Option<(u8, bool)> = None;
        for range in values.iter().flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
            let rank = match parts.next().as_deref() {
                Some(EVENT_STREAM) => 2,
                Some("text/*") => 1,
                Some("*/*") => 0,
                _ => continue,
            };
            let wanted = !parts.any(|part| is_zero(&part));
            if best.is_none_or(|(of, _)| rank > of) {
                best = Some((rank, wanted));
            }
        }
        match best {
            Some((2, true)) => Self::Named,
            Some((_, true)) => Self::Open,
            _ => Self::Refused,
        }
    }
}

/// Returns true if `Accept` names OpenMetrics, of a version that the hub writes, and ranks no other text above it.
pub(in crate::http) fn prefers_open_metrics(headers: &HeaderMap) -> bool {
    let (mut open_metrics, mut plain) = (0.0, 0.0);
    for range in tokens(headers, &header::ACCEPT) {
        let mut parts = range.split(';').map(str::trim);
        let best = match parts.next() {
            Some("application/openmetrics-text") => &mut open_metrics,
            Some("text/plain") => &mut plain,
            _ => continue,
        };
        let (mut quality, mut is_known) = (1.0, true);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name {
                "q" => quality = value.parse().unwrap_or(0.0),
                "version" => is_known &= ["1.0.0", "0.0.4"].contains(&value.trim_matches('"')),
                _ => {}
            }
        }
        if is_known {
            *best = f32::max(*best, quality);
        }
    }
    open_metrics > 0.0 && open_metrics >= plain
}

/// `q=0`, `q=0.000`
fn is_zero(parameter: &str) -> bool {
    let Some(quality) = parameter.strip_prefix("q=") else { return false };
    !quality.is_empty() && quality.bytes().all(|byte| matches!(byte, b'0' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_range_decides() {
        for (accept, expect) in [
            ("text/event-stream", Accept::Named),
            ("Text/Event-Stream;q=0.5, text/html", Accept::Named),
            ("text/html, */*;q=0.1", Accept::Open),
            ("text/*", Accept::Open),
            ("", Accept::Open),
            ("*/*, text/event-stream;q=0", Accept::Refused),
            ("text/*;q=0.0, */*", Accept::Refused),
            ("application/json", Accept::Refused),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(Accept::of(&headers), expect, "{accept}");
        }
        assert_eq!(Accept::of(&HeaderMap::new()), Accept::Open);
    }

    #[test]
    fn open_metrics_is_for_those_who_ask_for_it() {
        for (accept, expect) in [
            ("application/openmetrics-text", true),
            ("Application/OpenMetrics-Text; version=1.0.0; charset=utf-8", true),
            // Prometheus 2 and 3
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                true,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                true,
            ),
            ("text/plain;version=0.0.4", false),
            ("text/plain;version=0.0.4;q=1,application/openmetrics-text;q=0.9", false),
            ("application/openmetrics-text;version=0.0.1", false),
            ("application/openmetrics-text;q=0", false),
            ("*/*", false),
            ("text/html, application/json", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(prefers_open_metrics(&headers), expect, "{accept}");
        }
        assert!(!prefers_open_metrics(&HeaderMap::new()));
    }
}
