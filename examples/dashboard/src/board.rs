//! What the page knows: sums over the last minutes, the latest events, and what went wrong.

use std::collections::{BTreeMap, VecDeque};

use crate::event::Event;

/// How far back the page looks, in milliseconds.
pub const WINDOW: u64 = 10 * 60_000;

/// Sums are kept for pieces of time of so many milliseconds, and leave the window as such.
pub const SLOT: u64 = 10_000;

/// How many of the latest events are listed.
pub const ROWS: usize = 40;

/// How many gaps are marked; when there are more, the oldest mark makes room.
const GAPS: usize = 32;

/// All that the page shows. However many events there are, it stays small.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Board {
    /// By their number since 1970. None that does not reach into the window, and none beyond its end, since events that
    /// claim to be of the future count as of now: so there are never more than 61.
    slots: BTreeMap<u64, Tally>,
    /// The latest first.
    rows: VecDeque<Row>,
    /// When they were told of, the oldest first.
    gaps: VecDeque<u64>,
    undecoded: u64,
    last_undecoded: Option<String>,
    next_row: u64,
}

/// Counts and sums, these in cents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Tally {
    pub placed: u64,
    pub paid: u64,
    pub shipped: u64,
    pub cancelled: u64,
    /// What was paid.
    pub taken: u64,
    /// What was paid back.
    pub refunded: u64,
}

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// No other line ever has it.
    pub number: u64,
    /// What the line is about.
    pub what: What,
}

/// What a line is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// An event, with its ID.
    Event(String, Event),
    /// A gap: what is above it came after, what is below it before.
    Gap(&'static str),
}

impl Board {
    /// Takes in an event.
    pub fn add(&mut self, id: &str, event: Event, now: u64) {
        let at = event.at().min(now);
        if at + WINDOW > now {
            self.slots.entry(at / SLOT).or_default().count(&event);
        }
        self.list(What::Event(id.to_owned(), event));
        self.expire(now);
    }

    /// Counts an event that could not be read.
    pub fn add_undecoded(&mut self, why: String) {
        self.undecoded += 1;
        self.last_undecoded = Some(why);
    }

    /// Marks a gap. With `anew`, all that there is comes once more, so what has come is forgotten.
    pub fn add_gap(&mut self, words: &'static str, anew: bool, now: u64) {
        if anew {
            self.slots.clear();
            self.rows.clear();
            self.gaps.clear();
        }
        if self.gaps.len() == GAPS {
            self.gaps.pop_front();
        }
        self.gaps.push_back(now);
        self.list(What::Gap(words));
    }

    /// Lets go of what is older than the window.
    pub fn expire(&mut self, now: u64) {
        let begin = now.saturating_sub(WINDOW);
        while let Some(slot) = self.slots.first_entry().filter(|slot| (slot.key() + 1) * SLOT <= begin) {
            slot.remove();
        }
        while self.gaps.front().is_some_and(|at| *at < begin) {
            self.gaps.pop_front();
        }
    }

    /// The sums of the whole window.
    #[must_use]
    pub fn total(&self) -> Tally {
        self.slots.values().fold(Tally::default(), |sum, slot| sum.and(slot))
    }

    /// When each slot begins, and its sums, the oldest first.
    pub fn slots(&self) -> impl Iterator<Item = (u64, &Tally)> {
        self.slots.iter().map(|(number, tally)| (number * SLOT, tally))
    }

    /// The list, the latest first.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    /// When there were gaps, the oldest first.
    pub fn gaps(&self) -> impl Iterator<Item = u64> {
        self.gaps.iter().copied()
    }

    /// How many events could not be read, ever, and what was wrong with the last.
    #[must_use]
    pub fn undecoded(&self) -> (u64, Option<&str>) {
        (self.undecoded, self.last_undecoded.as_deref())
    }

    fn list(&mut self, what: What) {
        if self.rows.len() == ROWS {
            self.rows.pop_back();
        }
        self.rows.push_front(Row { number: self.next_row, what });
        self.next_row += 1;
    }
}

impl Tally {
    /// What was earned, in cents; less than nothing if more was paid back.
    #[must_use]
    pub fn revenue(&self) -> i64 {
        // amounts have 32 bits, so it would take billions of events in ten minutes to go beyond
        i64::try_from(self.taken).unwrap_or(i64::MAX) - i64::try_from(self.refunded).unwrap_or(i64::MAX)
    }

    /// What was paid for an order, if any was paid.
    #[must_use]
    pub fn average(&self) -> Option<u64> {
        self.taken.checked_div(self.paid)
    }

    fn count(&mut self, event: &Event) {
        match event {
            Event::Placed { .. } => self.placed += 1,
            Event::Paid { cents, .. } => {
                self.paid += 1;
                self.taken += u64::from(*cents);
            }
            Event::Shipped { .. } => self.shipped += 1,
            Event::Cancelled { refund, .. } => {
                self.cancelled += 1;
                self.refunded += u64::from(*refund);
            }
        }
    }

