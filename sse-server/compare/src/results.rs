//! What was measured, over all rounds.

use std::collections::BTreeMap;

use crate::{load::Figures, plan::Case};

/// Failures that are remembered for the last words.
const REMEMBERED: usize = 20;

#[derive(Debug, Default)]
pub(crate) struct Results {
    figures: BTreeMap<Case, Vec<Figures>>,
    /// Runs that came to nothing, and those with events lost, doubled or out of order.
    pub(crate) remarks: Vec<String>,
}

impl Results {
    pub(crate) fn add(&mut self, case: &Case, figures: Figures) {
        if figures.faults > 0 {
            self.remark(format!("{case}: {} events lost, doubled or out of order", figures.faults));
        }
        self.figures.entry(*case).or_default().push(figures);
    }

    pub(crate) fn fail(&mut self, case: &Case, error: &str) {
        self.remark(format!("{case}: {error}"));
    }

    /// The median of a figure over the rounds that have it.
    pub(crate) fn median(&self, case: &Case, figure: impl Fn(&Figures) -> Option<f64>) -> Option<f64> {
        median(self.figures.get(case)?.iter().filter_map(figure).collect())
    }

    fn remark(&mut self, text: String) {
        if self.remarks.len() < REMEMBERED {
            self.remarks.push(text);
        }
    }
}

/// Of an even number the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        count if count.is_multiple_of(2) => Some(f64::midpoint(values[middle - 1], values[middle])),
        _ => Some(values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
