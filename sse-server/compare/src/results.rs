//! What was measured, over all rounds.

use std::{collections::BTreeMap, fmt};

use crate::{load::Figures, progress::Progress};

/// The figures of each case.
#[derive(Debug)]
pub(crate) struct Results<C, F> {
    figures: BTreeMap<C, Vec<F>>,
}

impl<C: Ord, F> Results<C, F> {
    pub(crate) const fn new() -> Self {
        Self { figures: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, case: C, figures: F) {
        self.figures.entry(case).or_default().push(figures);
    }

    /// The median of a figure over the rounds that have it.
    pub(crate) fn median(&self, case: &C, figure: impl Fn(&F) -> Option<f64>) -> Option<f64> {
        median(self.figures.get(case)?.iter().filter_map(figure).collect())
    }
}

impl<C: Ord + fmt::Display> Results<C, Figures> {
    /// Takes what a run of the load came to; what is wrong with it is remarked.
    pub(crate) fn take(&mut self, case: C, found: Result<Figures, String>, progress: &mut Progress) {
        let fault = match &found {
            Ok(figures) => figures.fault(),
            Err(error) => Some(error.clone()),
        };
        if let Some(fault) = fault {
            progress.remark(format!("{case}: {fault}"));
        }
        if let Ok(figures) = found {
            self.add(case, figures);
        }
    }
}

/// Of an even number the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
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

    #[test]
    fn of_those_that_have_the_figure() {
        let mut results = Results::new();
        [None, Some(1.0), Some(3.0)].into_iter().for_each(|figure| results.add("a", figure));
        assert_eq!(results.median(&"a", |figure| *figure), Some(2.0));
        assert_eq!(results.median(&"b", |figure| *figure), None);
    }
}