    const fn and(self, other: &Self) -> Self {
        Self {
            placed: self.placed + other.placed,
            paid: self.paid + other.paid,
            shipped: self.shipped + other.shipped,
            cancelled: self.cancelled + other.cancelled,
            taken: self.taken + other.taken,
            refunded: self.refunded + other.refunded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn paid(at: u64, cents: u32) -> Event {
        Event::Paid { order: 1, at, cents }
    }

    #[test]
    fn sums_are_exact() {
        let mut board = Board::default();
        assert_eq!((board.total().revenue(), board.total().average()), (0, None));
        board.add("1", Event::Placed { order: 1, at: NOW, items: 1, cents: 500 }, NOW);
        board.add("2", paid(NOW - SLOT, 500), NOW);
        board.add("3", paid(NOW, 1001), NOW);
        board.add("4", Event::Cancelled { order: 1, at: NOW, refund: 2000 }, NOW);
        board.add("5", Event::Shipped { order: 2, at: NOW, to: "Ghent".into() }, NOW);
        let total = board.total();
        let expected = Tally { placed: 1, paid: 2, shipped: 1, cancelled: 1, taken: 1501, refunded: 2000 };
        assert_eq!(total, expected);
        assert_eq!((total.revenue(), total.average()), (-499, Some(750)));
    }

    #[test]
    fn what_is_older_than_the_window_leaves_the_sums_but_not_the_list() {
        let mut board = Board::default();
        board.add("1", paid(NOW - WINDOW, 1), NOW);
        assert_eq!(board.total(), Tally::default(), "it came too late");
        board.add("2", paid(NOW, 2), NOW);
        board.add("3", paid(NOW + SLOT, 3), NOW + SLOT);
        board.expire(NOW + WINDOW);
        assert_eq!(board.total().taken, 5);
        board.expire(NOW + WINDOW + SLOT);
        assert_eq!(board.total().taken, 3);
        board.expire(u64::MAX);
        assert_eq!(board.total(), Tally::default());
        assert_eq!(board.rows().count(), 3);
    }

    #[test]
    fn nothing_grows_whatever_is_claimed() {
        let mut board = Board::default();
        for step in 0..10_000_u64 {
            board.add(
                "",
                paid([u64::MAX, 0, NOW, step, NOW - step * 977][step as usize % 5], u32::MAX),
                NOW + step * 100,
            );
            board.add_gap("lost", false, NOW + step * 100);
        }
        assert!(board.slots().count() <= 61, "{}", board.slots().count());
        assert_eq!((board.rows().count(), board.gaps().count()), (ROWS, GAPS));
    }

    #[test]
    fn events_of_the_future_are_of_now() {
        let mut board = Board::default();
        board.add("1", paid(u64::MAX, 7), NOW);
        assert_eq!(board.slots().map(|(start, tally)| (start, tally.taken)).collect::<Vec<_>>(), [(NOW, 7)]);
    }

    #[test]
    fn the_list_has_the_latest_first_each_with_a_number_of_its_own() {
        let mut board = Board::default();
        for order in 0..50 {
            board.add("", Event::Paid { order, at: NOW, cents: 1 }, NOW);
        }
        assert_eq!(board.rows().map(|row| row.number).collect::<Vec<_>>(), (10..50).rev().collect::<Vec<_>>());
    }

    #[test]
    fn a_gap_is_a_line_between_before_and_after_or_a_new_beginning() {
        let mut board = Board::default();
        board.add("1", paid(NOW, 1), NOW);
        board.add_gap("some are missing", false, NOW);
        board.add("2", paid(NOW, 2), NOW);
        let rows: Vec<_> = board.rows().map(|row| &row.what).collect();
        assert!(matches!(rows[..], [What::Event(..), What::Gap("some are missing"), What::Event(..)]), "{rows:?}");
        assert_eq!(board.total().taken, 3);
        board.expire(NOW + WINDOW + 1);
        assert_eq!(board.gaps().count(), 0);

        board.add_gap("anew", true, NOW);
        assert_eq!((board.rows().count(), board.gaps().count(), board.total().taken), (1, 1, 0));
        assert_eq!(board.rows().next().map(|row| row.number), Some(3), "numbers go on");
    }

    #[test]
    fn what_could_not_be_read_is_counted_also_over_a_new_beginning() {
        let mut board = Board::default();
        assert_eq!(board.undecoded(), (0, None));
        board.add_undecoded("first".into());
        board.add_undecoded("second".into());
        board.add_gap("anew", true, NOW);
        assert_eq!(board.undecoded(), (2, Some("second")));
    }
}
