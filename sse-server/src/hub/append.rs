//! Publishing: keys are looked up, the store appends, and the outcome is recorded under the keys.

use std::{collections::HashMap, sync::Arc};

use futures_util::FutureExt;
use sse_engine::{Draft, Millis, Position, Surroundings, Topic};

use super::{
    Hub,
    append_error::AppendError,
    idempotency::{KeyState, Keys},
    in_flight::InFlight,
};
use crate::store::{Appended, Batch, Fingerprint, Key, KeyedRange, Scope, StoreError};

/// Events to publish, all or none, with the idempotency keys that identify repeats.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) drafts: Vec<Draft>,
    /// The ranges don't overlap.
    pub(crate) keyed: Vec<KeyedRange>,
}

impl Publication {
    /// One event with an optional key.
    pub(crate) fn one(draft: Draft, key: Option<Key>) -> Self {
        Self::each(vec![draft], vec![key])
    }

    /// Events, each with an optional key.
    pub(crate) fn each(drafts: Vec<Draft>, keys: Vec<Option<Key>>) -> Self {
        let keyed = keys.into_iter().zip(&drafts).enumerate().filter_map(|(at, (key, draft))| {
            Some(KeyedRange { key: key?, content: Fingerprint::of_draft(draft), events: at..at + 1, upload: None })
        });
        Self { keyed: keyed.collect(), drafts }
    }

    /// Events under a single key.
    pub(crate) fn whole(drafts: Vec<Draft>, key: Key, content: Fingerprint) -> Self {
        let events = 0..drafts.len();
        Self { drafts, keyed: vec![KeyedRange { key, content, events, upload: None }] }
    }
}

/// The position of a published event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Published {
    pub(crate) position: Position,
    pub(crate) duplicate: bool,
}

/// The events that a repeat refers to.
enum Earlier {
    /// The events with these sequence numbers.
    Published(Arc<[u64]>),
    /// The keyed range at this index of the same publication.
    Here(usize),
}

impl Hub {
    /// Appends all events, or none. Repeats are recognised by their keys.
    pub(crate) async fn append(&self, publication: Publication) -> Result<Vec<Published>, AppendError> {
        self.refuse_if_draining()?;
        if publication.keyed.is_empty() {
            let batch = Batch { drafts: publication.drafts, ..Batch::default() };
            let seqs = self.unless_stalled(self.append_to_store(batch)).await?.seqs;
            return Ok(seqs.into_iter().map(|seq| self.published(seq, false)).collect());
        }
        let hub = self.clone();
        self.finish_keyed(async move { hub.append_keyed(publication).await }).await
    }

    pub(super) fn refuse_if_draining(&self) -> Result<(), AppendError> {
        self.draining().map_or(Ok(()), |_| Err(AppendError::Draining))
    }

    /// Waits for `append`, but not for a disk that does not answer: it may come to pass all the same, and its keys are kept
    /// for that.
    pub(super) async fn unless_stalled<T>(
        &self,
        append: impl Future<Output = Result<T, AppendError>>,
    ) -> Result<T, AppendError> {
        let mut append = std::pin::pin!(append);
        if let Some(done) = append.as_mut().now_or_never() {
            return done;
        }
        tokio::select! {
            biased;
            done = append => done,
            stalled = self.0.store.stalled() => Err(AppendError::Store(stalled)),
        }
    }

    /// Ends `topic` without an event of its own, and returns where: at its last event, or if it has none where the log is.
    pub(crate) async fn end_topic(&self, topic: Topic) -> Result<Position, AppendError> {
        self.refuse_if_draining()?;
        let batch = Batch { end: Some(topic), ..Batch::default() };
        let ended = self.unless_stalled(self.append_to_store(batch)).await?.ended;
        ended.map(|seq| self.position(seq)).ok_or(AppendError::Draining)
    }

    pub(super) async fn append_to_store(&self, mut batch: Batch) -> Result<Appended, AppendError> {
        let _waits = self.0.core.publisher();
        let _appending = self.0.core.room(batch.drafts.len()).await;
        batch.now = self.clock().date();
        let appended = self.fail_if_gone(self.0.store.append(batch).await).map_err(|error| match error {
            StoreError::Ended { index, at } => AppendError::Ended(index, self.position(at)),
            error => AppendError::Store(error),
        })?;
        // Events that the hub could not apply are not acknowledged.
        self.failure().map_or(Ok(appended), |failure| Err(failure.into()))
    }

    pub(super) fn published(&self, seq: u64, duplicate: bool) -> Published {
        Published { position: self.position(seq), duplicate }
    }

