//! Times in a script: a number and a unit.

use std::{fmt, time::Duration};

/// The longest time in a script.
pub(super) const LONGEST: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// What a time has to look like, for messages.
pub(super) const ALLOWED: &str = "a number and a unit (ns, us, ms, s, m, h), such as 250ms, 1.5s or 2m, up to 8760h";

const UNITS: [(&str, u128); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// The number of digits that a number may have before its point, and after it.
const DIGITS: usize = 18;

/// Parses a time; `None` if it is not [`ALLOWED`]. Fractions of a nanosecond are dropped.
pub(super) const fn parse(text: &str) -> Option<Duration> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut number: u128 = 0;
    let mut parts: u128 = 1;
    let mut digits = [0, 0];
    let mut part = 0;
    while at < bytes.len() {
        match bytes[at] {
            digit @ b'0'..=b'9' => {
                digits[part] += 1;
                if digits[part] > DIGITS {
                    return None;
                }
                number = number * 10 + (digit - b'0') as u128;
                if part == 1 {
                    parts *= 10;
                }
            }
            // as in Rust's literals
            b'_' if digits[0] > 0 => {}
            b'.' if part == 0 => part = 1,
            _ => break,
        }
        at += 1;
    }
    let unit: u128 = match bytes.split_at(at).1 {
        b"h" => UNITS[0].1,
        b"m" => UNITS[1].1,
        b"s" => UNITS[2].1,
        b"ms" => UNITS[3].1,
        b"us" => UNITS[4].1,
        b"ns" => UNITS[5].1,
        _ => return None,
    };
    if digits[0] == 0 || (part == 1 && digits[1] == 0) {
        return None;
    }
    // 36 digits fit in 120 bits, so the number can't overflow; multiplied by its unit it may
    let Some(nanos) = number.checked_mul(unit) else { return None };
    let nanos = nanos / parts;
    if nanos > LONGEST.as_nanos() {
        return None;
    }
    Some(Duration::from_nanos(nanos as u64))
}

/// Shows a time as [`parse`] reads it.
pub(super) struct WrittenTime(pub(super) Duration);

impl fmt::Display for WrittenTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.write_str("0s");
        }
        match UNITS.iter().find(|(_, unit)| nanos.is_multiple_of(*unit)) {
            Some((name, unit)) => write!(f, "{}{name}", nanos / unit),
            None => write!(f, "{nanos}ns"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_as_written() {
        for (text, nanos) in [
            ("0s", 0),
            ("1s", 1_000_000_000),
            ("250ms", 250_000_000),
            ("1.5s", 1_500_000_000),
            ("0.25h", 900_000_000_000),
            ("2m", 120_000_000_000),
            ("1_000us", 1_000_000),
            ("7ns", 7),
            ("0.5ns", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        assert_eq!(parse("8760h"), Some(LONGEST));
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            "1",
            "s",
            "1 s",
            "-1s",
            ".5s",
            "1.s",
            "1.2.3s",
            "1sec",
            "1d",
            "_1s",
            "8761h",
            "1e3s",
            "\"1s\"",
            "9999999999999999999s",
            "999999999999999999.999999999999999999h",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(nanos in 0..=LONGEST.as_nanos() as u64, zeros in 0..13_u32) {
            let unit = 10_u64.pow(zeros);
            let time = Duration::from_nanos(nanos / unit * unit);
            prop_assert_eq!(parse(&WrittenTime(time).to_string()), Some(time));
        }
    }
}
