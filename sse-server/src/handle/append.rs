//! Publishing: keys are looked up, the store appends, and what came of it is remembered.

use std::{collections::HashMap, sync::Arc};

use super::{Hub, Published, Rejected, State};
use crate::{
    hub::{Draft, Millis},
    keys::{Fingerprint, Key, Scope, Seen},
    store::{Batch, Mark, StoreError},
};

/// Events to publish, all or none, with the keys that make some of them the same as earlier ones.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) drafts: Vec<Draft>,
    /// Each for events that no other is for.
    pub(crate) marks: Vec<Mark>,
}

impl Publication {
    /// One event, perhaps with a key of its own.
    pub(crate) fn one(draft: Draft, key: Option<Key>) -> Self {
        Self::each(vec![draft], vec![key])
    }

    /// Events, each perhaps with a key of its own.
    pub(crate) fn each(drafts: Vec<Draft>, keys: Vec<Option<Key>>) -> Self {
        let marks = keys.into_iter().zip(&drafts).enumerate().filter_map(|(at, (key, draft))| {
            Some(Mark { key: key?, content: Fingerprint::of_draft(draft), events: at..at + 1 })
        });
        Self { marks: marks.collect(), drafts }
    }

    /// Events with one key for all.
    pub(crate) fn whole(drafts: Vec<Draft>, key: Key, content: Fingerprint) -> Self {
        let events = 0..drafts.len();
        Self { drafts, marks: vec![Mark { key, content, events }] }
    }
}

/// What is known of a publication's keys.
enum Known {
    /// Where the marked events are, for each mark that is a repeat.
    Repeats(Vec<Option<Repeat>>),
    /// One of them is being published just now.
    UnderWay,
}

enum Repeat {
    /// Of events in the log.
    Earlier(Arc<[u64]>),
    /// Of the mark at this index.
    Here(usize),
}

impl Hub {
    /// Appends all events, or none; a repeat is found by its key.
    pub(crate) async fn append(&self, publication: Publication) -> Result<Vec<Published>, Rejected> {
        if self.draining().is_some() {
            return Err(Rejected::Draining);
        }
        if publication.marks.is_empty() {
            let batch = Batch { drafts: publication.drafts, keys: Vec::new(), now: self.now() };
            let seqs = self.0.store.append(batch).await.map_err(Rejected::Store)?;
            self.metrics().published.inc_by(seqs.len() as u64);
            return Ok(seqs.into_iter().map(|seq| self.published(seq, false)).collect());
        }
        // It goes on when the publisher leaves: else its key would be under way for ever.
        let hub = self.clone();
        let appended = tokio::spawn(async move { hub.append_marked(publication).await });
        appended.await.unwrap_or(Err(Rejected::Store(StoreError::Closed)))
    }

    fn published(&self, seq: u64, duplicate: bool) -> Published {
        Published { position: self.position(seq), duplicate }
    }

    async fn append_marked(&self, publication: Publication) -> Result<Vec<Published>, Rejected> {
        let Publication { drafts, marks } = publication;
        let repeats = loop {
            let mut settled = std::pin::pin!(self.0.keys_settled.notified());
            settled.as_mut().enable();
            let known = self.state().look_up(&marks, self.now())?;
            match known {
                Known::Repeats(repeats) => break repeats,
                Known::UnderWay => settled.await,
            }
        };
        let mut mark_of = vec![None; drafts.len()];
        for (index, mark) in marks.iter().enumerate() {
            mark_of[mark.events.clone()].fill(Some(index));
        }
        let repeat_of = |at: usize| mark_of[at].and_then(|mark: usize| repeats[mark].as_ref());
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
        let keys: Vec<_> = marks
            .iter()
            .zip(&repeats)
            .filter(|(_, repeat)| repeat.is_none())
            .map(|(mark, _)| Mark { events: begin(mark.events.start)..begin(mark.events.end), ..mark.clone() })
            .collect();
        let batch = Batch { drafts: new, keys: keys.clone(), now: self.now() };
        let appended = if batch.drafts.is_empty() && batch.keys.is_empty() {
            Ok(Vec::new())
        } else {
            self.0.store.append(batch).await
        };
        self.state().settle(&keys, appended.as_deref().ok());
        self.0.keys_settled.notify_waiters();
        let seqs = appended.map_err(Rejected::Store)?;
        self.metrics().published.inc_by(seqs.len() as u64);
        let mut published = Vec::with_capacity(place.len());
        let mut at = 0;
        while at < place.len() {
            match repeat_of(at) {
                None => {
                    published.push(self.published(seqs[place[at]], false));
                    at += 1;
                }
                Some(Repeat::Earlier(earlier)) => {
                    published.extend(earlier.iter().map(|seq| self.published(*seq, true)));
                    at = mark_of[at].map_or(at + 1, |mark| marks[mark].events.end);
                }
                Some(Repeat::Here(first)) => {
                    let first = marks[*first].events.start;
                    published.push(self.published(seqs[place[first]], true));
                    at += 1;
                }
            }
        }
        self.metrics().duplicates.inc_by(published.iter().filter(|event| event.duplicate).count() as u64);
        Ok(published)
    }
}

impl State {
    /// What is known of these keys. If none is under way, the new ones are from now on.
    fn look_up(&mut self, marks: &[Mark], now: Millis) -> Result<Known, Rejected> {
        let mut here: HashMap<&Key, usize> = HashMap::new();
        let mut repeats = Vec::with_capacity(marks.len());
        let mut under_way = false;
        for (at, mark) in marks.iter().enumerate() {
            let index = match mark.key.scope {
                Scope::Request => None,
                Scope::Topic(_) | Scope::Line(_) => Some(mark.events.start),
            };
            let first = *here.entry(&mark.key).or_insert(at);
            if marks[first].content != mark.content {
                return Err(Rejected::Conflict(index));
            }
            repeats.push(match self.keys.look_up(&mark.key, mark.content, now) {
                Seen::Conflict => return Err(Rejected::Conflict(index)),
                Seen::Before(seqs) => Some(Repeat::Earlier(seqs)),
                Seen::UnderWay => {
                    under_way = true;
                    None
                }
                Seen::New => (first < at).then_some(Repeat::Here(first)),
            });
        }
        if under_way {
            return Ok(Known::UnderWay);
        }
        for (mark, repeat) in marks.iter().zip(&repeats) {
            if repeat.is_none() {
                self.keys.begin(mark.key.clone(), mark.content, now);
            }
        }
        Ok(Known::Repeats(repeats))
    }

    /// What came of the new keys: where their events are, or that they are nowhere.
    fn settle(&mut self, marks: &[Mark], seqs: Option<&[u64]>) {
        for mark in marks {
            match seqs.and_then(|seqs| seqs.get(mark.events.clone())) {
                Some(seqs) => self.keys.done(&mark.key, seqs.into()),
                None => self.keys.failed(&mark.key),
            }
        }
    }
}
