//! Strict decoding of paths and query strings.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::{
    http::problem::{Problem, quoted},
    hub::Hub,
};
use sse_core::hub::names;
use sse_engine::{Selector, Topic};

/// The parameters of a query in order, form-decoded.
pub(in crate::http) fn parameters(query: &str) -> impl Iterator<Item = Result<(String, String), Problem>> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = decode(value).map_err(|problem| match name {
            names::query::TICKET => Problem::invalid("the ticket is malformed"), // not repeated: it is a secret
            _ => problem,
        });
        Ok((decode(name)?, decoded?))
    })
}

fn decode(text: &str) -> Result<String, Problem> {
    let spaced: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    match percent_decode_str(&spaced).decode_utf8() {
        _ if !is_encoded(text) => {
            Err(Problem::invalid(format!("the query holds {text:?}: a `%` needs two hex digits")))
        }
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(Problem::invalid(format!("the query holds {text:?}, which is not UTF-8 when decoded"))),
    }
}

/// Returns true if every `%` starts an encoded byte.
fn is_encoded(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().first_chunk::<2>();
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Reads a topic or a pattern.
pub(in crate::http) fn selector(text: &str) -> Result<Selector, Problem> {
    Selector::new(text).map_err(|error| Problem::invalid(format!("the topic {} is not one: {error}", quoted(text))))
}

/// Stores a parameter that may be given only once.
pub(in crate::http) fn once<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), Problem> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Problem::invalid(format!("the parameter `{name}` is given twice; give it once"))),
    }
}

/// The entries of one page, if the parameter `limit` says nothing else, and the most that it may say.
pub(in crate::http) const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

/// Parses the parameter `limit`.
pub(in crate::http) fn page_limit(value: &str) -> Result<usize, Problem> {
    let number = value.parse().ok().filter(|number| (1..=MAX_LIMIT).contains(number));
    number.ok_or_else(|| Problem::invalid(format!("the parameter `limit` is {value:?}; it takes 1 to {MAX_LIMIT}")))
}

/// Refuses a parameter that this path does not have, unless it is one to ignore.
pub(in crate::http) fn unknown(hub: &Hub, name: &str, known: &str) -> Result<(), Problem> {
    if hub.config().server.ignore_parameters.iter().any(|ignored| ignored == name) {
        return Ok(());
    }
    let hint = "if something before the hub needs it, list it in server.ignore_parameters";
    Err(Problem::invalid(format!("the parameter {name:?} is not known here; there are {known}; {hint}")))
}

/// Parses a topic from a path: split at `/`, then each segment decoded once. Segments that proxies and clients rewrite are
/// refused.
pub(in crate::http) fn topic(path: &str) -> Result<Topic, Problem> {
    let wrong = |why: &dyn std::fmt::Display| {
        Problem::invalid(format!("the topic {} in the path is not one: {why}", quoted(path)))
    };
    if !path.contains('%') {
        check_segments(path).map_err(|why| wrong(&why))?;
        return Topic::new(path).map_err(|error| wrong(&error));
    }
    if !is_encoded(path) {
        return Err(wrong(&"a `%` needs two hex digits"));
    }
    let mut topic = String::new();
    for (i, segment) in path.split('/').enumerate() {
        let segment = percent_decode_str(segment).decode_utf8().map_err(|_| wrong(&"it must be UTF-8 when decoded"))?;
        if segment.contains('/') {
            return Err(wrong(&"a segment can't hold an encoded `/`"));
        }
        if i > 0 {
            topic.push('/');
        }
        topic.push_str(&segment);
    }
    check_segments(&topic).map_err(|why| wrong(&why))?;
    Topic::new(&topic).map_err(|error| wrong(&error))
}

fn check_segments(topic: &str) -> Result<(), &'static str> {
    if topic.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err("in a path no segment can be empty, `.` or `..`; give the topic as the parameter `topic`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_form_encoded() {
        let pairs: Vec<_> = parameters("a=1+2&&b=%2B%C3%A9&c").map(|pair| pair.unwrap()).collect();
        assert_eq!(pairs, [("a".into(), "1 2".into()), ("b".into(), "+é".into()), ("c".into(), String::new())]);
        assert!(parameters("a=%FF").next().unwrap().is_err());
    }

    #[test]
    fn a_path_is_split_before_it_is_decoded() {
        assert_eq!(topic("a%20b/c+d/%C3%A9").unwrap().as_str(), "a b/c+d/é");
        for path in ["", "a//b", "a/%2E%2e", "a%2Fb", "%2A", "a%0Ab", "%00", "%FF", "a/", "a%", "a%zz", "%4"] {
            assert!(topic(path).is_err(), "{path}");
        }
        assert_eq!(topic("%2541").unwrap().as_str(), "%41", "once, not twice");
    }
}
