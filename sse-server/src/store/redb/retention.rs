//! Retention: how much is kept, and for how long.

use std::{collections::BTreeSet, time::Duration};

use sse_engine::{Millis, Selector, Topic, millis};

use super::{
    loaded::Loaded,
    tables::FileResult,
    write::{LogTransaction, Reason, TopicIndex},
};
use crate::config::Config;

/// The number of events that one transaction may always trim: enough to catch up, and few enough that no publisher
/// notices.
pub(super) const STEP: usize = 256;

/// The number of idle topics checked in one transaction.
const LOOKED_AT: usize = 64;

/// How much is retained. Events beyond that are trimmed, the oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Retention {
    pub(crate) most: Bound,
    pub(crate) topics: usize,
    /// The first rule that matches a topic applies to it.
    pub(crate) rules: Vec<Rule>,
}

/// The most events, bytes and age; 0 is unbounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bound {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) age: Duration,
}

/// How much is retained of each topic that `selector` matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) selector: Selector,
    pub(crate) most: Bound,
    /// Only the last event is kept: it supersedes all before it.
    pub(crate) last_only: bool,
}

impl From<&Config> for Retention {
    fn from(config: &Config) -> Self {
        let store = &config.store;
        let bound = |events: usize, bytes: usize, age| Bound { events: events as u64, bytes: bytes as u64, age };
        let rules = store.retention.iter().map(|rule| Rule {
            selector: rule.selector.clone(),
            most: bound(rule.events, rule.bytes, rule.age),
            last_only: rule.last_only,
        });
        Self { most: bound(store.events, store.bytes, store.age), topics: config.window.topics, rules: rules.collect() }
    }
}

/// Which topics to check next.
#[derive(Debug, Default)]
pub(super) struct RetentionScan {
    next: u32,
    /// Topics still beyond their bounds.
    beyond: BTreeSet<u32>,
}

impl Bound {
    fn is_exceeded(&self, events: u64, bytes: u64) -> bool {
        (self.events > 0 && events > self.events) || (self.bytes > 0 && bytes > self.bytes)
    }

    /// The time before which an event is too old.
    fn cutoff(&self, now: Millis) -> Option<Millis> {
        let age = millis(self.age);
        (age > 0).then(|| now.saturating_sub(age))
    }
}

impl Retention {
    /// Returns false if nothing is beyond the bounds of the whole log.
    pub(super) fn may_trim(&self, loaded: &Loaded, topics: &TopicIndex) -> bool {
        let crowded = loaded.topics.len() > self.topics;
        crowded || !self.most.age.is_zero() || self.most.is_exceeded(topics.events, topics.bytes)
    }

    fn rule(&self, topic: &Topic) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.selector.matches(topic))
    }

    /// Trims some of the events beyond the bounds, but none after `reported`, which followers have not seen yet. `entered`
    /// is the number of events inserted by this transaction. Returns true if more remain.
    pub(super) fn step(
        &self,
        writing: &mut LogTransaction<'_>,
        entered: usize,
        reported: u64,
        now: Millis,
        round: &mut RetentionScan,
    ) -> FileResult<bool> {
        let mut left = STEP.max(2 * entered);
        if !self.rules.is_empty() {
            let mut ids: BTreeSet<_> = writing.touched().into_iter().collect();
            ids.append(&mut round.beyond);
            ids.extend(round.next(writing));
            for id in ids {
                if self.keep_topic(writing, id, reported, now, &mut left)? {
                    round.beyond.insert(id);
                }
            }
        }
        let cutoff = self.most.cutoff(now);
        while left > 0 {
            let totals = (writing.topics.events, writing.topics.bytes);
            let crowded = writing.loaded.topics.len() > self.topics;
            if crowded && writing.forget()?.is_some() {
                continue;
            }
            if crowded && let Some(seq) = writing.oldest_of_smallest()? {
                if seq > reported {
                    break;
                }
                writing.trim(seq, Reason::Bounds)?;
                left -= 1;
                continue;
            }
            if !crowded && cutoff.is_none() && !self.most.is_exceeded(totals.0, totals.1) {
                return Ok(!round.beyond.is_empty());
            }
            let Some((oldest, time)) = writing.oldest()? else {
                return Ok(!round.beyond.is_empty());
            };
            let old = cutoff.is_some_and(|cutoff| time < cutoff);
            if !crowded && !old && !self.most.is_exceeded(totals.0, totals.1) {
                return Ok(!round.beyond.is_empty());
            }
            if oldest > reported {
                break;
            }
            writing.trim(oldest, Reason::Bounds)?;
            left -= 1;
        }
        Ok(true)
    }

    /// Applies the rule of topic `id`. Returns true if the topic is still beyond its bounds.
    fn keep_topic(
        &self,
        writing: &mut LogTransaction<'_>,
        id: u32,
        reported: u64,
        now: Millis,
        left: &mut usize,
    ) -> FileResult<bool> {
        let Some(stored) = writing.loaded.topics.get(&id) else { return Ok(false) };
        let Some(rule) = self.rule(&stored.topic) else { return Ok(false) };
        let cutoff = rule.most.cutoff(now);
        let mut before = 0;
        while let Some(retained) = writing.loaded.topics.get(&id).map(|stored| stored.retained) {
            let (events, bytes) = (retained.events(), retained.bytes());
            let Some(first) = writing.next_of(id, before)? else { break };
            let superseded = rule.last_only && events > 1;
            let old = match cutoff {
                Some(cutoff) => writing.time(first)?.is_some_and(|time| time < cutoff),
                None => false,
            };
            if !superseded && !old && !rule.most.is_exceeded(events as u64, bytes as u64) {
                break;
            }
            if first > reported || *left == 0 {
                return Ok(true);
            }
            writing.trim(first, if superseded { Reason::Superseded } else { Reason::Bounds })?;
            before = first;
            *left -= 1;
        }
        Ok(false)
    }
}

impl RetentionScan {
    /// The next topics to check, in turn.
    fn next(&mut self, writing: &LogTransaction<'_>) -> Vec<u32> {
        let ids: Vec<_> = writing.loaded.topics.range(self.next..).take(LOOKED_AT).map(|(id, _)| *id).collect();
        self.next = if ids.len() < LOOKED_AT { 0 } else { ids.last().map_or(0, |last| last + 1) };
        ids
    }
}
