//! Whole numbers.

use std::ops::RangeInclusive;

use super::{Given, Setting};

/// Which numbers a key takes, and what they are numbers of.
pub(in crate::config) enum Numbers {
    Count(RangeInclusive<usize>),
    Bytes(RangeInclusive<usize>),
}

impl Numbers {
    const fn range(&self) -> &RangeInclusive<usize> {
        match self {
            Self::Count(range) | Self::Bytes(range) => range,
        }
    }
}

impl Setting for usize {
    type Takes = Numbers;

    fn read(given: &Given, takes: &Numbers) -> Option<Self> {
        given.text()?.parse().ok().filter(|number| takes.range().contains(number))
    }

    fn show(&self) -> toml::Value {
        toml::Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }

    fn allowed(takes: &Numbers) -> String {
        format!("a whole number from {} to {}", takes.range().start(), takes.range().end())
    }

    fn allowed_in_table(takes: &Numbers) -> String {
        match takes {
            Numbers::Count(range) => format!("{} to {}", thousands(*range.start()), thousands(*range.end())),
            Numbers::Bytes(range) => format!("{} to {}", size(*range.start()), size(*range.end())),
        }
    }

    fn in_units(&self, takes: &Numbers) -> Option<String> {
        (matches!(takes, Numbers::Bytes(_)) && *self >= 1 << 10).then(|| size(*self))
    }
}

/// A number with commas between its thousands.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// Bytes in the largest unit of which they are a whole number.
fn size(bytes: usize) -> String {
    if bytes == 0 {
        return "0".into();
    }
    let unit = (bytes.trailing_zeros() / 10).min(5);
    format!("{} {}", bytes >> (10 * unit), ["B", "KiB", "MiB", "GiB", "TiB", "PiB"][unit as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn sizes_are_exact_in_their_unit() {
        assert_eq!([0, 1, 1 << 10, (1 << 10) + 1, 1 << 20].map(size), ["0", "1 B", "1 KiB", "1025 B", "1 MiB"]);
        assert_eq!([3 << 30, 1 << 40, 1 << 50].map(size), ["3 GiB", "1 TiB", "1 PiB"]);
    }
}
