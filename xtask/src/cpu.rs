//! How much of the processor the children of this program have taken.

use std::{fs, time::Duration};

/// Linux counts in hundredths of a second for all programs, whatever its own clock does.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of all children that have ended, and of theirs; none on systems that don't tell it in `/proc`.
pub(crate) fn of_children() -> Option<Duration> {
    read(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// `cutime` and `cstime`, the 16th and the 17th of the fields (proc(5)). The second is a name in parentheses, which may
/// have spaces and parentheses of its own.
fn read(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(13);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(TICK * ticks()?.saturating_add(ticks()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_childrens_time_is_two_fields() {
        let stat =
            "1 (an) odd) name) S 0 1 1 0 -1 4194560 17 83 0 0 5 6 700 33 20 0 1 0 21 1000 2 18446744073709551615";
        assert_eq!(read(stat), Some(Duration::from_millis(7_330)));
        assert_eq!(read(""), None);
        assert_eq!(read("1 (name) S 0 1"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_it() {
        assert!(of_children().is_some());
    }
}
