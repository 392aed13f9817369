//! Paths with places for topics.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The place of a topic.
pub(crate) const TOPIC: &str = "{topic}";

/// What may stand in a path's segment and in a query as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// In a path, slashes part the segments of a topic.
const PATH: &AsciiSet = &SEGMENT.remove(b'/');

/// Whether a text can stand in a request's first line.
pub(crate) fn is_request_target(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

/// Whether the topic stands in the query, where it can be repeated.
pub(crate) fn takes_many(template: &str) -> bool {
    template.split_once('?').is_some_and(|(path, query)| query.contains(TOPIC) && !path.contains(TOPIC))
}

/// The template with these selectors: a parameter that names the topic is repeated for each. In the path there is room
/// for one.
pub(crate) fn fill(template: &str, selectors: &[String]) -> String {
    let one = selectors.first().map_or("", String::as_str);
    let Some((path, query)) = template.split_once('?') else {
        return template.replace(TOPIC, &utf8_percent_encode(one, PATH).to_string());
    };
    let mut filled = path.replace(TOPIC, &utf8_percent_encode(one, PATH).to_string());
    let mut mark = '?';
    for parameter in query.split('&') {
        let times = if parameter.contains(TOPIC) { selectors.len() } else { 1 };
        for at in 0..times {
            let selector = selectors.get(at).map_or("", String::as_str);
            let value = utf8_percent_encode(selector, SEGMENT).to_string();
            // writing to a string does not fail
            let _ = write!(filled, "{mark}{}", parameter.replace(TOPIC, &value));
            mark = '&';
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, selectors: &[&str]) -> String {
        fill(template, &selectors.iter().map(|&selector| selector.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn in_the_query_a_parameter_is_repeated() {
        assert_eq!(filled("/events?topic={topic}", &["a/b", "c*"]), "/events?topic=a%2Fb&topic=c%2A");
        assert_eq!(filled("/e?x=1&t=to-{topic}&y", &["a", "b"]), "/e?x=1&t=to-a&t=to-b&y");
        assert_eq!(filled("/e?all", &["a", "b"]), "/e?all");
    }

    #[test]
    fn in_the_path_slashes_stay() {
        assert_eq!(filled("/publish/{topic}", &["a/b c"]), "/publish/a/b%20c");
        assert_eq!(filled("/sub/{topic}?x=1", &["a"]), "/sub/a?x=1");
        assert_eq!(filled("/sub", &["a"]), "/sub");
    }

    #[test]
    fn many_topics_go_into_a_query_only() {
        assert!(takes_many("/events?topic={topic}"));
        assert!(!takes_many("/events/{topic}") && !takes_many("/events?all") && !takes_many("/{topic}?t={topic}"));
    }

    #[test]
    fn what_can_be_asked_for() {
        assert!(is_request_target("/events?topic={topic}"));
        for bad in ["", "events", "/a b", "/a\r\nx", "/a#b", "/é"] {
            assert!(!is_request_target(bad), "{bad:?}");
        }
    }
}
