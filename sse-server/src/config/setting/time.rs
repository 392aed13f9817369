//! Times.

use std::{ops::RangeInclusive, time::Duration};

use super::{Given, Setting};

impl Setting for Duration {
    type Takes = RangeInclusive<Self>;

    fn read(given: &Given, takes: &RangeInclusive<Self>) -> Option<Self> {
        humantime::parse_duration(given.text()?).ok().filter(|time| takes.contains(time))
    }

    fn show(&self) -> toml::Value {
        humantime::format_duration(*self).to_string().into()
    }

    fn allowed(takes: &RangeInclusive<Self>) -> String {
        let show = |time: &Self| humantime::format_duration(*time).to_string();
        format!("a time such as 15s, from {} to {}", show(takes.start()), show(takes.end()))
    }

    fn allowed_in_table(takes: &RangeInclusive<Self>) -> String {
        format!("{} to {}", in_one_unit(*takes.start()), in_one_unit(*takes.end()))
    }
}

/// A time in the largest unit of which it is a whole number: 3650 days are not "9years 11months 27days …".
fn in_one_unit(time: Duration) -> String {
    let ms = time.as_millis();
    let units = [(86_400_000, "day"), (3_600_000, "h"), (60_000, "min"), (1000, "s"), (1, "ms")];
    let fitting = units.into_iter().find(|(unit, _)| ms > 0 && ms.is_multiple_of(*unit));
    match fitting {
        Some((unit, "day")) if ms > unit => format!("{} days", ms / unit),
        Some((unit, name)) => format!("{} {name}", ms / unit),
        None => "0 s".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_one_unit() {
        let ms = [0, 1, 1500, 2000, 300_000, 3_600_000, 86_400_000, 3650 * 86_400_000];
        assert_eq!(
            ms.map(|ms| in_one_unit(Duration::from_millis(ms))),
            ["0 s", "1 ms", "1500 ms", "2 s", "5 min", "1 h", "1 day", "3650 days"]
        );
    }
}
