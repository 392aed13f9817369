//! Publishing: keys are looked up, the store appends, and what came of it is remembered.

use std::{collections::HashMap, sync::Arc};

use sse_engine::{Draft, Millis, Position, Surroundings};

use super::{
    Failure, Hub,
    core::set,
    idempotency::{KeyState, Keys},
};
use crate::store::{Batch, Fingerprint, Key, KeyedRange, Scope, StoreError};

/// Events to publish, all or none, with the keys that make some of them the same as earlier ones.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) drafts: Vec<Draft>,
    /// No event is in two of them.
    pub(crate) keyed: Vec<KeyedRange>,
}

impl Publication {
    /// One event, perhaps with a key of its own.
    pub(crate) fn one(draft: Draft, key: Option<Key>) -> Self {
        Self::each(vec![draft], vec![key])
    }

    /// Events, each perhaps with a key of its own.
    pub(crate) fn each(drafts: Vec<Draft>, keys: Vec<Option<Key>>) -> Self {
        let keyed = keys.into_iter().zip(&drafts).enumerate().filter_map(|(at, (key, draft))| {
            Some(KeyedRange { key: key?, content: Fingerprint::of_draft(draft), events: at..at + 1 })
        });
        Self { keyed: keyed.collect(), drafts }
    }

    /// Events with one key for all.
    pub(crate) fn whole(drafts: Vec<Draft>, key: Key, content: Fingerprint) -> Self {
        let events = 0..drafts.len();
        Self { drafts, keyed: vec![KeyedRange { key, content, events }] }
    }
}

/// Where a published event is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Published {
    pub(crate) position: Position,
    pub(crate) duplicate: bool,
}

/// A publication was refused whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AppendError {
    /// The key of the event at this index, or of the whole request, was used for other content.
    Conflict(Option<usize>),
    Draining,
    /// The store does not take it.
    Store(StoreError),
}

impl From<Failure> for AppendError {
    fn from(_: Failure) -> Self {
        Self::Draining
    }
}

/// What is known of a publication's keys.
enum Known {
    /// For each keyed range that is a repeat, what it repeats.
    Repeats(Vec<Option<Earlier>>),
    /// One of them is in flight.
    InFlight,
}

/// What a repeat repeats.
enum Earlier {
    /// The events with these sequence numbers.
    Published(Arc<[u64]>),
    /// The keyed range at this index of the same publication.
    Here(usize),
}

impl Hub {
    /// Appends all events, or none; a repeat is found by its key.
    pub(crate) async fn append(&self, publication: Publication) -> Result<Vec<Published>, AppendError> {
        if self.draining().is_some() {
            return Err(AppendError::Draining);
        }
        if publication.keyed.is_empty() {
            let seqs = self.append_to_store(publication.drafts, Vec::new()).await?;
            return Ok(seqs.into_iter().map(|seq| self.published(seq, false)).collect());
        }
        // It goes on when the publisher leaves: else its keys would be in flight for ever.
        let hub = self.clone();
        let appended = tokio::spawn(async move { hub.append_keyed(publication).await });
        appended.await.unwrap_or(Err(AppendError::Store(StoreError::Closed)))
    }

    async fn append_to_store(&self, drafts: Vec<Draft>, keys: Vec<KeyedRange>) -> Result<Vec<u64>, AppendError> {
        let batch = Batch { drafts, keys, now: self.clock().now() };
        let seqs = self.0.store.append(batch).await.map_err(|error| {
            self.0.core.note_error(&error);
            AppendError::Store(error)
        })?;
        // What the hub could not take in is acknowledged to nobody.
        self.failure().map_or(Ok(seqs), |failure| Err(failure.into()))
    }

    fn published(&self, seq: u64, duplicate: bool) -> Published {
        Published { position: self.position(seq), duplicate }
    }

