//! The head of a response as `fetch` reports it, and values of request headers.

use std::time::Duration;

use sse_core::{EventId, Text, session::Head};

/// The longest heartbeat interval, in seconds, that is believed: more is a mistake, and would disable the watchdog.
const MAX_HEARTBEAT_SECONDS: u64 = 3600;

/// The head of a response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ResponseHead {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    /// The value of `sse-heartbeat`.
    pub(crate) heartbeat: Option<String>,
}

impl ResponseHead {
    /// Returns true for a 200 with the type `text/event-stream`.
    pub(crate) fn is_stream(&self) -> bool {
        let content_type = self.content_type.as_deref();
        self.status == 200 && Head { status: 200, content_type, retry_after: None }.is_event_stream()
    }

    /// Returns true if the body may be a [`Problem`](crate::Problem). Any JSON may, since not all servers give problem
    /// details their own type.
    pub(crate) fn is_json(&self) -> bool {
        self.content_type.as_deref().is_some_and(|value| {
            let essence = value.split(';').next().unwrap_or_default().trim_ascii();
            essence.eq_ignore_ascii_case("application/problem+json") || essence.eq_ignore_ascii_case("application/json")
        })
    }

    /// The interval of heartbeats that the server announces, if it is in bounds.
    pub(crate) fn heartbeat(&self) -> Option<Duration> {
        let seconds = self.heartbeat.as_deref()?.trim_ascii().parse().ok()?;
        (1..=MAX_HEARTBEAT_SECONDS).contains(&seconds).then(|| Duration::from_secs(seconds))
    }
}

/// A `Retry-After` in seconds; `None` if it is anything else, such as a date.
pub(crate) fn retry_after_seconds(value: &str) -> Option<Duration> {
    let value = value.trim_ascii();
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(value.parse().unwrap_or(u64::MAX)))
}

/// `id` as the value of `Last-Event-ID`. The standard sends it in UTF-8, and to a script each byte of a header is the
/// character of the same number.
pub(crate) fn header_value(id: &EventId) -> String {
    id.as_str().bytes().map(char::from).collect()
}

/// The origin of an absolute URL that a browser has serialized; `null` if its scheme has no origins.
pub(crate) fn origin(url: &str) -> Text {
    let Some((scheme, rest)) = url.split_once("://") else { return Text::from_static("null") };
    let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    url[..scheme.len() + "://".len() + host].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_200_of_the_type_is_a_stream() {
        let is_stream = |status, content_type: &str| {
            ResponseHead { status, content_type: Some(content_type.into()), ..ResponseHead::default() }.is_stream()
        };
        assert!(is_stream(200, "text/event-stream") && is_stream(200, "Text/Event-Stream; charset=utf-8"));
        assert!(!is_stream(200, "text/html") && !is_stream(200, "text/event-streams") && !is_stream(200, ""));
        assert!(!is_stream(204, "text/event-stream") && !is_stream(206, "text/event-stream"));
        assert!(!ResponseHead { status: 200, ..ResponseHead::default() }.is_stream());
    }

    #[test]
    fn only_json_is_read_for_problems() {
        let is_json = |content_type: &str| {
            ResponseHead { content_type: Some(content_type.into()), ..ResponseHead::default() }.is_json()
        };
        assert!(is_json("application/problem+json") && is_json("Application/JSON ; charset=utf-8"));
        assert!(!is_json("text/html") && !is_json("") && !ResponseHead::default().is_json());
    }

    #[test]
    fn a_heartbeat_is_whole_seconds_within_reason() {
        let heartbeat =
            |value: &str| ResponseHead { heartbeat: Some(value.into()), ..ResponseHead::default() }.heartbeat();
        assert_eq!(heartbeat("15"), Some(Duration::from_secs(15)));
        for value in ["", "0", "-1", "1.5", "fast", "3601", "99999999999999999999"] {
            assert_eq!(heartbeat(value), None, "{value}");
        }
        assert_eq!(ResponseHead::default().heartbeat(), None);
    }

    #[test]
    fn retry_after_in_seconds() {
        assert_eq!(retry_after_seconds(" 120 "), Some(Duration::from_secs(120)));
        assert_eq!(retry_after_seconds("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        for date in ["Fri, 31 Dec 1999 23:59:59 GMT", "", "-1", "+1", "1.5"] {
            assert_eq!(retry_after_seconds(date), None, "{date}");
        }
    }

    #[test]
    fn an_id_goes_out_as_utf_8() {
        assert_eq!(header_value(&EventId::from_static("e-1é🦀")), "e-1\u{c3}\u{a9}\u{f0}\u{9f}\u{a6}\u{80}");
    }

    #[test]
    fn the_origin_of_a_url() {
        assert_eq!(&*origin("http://127.0.0.1:8080/events?x=://y"), "http://127.0.0.1:8080");
        assert_eq!(&*origin("https://hub.example"), "https://hub.example");
        assert_eq!(&*origin("https://hub.example?x#y"), "https://hub.example");
        assert_eq!(&*origin("data:text/event-stream,"), "null");
    }
}
