//! The name of what tabs share, by which they find each other. The JavaScript client makes the same name of the same
//! options.

use std::time::Duration;

use serde::Serialize;
use sse_core::EventName;

use crate::{
    reconnect::{Reconnection, Settings},
    transport_options::TransportOptions,
};

/// The version of what tabs send each other, put before the name of what they share: pages that were built with another
/// version keep to themselves.
pub(super) const VERSION: &str = "sse-wasm-client/2 ";

/// The name without its version: equal for all that can have one connection. Headers may be secrets, so everything but
/// the URL is hashed.
pub(super) fn shared_name(
    url: &str,
    transport: &TransportOptions<'_>,
    names: &[EventName],
    settings: &Settings,
) -> String {
    [&fnv1a(&options(transport, names, settings)).to_string(), " ", url].concat()
}

/// The options as JSON.
fn options(transport: &TransportOptions<'_>, names: &[EventName], settings: &Settings) -> String {
    let mut names: Vec<_> = names.iter().map(EventName::as_str).collect();
    names.sort_unstable_by(|one, other| one.encode_utf16().cmp(other.encode_utf16())); // as JavaScript sorts
    let Settings { policy, give_up_after, watchdog, .. } = settings;
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    // 0 for never, and null for what the server shows.
    let heartbeat =
        watchdog.map_or(Some(0), |watchdog| watchdog.promised.then(|| milliseconds(watchdog.heartbeat).max(1)));
    let [reconnection_time, max_wait] = [policy.reconnection_time, policy.max_wait].map(milliseconds);
    let has_body = matches!(transport, TransportOptions::Fetch { body: Some(_), .. });
    let reconnect = match settings.reconnection {
        None | Some(Reconnection::Always) if !has_body => None,
        Some(Reconnection::OnceResumable) if has_body => None,
        None | Some(Reconnection::Always) => Some(Reconnect::Any(true)),
        Some(Reconnection::UntilBegun) => Some(Reconnect::Word("refused")),
        Some(Reconnection::OnceResumable) => Some(Reconnect::Word("resumable")),
        Some(Reconnection::Never) => Some(Reconnect::Any(false)),
    };
    let options = (transport, names, reconnection_time, max_wait, heartbeat, give_up_after, reconnect);
    serde_json::to_string(&options).unwrap_or_default() // nothing in it fails
}

/// As the option of the JavaScript client has it.
#[derive(Serialize)]
#[serde(untagged)]
enum Reconnect {
    Any(bool),
    Word(&'static str),
}

/// The hash [FNV-1a](http://www.isthe.com/chongo/tech/comp/fnv/) of 64 bits, which takes a line in JavaScript.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use sse_core::Limits;

    use super::*;
    use crate::reconnect::Watchdog;

    /// The JavaScript client is tested against them too.
    const VECTORS: &str = include_str!("../../js/tests/shared_names.json");

    #[test]
    fn both_clients_find_each_other() {
        let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
        assert!(vectors.len() > 5);
        for vector in vectors {
            let given = &vector["options"];
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let milliseconds = |value: &Value| {
                value.as_f64().map(|milliseconds| Duration::from_micros((milliseconds * 1000.0) as u64))
            };
            let headers: Vec<_> = given["fetch"]["headers"]
                .as_array()
                .into_iter()
                .flat_map(|headers| headers.chunks(2))
                .map(|pair| (text(&pair[0]).unwrap(), text(&pair[1]).unwrap()))
                .collect();
            let body = text(&given["fetch"]["body"]);
            let transport = if given["fetch"].is_object() {
                TransportOptions::Fetch {
                    headers: &headers,
                    has_header_provider: given["fetch"]["headersFrom"].is_string(),
                    body: body.as_deref(),
                    credentials: match given["fetch"]["credentials"].as_str() {
                        Some("omit") => "omit",
                        Some("include") => "include",
                        _ => "same-origin",
                    },
                    last_event_id_in_query: given["fetch"]["lastEventIdInQuery"] == true,
                    limits: Limits::default(),
                }
            } else {
                TransportOptions::EventSource { with_credentials: given["withCredentials"] == true }
            };
            // As the decoder has them.
            let mut names = vec![EventName::from_static("message")];
            for name in given["events"].as_array().unwrap() {
                let name = EventName::new(name.as_str().unwrap()).unwrap();
                if !name.as_str().is_empty() && !names.contains(&name) {
                    names.push(name);
                }
            }
            let mut settings = Settings::default();
            if let Some(time) = milliseconds(&given["reconnectionTime"]) {
                settings.policy.reconnection_time = time;
            }
            if let Some(time) = milliseconds(&given["maxWait"]) {
                settings.policy.max_wait = time;
            }
            settings.reconnection = match &given["reconnect"] {
                Value::Bool(false) => Some(Reconnection::Never),
                Value::String(_) => Some(Reconnection::UntilBegun),
                Value::Null if body.is_some() => Some(Reconnection::OnceResumable),
                _ => Some(Reconnection::Always),
            };
            settings.give_up_after = given["giveUpAfter"].as_u64().map(|refusals| refusals as u32);
            match milliseconds(&given["heartbeat"]) {
                Some(Duration::ZERO) => settings.watchdog = None,
                Some(interval) => settings.watchdog = Some(Watchdog::promised(interval)),
                None => {}
            }
            assert_eq!(options(&transport, &names, &settings), vector["text"], "{vector}");
            let url = vector["url"].as_str().unwrap();
            let name = [VERSION, &shared_name(url, &transport, &names, &settings)].concat();
            assert_eq!(name, vector["name"], "{vector}");
        }
    }

    #[test]
    fn limits_count_if_they_are_set() {
        let fetch = |limits| TransportOptions::Fetch {
            headers: &[],
            has_header_provider: false,
            body: None,
            credentials: "omit",
            last_event_id_in_query: false,
            limits,
        };
        let options = |limits| serde_json::to_string(&fetch(limits)).unwrap();
        assert_eq!(options(Limits::default()), r#"["fetch",[],false,null,"omit",false,null]"#);
        assert_eq!(options(Limits::new(10, 20)), r#"["fetch",[],false,null,"omit",false,[10,20,1024,1024]]"#);
    }

    #[test]
    fn hashes_of_the_reference() {
        for (text, hash) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            assert_eq!(fnv1a(text), hash, "{text}");
        }
    }
}
