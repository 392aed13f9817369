//! What of a record must not be, in sentences; none if all is well.
//!
//! An event is its ID. The audit at the start of each life says which events there are; everything else that was seen
//! has to agree with that, and with what the hub promised.

mod kept;
#[cfg(test)]
mod planted;
mod publishes;
mod streams;
mod truth;

use super::record::{self, Record};
use truth::Truth;

pub(crate) fn faults(record: &Record) -> Vec<String> {
    let mut faults = Vec::new();
    let truth = Truth::of(record, &mut faults);
    truth::check(&truth, &mut faults);
    kept::check(&truth, &mut faults);
    publishes::check(&truth, &mut faults);
    streams::check(&truth, &mut faults);
    faults
}

/// How many events were acknowledged or seen in this life and were gone in the next.
pub(crate) fn lost(record: &Record, life: usize) -> usize {
    Truth::of(record, &mut Vec::new()).lost(life).count()
}
