//! Where the chart's bars and lines are, in percent of its width and height: so it is as wide as it is given, and
//! nothing in it is stretched.

use crate::board::{Board, SLOT, WINDOW};

/// What was paid in each slot, over the window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chart {
    /// The oldest first. A slot in which nothing was paid has none.
    pub bars: Vec<Bar>,
    /// Lines to read heights by, the lowest first.
    pub lines: Vec<Line>,
    /// Where gaps were.
    pub gaps: Vec<f64>,
}

/// A slot.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Bar {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    /// When the slot begins.
    pub start: u64,
    pub cents: u64,
}

/// A line with what it stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Line {
    pub y: f64,
    pub cents: u64,
}

/// How high the top line is: what is above has room for half of its label.
const HEIGHT: f64 = 95.0;

/// The part of a slot that is left free between bars.
const SPACE: f64 = 0.18;

/// With nothing to show, the chart goes up to this many cents.
const LEAST: u64 = 10_000;

impl Chart {
    /// As it is at this time.
    #[must_use]
    pub fn new(board: &Board, now: u64) -> Self {
        let begin = now.saturating_sub(WINDOW);
        let x = |at: u64| (at as f64 - begin as f64) / WINDOW as f64 * 100.0;
        let most = board.slots().map(|(_, tally)| tally.taken).max().unwrap_or(0).max(LEAST);
        let step = step(most);
        let top = most.div_ceil(step) * step;
        let height = |cents: u64| cents as f64 / top as f64 * HEIGHT;

        let bars = board.slots().filter(|(_, tally)| tally.taken > 0).filter_map(|(start, tally)| {
            let left = x(start).max(0.0);
            let right = (x(start) + (1.0 - SPACE) * SLOT as f64 / WINDOW as f64 * 100.0).min(100.0);
            let height = height(tally.taken);
            let bar = Bar { x: left, y: 100.0 - height, width: right - left, height, start, cents: tally.taken };
            (right > left).then_some(bar)
        });
        let lines = (1..=top / step).map(|count| Line { y: 100.0 - height(count * step), cents: count * step });
        Self { bars: bars.collect(), lines: lines.collect(), gaps: board.gaps().map(x).collect() }
    }
}

/// 1, 2 or 5 with noughts, such that two to five of them make up the most.
fn step(most: u64) -> u64 {
    let mut power = 1;
    while power <= most / 50 {
        power *= 10;
    }
    [1, 2, 5].map(|digit| digit * power).into_iter().find(|step| most.div_ceil(*step) <= 5).unwrap_or(10 * power)
}

/// As an attribute has it: `12.34%`. What is no number is nothing.
#[must_use]
pub fn percent(number: f64) -> String {
    let hundredths = (number * 100.0).round() as i64;
    let sign = if hundredths < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}%", hundredths.abs() / 100, hundredths.abs() % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    const NOW: u64 = 1_700_000_000_000;

    fn board(paid: &[(u64, u32)]) -> Board {
        let mut board = Board::default();
        for (at, cents) in paid {
            board.add("", Event::Paid { order: 1, at: *at, cents: *cents }, NOW);
        }
        board
    }

    #[test]
    fn bars_stand_where_their_slots_are() {
        let chart =
            Chart::new(&board(&[(NOW - WINDOW / 2, 5000), (NOW - WINDOW / 2 + 1, 5000), (NOW - SLOT, 2000)]), NOW);
        let [middle, right] = chart.bars[..] else { panic!("{:?}", chart.bars) };
        assert_eq!((middle.x, middle.y, middle.height, middle.cents), (50.0, 5.0, 95.0, 10_000));
        assert_eq!((right.start, right.cents, right.height), (NOW - SLOT, 2000, 19.0));
        assert!(middle.width > 1.0 && middle.x + middle.width < right.x && right.x + right.width <= 100.0);
    }

    #[test]
    fn bars_come_in_at_the_right_and_go_out_at_the_left() {
        let board = board(&[(NOW, 1)]);
        assert_eq!(Chart::new(&board, NOW).bars, []); // no time of its slot has passed
        let coming = Chart::new(&board, NOW + 4_000).bars[0];
        assert_eq!(percent(coming.x + coming.width), "100.00%");
        let going = Chart::new(&board, NOW + WINDOW + 4_000).bars[0];
        assert!(going.x == 0.0 && going.width > 0.0 && going.width < 1.0, "{going:?}");
        assert_eq!(Chart::new(&board, NOW + WINDOW + SLOT).bars, []);
    }

    #[test]
    fn nothing_to_show_is_a_chart_without_bars() {
        for now in [0, NOW, u64::MAX / 2] {
            let chart = Chart::new(&Board::default(), now);
            assert_eq!((chart.bars.len(), chart.gaps.len()), (0, 0));
            assert_eq!(chart.lines.iter().map(|line| line.cents).collect::<Vec<_>>(), [2000, 4000, 6000, 8000, 10_000]);
        }
    }

    #[test]
    fn lines_are_round_and_few_and_the_top_one_is_above_all_bars() {
        for most in (0..200).map(|n| 1_u64 << (n % 40) | n) {
            let step = step(most.max(LEAST));
            let count = most.max(LEAST).div_ceil(step);
            assert!((2..=5).contains(&count), "{most}: {count} of {step}");
            assert!(["1", "2", "5"].contains(&step.to_string().trim_end_matches('0')), "{step}");
        }
    }

    #[test]
    fn a_gap_is_where_it_was_told_of() {
        let mut board = Board::default();
        board.add_gap("lost", false, NOW - WINDOW / 4);
        assert_eq!(Chart::new(&board, NOW).gaps, [75.0]);
    }

    #[test]
    fn percents_are_written_without_noise() {
        let written = [0.0, 100.0, 12.345, 0.004, -1.5, -0.001, f64::NAN].map(percent);
        assert_eq!(written, ["0.00%", "100.00%", "12.35%", "0.00%", "-1.50%", "0.00%", "0.00%"]);
    }
}
