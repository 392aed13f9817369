//! What a run of the comparison measures.

use std::time::Duration;

use super::{
    client::Waited,
    plan::{Case, Opened, Stopped},
};
use crate::{load::Figures, results::Results};

/// What was measured, over all rounds.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) loads: Results<Case, Figures>,
    pub(super) starts: Results<Stopped, Start>,
    pub(super) openings: Results<Opened, Waited>,
}

/// A start with the whole log.
#[derive(Debug)]
pub(super) struct Start {
    /// From the start of the process until it said that it listens.
    pub(super) took: Duration,
    /// Resident bytes then.
    pub(super) resident: Option<f64>,
    /// The first stream thereafter, from the greatest depth. What a start puts off is in here.
    pub(super) first: Waited,
}
