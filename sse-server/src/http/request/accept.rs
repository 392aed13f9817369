//! What a client says it takes.

use http::{HeaderMap, header};
use sse_core::hub::names::media_type::EVENT_STREAM;

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
}