    async fn append_keyed(&self, publication: Publication) -> Result<Vec<Published>, AppendError> {
        let Publication { drafts, keyed } = publication;
        let repeats = loop {
            let mut settled = std::pin::pin!(self.0.keys_settled.notified());
            settled.as_mut().enable();
            let known = self.with_keys(|keys| look_up(keys, &keyed, self.clock().now()))??;
            match known {
                Known::Repeats(repeats) => break repeats,
                Known::InFlight => settled.await,
            }
        };
        let mut range_of = vec![None; drafts.len()];
        for (index, range) in keyed.iter().enumerate() {
            range_of[range.events.clone()].fill(Some(index));
        }
        let repeat_of = |at: usize| range_of[at].and_then(|range: usize| repeats[range].as_ref());
        // Where the new ones are among those that are appended.
        let mut place = Vec::with_capacity(drafts.len());
        let mut new = Vec::new();
        for (at, draft) in drafts.into_iter().enumerate() {
            place.push(new.len());
            if repeat_of(at).is_none() {
                new.push(draft);
            }
        }
        let begin = |at: usize| place.get(at).copied().unwrap_or(new.len());
        let keys: Vec<_> = keyed
            .iter()
            .zip(&repeats)
            .filter(|(_, repeat)| repeat.is_none())
            .map(|(range, _)| KeyedRange {
                events: begin(range.events.start)..begin(range.events.end),
                ..range.clone()
            })
            .collect();
        let appended = if new.is_empty() && keys.is_empty() {
            Ok(Vec::new())
        } else {
            self.append_to_store(new, keys.clone()).await
        };
        let settled = self.with_keys(|known| settle(known, &keys, appended.as_deref().ok()));
        self.0.keys_settled.notify_waiters();
        settled?;
        let seqs = appended?;
        let mut published = Vec::with_capacity(place.len());
        let mut at = 0;
        while at < place.len() {
            match repeat_of(at) {
                None => {
                    published.push(self.published(seqs[place[at]], false));
                    at += 1;
                }
                Some(Earlier::Published(earlier)) => {
                    published.extend(earlier.iter().map(|seq| self.published(*seq, true)));
                    at = range_of[at].map_or(at + 1, |range| keyed[range].events.end);
                }
                Some(Earlier::Here(first)) => {
                    let first = keyed[*first].events.start;
                    published.push(self.published(seqs[place[first]], true));
                    at += 1;
                }
            }
        }
        self.metrics().duplicates.inc_by(published.iter().filter(|event| event.duplicate).count() as u64);
        Ok(published)
    }

    fn with_keys<T>(&self, work: impl FnOnce(&mut Keys) -> T) -> Result<T, Failure> {
        let mut keys = self.0.keys.lock().map_err(|_| self.0.core.fail_poisoned())?;
        let done = work(&mut keys);
        set(&self.metrics().keys, keys.len());
        Ok(done)
    }
}

/// What is known of these keys. Unless one of them is in flight, the new ones are from now on.
fn look_up(keys: &mut Keys, keyed: &[KeyedRange], now: Millis) -> Result<Known, AppendError> {
    let mut here: HashMap<&Key, usize> = HashMap::new();
    let mut repeats = Vec::with_capacity(keyed.len());
    let mut in_flight = false;
    for (at, range) in keyed.iter().enumerate() {
        let index = match range.key.scope {
            Scope::Request => None,
            Scope::Topic(_) | Scope::Line(_) => Some(range.events.start),
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
        return Ok(Known::InFlight);
    }
    for (range, repeat) in keyed.iter().zip(&repeats) {
        if repeat.is_none() {
            keys.begin(range.key.clone(), range.content, now);
        }
    }
    Ok(Known::Repeats(repeats))
}

/// What came of the new keys: where their events are, or that they are nowhere.
fn settle(keys: &mut Keys, keyed: &[KeyedRange], seqs: Option<&[u64]>) {
    for range in keyed {
        match seqs.and_then(|seqs| seqs.get(range.events.clone())) {
            Some(seqs) => keys.done(&range.key, seqs.into()),
            None => keys.failed(&range.key),
        }
    }
}