    async fn append_keyed(&self, publication: Publication) -> Result<Vec<Published>, AppendError> {
        let Publication { drafts, keyed } = publication;
        let repeats = self.begin_keyed(|keys, now| look_up(keys, &keyed, now)).await?;
        let mut range_of = vec![None; drafts.len()];
        for (index, range) in keyed.iter().enumerate() {
            range_of[range.events.clone()].fill(Some(index));
        }
        let repeat_of = |at: usize| range_of[at].and_then(|range: usize| repeats[range].as_ref());
        // The indexes of the new events among those appended.
        let mut new_index = Vec::with_capacity(drafts.len());
        let mut new = Vec::new();
        for (at, draft) in drafts.into_iter().enumerate() {
            new_index.push(new.len());
            if repeat_of(at).is_none() {
                new.push(draft);
            }
        }
        let begin = |at: usize| new_index.get(at).copied().unwrap_or(new.len());
        let keys: Vec<_> = keyed
            .iter()
            .zip(&repeats)
            .filter(|(_, repeat)| repeat.is_none())
            .map(|(range, _)| KeyedRange {
                events: begin(range.events.start)..begin(range.events.end),
                ..range.clone()
            })
            .collect();
        let in_flight = InFlight::new(self, |known| keys.iter().for_each(|range| known.failed(&range.key)));
        let appended = if new.is_empty() && keys.is_empty() {
            Ok(Appended::default())
        } else {
            self.append_to_store(Batch { drafts: new, keys: keys.clone(), ..Batch::default() }).await
        };
        let seqs = appended.map_err(|error| match error {
            // among all events, not among the new ones
            AppendError::Ended(index, at) => {
                let is_it = |known: &(usize, &usize)| *known.1 == index && repeat_of(known.0).is_none();
                AppendError::Ended(new_index.iter().enumerate().find(is_it).map_or(new_index.len(), |(at, _)| at), at)
            }
            error => error,
        })?;
        let seqs = seqs.seqs;
        in_flight.resolve(|known, now| done(known, &keys, &seqs, now))?;
        let mut published = Vec::with_capacity(new_index.len());
        let mut at = 0;
        while at < new_index.len() {
            match repeat_of(at) {
                None => {
                    published.push(self.published(seqs[new_index[at]], false));
                    at += 1;
                }
                Some(Earlier::Published(earlier)) => {
                    published.extend(earlier.iter().map(|seq| self.published(*seq, true)));
                    at = range_of[at].map_or(at + 1, |range| keyed[range].events.end);
                }
                Some(Earlier::Here(first)) => {
                    let first = keyed[*first].events.start;
                    published.push(self.published(seqs[new_index[first]], true));
                    at += 1;
                }
            }
        }
        self.metrics().duplicates.inc_by(published.iter().filter(|event| event.duplicate).count() as u64);
        Ok(published)
    }
}

/// Looks up the keys of `keyed`, and returns the earlier events of each that is a repeat. The new ones are in flight from
/// then on. `None` if one of them is in flight already.
fn look_up(keys: &mut Keys, keyed: &[KeyedRange], now: Millis) -> Result<Option<Vec<Option<Earlier>>>, AppendError> {
    let mut here: HashMap<&Key, usize> = HashMap::new();
    let mut repeats = Vec::with_capacity(keyed.len());
    let mut in_flight = false;
    for (at, range) in keyed.iter().enumerate() {
        let index = match range.key.scope {
            Scope::Request => None,
            Scope::Topic(_) | Scope::Upload => Some(range.events.start),
        };
        let first = *here.entry(&range.key).or_insert(at);
        if keyed[first].content != range.content {
            return Err(AppendError::Conflict(index));
        }
        repeats.push(match keys.look_up(&range.key, range.content, now) {
            KeyState::Conflict => return Err(AppendError::Conflict(index)),
            KeyState::Used(seqs) => Some(Earlier::Published(seqs)),
            KeyState::InFlight => {
                in_flight = true;
                None
            }
            KeyState::New => (first < at).then_some(Earlier::Here(first)),
        });
    }
    if in_flight {
        return Ok(None);
    }
    for (range, repeat) in keyed.iter().zip(&repeats) {
        if repeat.is_none() {
            keys.begin(range.key.clone(), range.content);
        }
    }
    Ok(Some(repeats))
}

/// Records the events that were published under each of the new keys.
fn done(keys: &mut Keys, keyed: &[KeyedRange], seqs: &[u64], now: Millis) {
    for range in keyed {
        match seqs.get(range.events.clone()) {
            Some(seqs) => keys.done(&range.key, seqs.into(), now),
            None => keys.failed(&range.key),
        }
    }
}
