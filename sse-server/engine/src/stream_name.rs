//! Names of streams, where access to them is controlled.

use std::{fmt, str::FromStr};

/// The name of a stream: 16 hexadecimal digits that nobody guesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(u64);

impl StreamName {
    /// The name that `random`, a random number, makes.
    pub const fn new(random: u64) -> Self {
        Self(random)
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The text is not 16 hexadecimal digits in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAStreamName;

impl FromStr for StreamName {
    type Err = NotAStreamName;

    fn from_str(text: &str) -> Result<Self, NotAStreamName> {
        let name = u64::from_str_radix(text, 16).map(Self).map_err(|_| NotAStreamName)?;
        if name.to_string() == text { Ok(name) } else { Err(NotAStreamName) } // one text each
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_and_in_no_other_form() {
        for number in [0, 7, u64::MAX] {
            let name = StreamName::new(number);
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        for text in ["", "7", "+00000000000000f", "000000000000000F", "0000000000000000f", "000000000000000g"] {
            assert_eq!(text.parse::<StreamName>(), Err(NotAStreamName), "{text}");
        }
    }
}
