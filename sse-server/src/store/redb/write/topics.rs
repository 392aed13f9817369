//! What the writer knows of all topics together.

use std::collections::{BTreeSet, HashMap};

use sse_engine::{BySize, StoredTopic, Topic};

use crate::store::{Scope, redb::loaded::Loaded};

/// Topics by name, and totals over all of them.
#[derive(Debug, Default)]
pub(in super::super) struct TopicIndex {
    pub(super) ids: HashMap<Topic, u32>,
    /// Topics without events, ordered by their last lost event.
    pub(super) empty: BTreeSet<(u64, u32)>,
    pub(super) smallest: BySize<u32>,
    /// The last key of each upload.
    pub(super) uploads: HashMap<String, u64>,
    pub(in super::super) events: u64,
    pub(in super::super) bytes: u64,
    /// The last event retained, and its topic.
    pub(super) last: (u64, u32),
}

impl TopicIndex {
    pub(in super::super) fn of(loaded: &Loaded) -> Self {
        let mut topics = Self::default();
        for (id, stored) in &loaded.topics {
            topics.ids.insert(stored.topic.clone(), *id);
            topics.events += stored.retained.events() as u64;
            topics.bytes += stored.retained.bytes() as u64;
            topics.smallest.note(*id, stored.retained.events());
            topics.note_empty(*id, stored);
        }
        topics.last = last(loaded);
        let uploads = loaded.keys.iter().filter(|(_, key)| key.key.scope == Scope::Upload);
        topics.uploads = uploads.map(|(ordinal, key)| (key.key.text.clone(), *ordinal)).collect();
        topics
    }

    /// Notes that the topic can be forgotten, if nothing is retained of it.
    pub(super) fn note_empty(&mut self, id: u32, stored: &StoredTopic) {
        if stored.retained.is_empty() {
            self.empty.insert(place(id, stored));
        }
    }

    /// The topic is about to change.
    pub(super) fn note_change(&mut self, id: u32, stored: &StoredTopic) {
        if stored.retained.is_empty() {
            self.empty.remove(&place(id, stored));
        }
    }
}

/// The place of a topic among those without events.
fn place(id: u32, stored: &StoredTopic) -> (u64, u32) {
    (stored.lost.0.max(stored.lost_private.0), id)
}

/// The last event retained, and its topic.
pub(super) fn last(loaded: &Loaded) -> (u64, u32) {
    loaded.topics.iter().map(|(id, stored)| (stored.retained.last_own(), *id)).max().unwrap_or_default()
}
