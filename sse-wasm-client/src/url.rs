//! The last event ID in a URL's query, which is the only way to tell a new `EventSource` where to resume.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sse_core::EventId;

/// The query parameter, and an alias that hubs accept.
const NAMES: [&str; 2] = ["last_event_id", "lastEventId"];

/// All but the characters that form encoding leaves as they are, and `~`, which every decoder accepts.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns `url` with the query parameter `last_event_id` set to `id`, in place of one that it has; an empty `id`
/// removes it. Everything else is kept byte for byte.
pub(crate) fn with_last_event_id(url: &str, id: &EventId) -> String {
    let (rest, fragment) = url.find('#').map_or((url, ""), |at| url.split_at(at));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut url = String::from(path);
    let mut separator = '?';
    let others = query.split('&').filter(|pair| !pair.is_empty() && !is_last_event_id(pair));
    for pair in others {
        url.push(separator);
        url.push_str(pair);
        separator = '&';
    }
    if !id.text().is_empty() {
        url.push(separator);
        url.push_str(NAMES[0]);
        url.push('=');
        url.extend(utf8_percent_encode(id.as_str(), ENCODED));
    }
    url.push_str(fragment);
    url
}

/// Returns true if the query has the parameter `since`, which asks for events of the past.
pub(crate) fn has_since(url: &str) -> bool {
    let url = url.split('#').next().unwrap_or_default();
    url.split_once('?').is_some_and(|(_, query)| query.split('&').any(|pair| is_named(pair, "since")))
}

fn is_last_event_id(pair: &str) -> bool {
    NAMES.iter().any(|known| is_named(pair, known))
}

fn is_named(pair: &str, known: &str) -> bool {
    let name = pair.split_once('=').map_or(pair, |(name, _)| name);
    percent_decode_str(name).eq(known.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(url: &str, id: &str) -> String {
        with_last_event_id(url, &EventId::new(id).unwrap())
    }

    #[test]
    fn the_id_is_added() {
        assert_eq!(with("/events", "e-1"), "/events?last_event_id=e-1");
        assert_eq!(with("/events?", "e-1"), "/events?last_event_id=e-1");
        assert_eq!(
            with("https://hub.example/events?topic=a%2Fb&topic=c/*", "e-1"),
            "https://hub.example/events?topic=a%2Fb&topic=c/*&last_event_id=e-1"
        );
    }

    #[test]
    fn an_id_that_is_there_is_replaced() {
        assert_eq!(with("?last_event_id=e-1&topic=a", "e-2"), "?topic=a&last_event_id=e-2");
        assert_eq!(with("?topic=a&last_event_id&last_event_id=", "e-2"), "?topic=a&last_event_id=e-2");
        assert_eq!(with("?last%5fevent_%69d=e-1&lastEventId=e-0", "e-2"), "?last_event_id=e-2");
        let once = with("/events?topic=a", "e-1");
        assert_eq!(with(&once, "e-1"), once);
    }

    #[test]
    fn what_only_looks_like_it_stays() {
        let url = "/last_event_id?x_last_event_id=1&topic=last_event_id&LAST_EVENT_ID=2&last+event+id=3";
        assert_eq!(with(url, ""), url);
    }

    #[test]
    fn the_fragment_stays_last() {
        assert_eq!(with("/events#a?last_event_id=e-1", "e-2"), "/events?last_event_id=e-2#a?last_event_id=e-1");
    }

    #[test]
    fn an_empty_id_only_removes() {
        assert_eq!(with("/events?last_event_id=e-1#top", ""), "/events#top");
    }

    #[test]
    fn since_is_found_in_the_query_alone() {
        for url in ["?since=1h", "/events?topic=a&s%69nce=earliest#x", "?since"] {
            assert!(has_since(url), "{url}");
        }
        for url in ["/since=1h", "?topic=since", "?topic=a#?since=1h", "?sincere=1", ""] {
            assert!(!has_since(url), "{url}");
        }
    }

    #[test]
    fn any_id_can_be_sent() {
        assert_eq!(with("/e", "a b&c=d#é+%"), "/e?last_event_id=a%20b%26c%3Dd%23%C3%A9%2B%25");
    }
}
