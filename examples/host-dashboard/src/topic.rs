//! Names of hosts and interfaces as segments of a topic.

use std::fmt::Write;

/// The name with all that a topic's segment can't hold written as `%2F`: two names never become one, and the name can
/// be read back.
pub(crate) fn segment(name: &str) -> String {
    let whole = matches!(name, "." | "..");
    let mut segment = String::with_capacity(name.len());
    for character in name.chars() {
        if whole || matches!(character, '/' | '*' | '%') || character.is_control() {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                // writing to a string can't fail
                let _ = write!(segment, "%{byte:02X}");
            }
        } else {
            segment.push(character);
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_topic_can_hold_stays() {
        for name in ["vm", "eth0", "eth0.100", "br-12ab", "wlan0:1", "größe", "a b", "..."] {
            assert_eq!(segment(name), name);
        }
    }

    #[test]
    fn what_it_cannot_is_written_out() {
        for (name, expect) in [
            ("a/b", "a%2Fb"),
            ("*", "%2A"),
            ("a*b%2A", "a%2Ab%252A"),
            (".", "%2E"),
            ("..", "%2E%2E"),
            ("a\n\u{85}", "a%0A%C2%85"),
        ] {
            assert_eq!(segment(name), expect);
        }
    }
}
