//! What is kept, and for how long.

use std::time::Duration;

use redb::ReadableTable;

use super::{tables::Rows, write::Writing};
use crate::hub::{Millis, Selector, Topic};

/// How many events one transaction takes out at least, if there are so many: more than come in, so that it catches up,
/// but not so many that a publisher would notice.
const STEP: usize = 256;

/// How many topics' ages are looked at in one transaction.
const LOOKED_AT: usize = 64;

/// How much is retained. What is beyond goes, the oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Retention {
    pub(crate) most: Bound,
    pub(crate) topics: usize,
    /// The first that matches a topic is the topic's.
    pub(crate) rules: Vec<Rule>,
}

/// Events, bytes, and age; 0 is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bound {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) age: Duration,
}

/// What is retained of each topic that a selector matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) selector: Selector,
    pub(crate) most: Bound,
    /// Only the last event is kept: it stands for all before it.
    pub(crate) last_only: bool,
}

/// Where the looking at ages goes on.
#[derive(Debug, Default)]
pub(super) struct Round(u32);

impl Bound {
    fn is_exceeded(&self, events: u64, bytes: u64) -> bool {
        (self.events > 0 && events > self.events) || (self.bytes > 0 && bytes > self.bytes)
    }

    /// What was published before this time is too old.
    fn cutoff(&self, now: Millis) -> Option<Millis> {
        let age = u64::try_from(self.age.as_millis()).unwrap_or(Millis::MAX);
        (age > 0).then(|| now.saturating_sub(age))
    }
}

impl Retention {
    fn rule(&self, topic: &Topic) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.selector.matches(topic))
    }

    /// Takes out some of what is beyond the bounds. `true`: there is more.
    /// `entered`: how many events came in.
    pub(super) fn step(&self, writing: &mut Writing<'_>, entered: usize, now: Millis, round: &mut Round) -> Rows<bool> {
        let mut left = STEP.max(2 * entered);
        if !self.rules.is_empty() {
            let aging = self.rules.iter().any(|rule| rule.most.cutoff(now).is_some());
            let others = if aging { round.next(writing) } else { Vec::new() };
            for id in writing.touched().into_iter().chain(others) {
                self.keep_topic(writing, id, now, &mut left)?;
            }
        }
        let cutoff = self.most.cutoff(now);
        while left > 0 {
            let totals = (writing.topics.events, writing.topics.bytes);
            let crowded = writing.loaded.topics.len() > self.topics;
            if crowded && writing.forget().is_some() {
                continue;
            }
            let Some((oldest, time)) = writing.events.first()?.map(|(seq, row)| (seq.value(), row.value().0)) else {
                return Ok(false);
            };
            let old = cutoff.is_some_and(|cutoff| time < cutoff);
            if !crowded && !old && !self.most.is_exceeded(totals.0, totals.1) {
                return Ok(false);
            }
            writing.trim(oldest, true)?;
            left -= 1;
        }
        Ok(true)
    }

    /// What the topic's own rule says.
    fn keep_topic(&self, writing: &mut Writing<'_>, id: u32, now: Millis, left: &mut usize) -> Rows<()> {
        let Some(record) = writing.loaded.topics.get(&id) else { return Ok(()) };
        let Some(rule) = self.rule(&record.topic) else { return Ok(()) };
        let cutoff = rule.most.cutoff(now);
        let mut before = 0;
        while *left > 0 {
            let Some(retained) = writing.loaded.topics.get(&id).map(|record| record.retained) else { break };
            let Some(first) = writing.next_of(id, before)? else { break };
            let superseded = rule.last_only && retained.events > 1;
            let old = match cutoff {
                Some(cutoff) => writing.events.get(first)?.is_some_and(|row| row.value().0 < cutoff),
                None => false,
            };
            if !superseded && !old && !rule.most.is_exceeded(retained.events as u64, retained.bytes as u64) {
                break;
            }
            writing.trim(first, !superseded)?;
            before = first;
            *left -= 1;
        }
        Ok(())
    }
}

impl Round {
    /// The next topics in turn.
    fn next(&mut self, writing: &Writing<'_>) -> Vec<u32> {
        let ids: Vec<_> = writing.loaded.topics.range(self.0 + 1..).take(LOOKED_AT).map(|(id, _)| *id).collect();
        self.0 = if ids.len() < LOOKED_AT { 0 } else { ids.last().copied().unwrap_or(0) };
        ids
    }
}
