//! What is hidden from subscribers until the groups that it matches are known.

use std::collections::HashSet;

use crate::{
    Draft, GroupId, Selectors, Topic,
    interest::{Interest, Walk},
    pattern::Visit,
};

/// An event, or the end of a topic without one.
#[derive(Debug, Clone)]
pub(crate) struct Hidden {
    pub(crate) seq: u64,
    topic: Topic,
    others: Box<[Topic]>,
    private: bool,
    /// The canonical topic ends.
    pub(crate) ends: bool,
    /// There is an event.
    pub(crate) is_event: bool,
}

/// A search for the groups that an event matches: first for those that may read it if it is private, then for those that
/// select one of its topics.
#[derive(Debug)]
pub(crate) struct Search {
    /// What is searched for, if the search goes on later.
    pub(crate) hidden: Option<Hidden>,
    walk: Walk,
    /// The topic of the walk.
    at: usize,
    /// The groups that may read it; `None` if all may.
    readers: Option<HashSet<GroupId>>,
    /// The readers are known.
    is_known: bool,
}

impl Hidden {
    pub(crate) fn event(seq: u64, draft: &Draft) -> Self {
        let Draft { topic, others, private, end, .. } = draft;
        Self { seq, topic: topic.clone(), others: others.clone(), private: *private, ends: *end, is_event: true }
    }

    /// The end of `topic` after the event `seq`.
    pub(crate) fn end(seq: u64, topic: &Topic) -> Self {
        let others = Box::default();
        Self { seq, topic: topic.clone(), others, private: false, ends: true, is_event: false }
    }

    fn topics(&self) -> impl Iterator<Item = &Topic> + Clone {
        std::iter::once(&self.topic).chain(&self.others)
    }

    fn topic(&self, at: usize) -> Option<&Topic> {
        if at == 0 { Some(&self.topic) } else { self.others.get(at - 1) }
    }

    /// Returns true if it is an event that a group with `selectors` gets.
    pub(crate) fn is_accepted_by(&self, selectors: &Selectors) -> bool {
        self.is_event && selectors.accept(self.topics(), self.private)
    }
}

impl Search {
    /// Begins to search. `memory` is that of an earlier search.
    pub(crate) fn begin(hidden: &Hidden, interest: &Interest, readers: &Interest, memory: Vec<Visit>) -> Self {
        let private = hidden.private;
        let walk = if private { readers } else { interest }.walk(memory);
        let readers = private.then(HashSet::new);
        Self { hidden: None, walk, at: 0, readers, is_known: !private }
    }

    /// The next group for `hidden`: call it with the same one until the search is over. A group may come several times. Each
    /// list that is opened and each group takes one of `looks`. `None` if there are no looks left, or no more groups.
    pub(crate) fn next(
        &mut self,
        hidden: &Hidden,
        interest: &Interest,
        readers: &Interest,
        looks: &mut usize,
    ) -> Option<GroupId> {
        loop {
            let topic = hidden.topic(self.at)?;
            let index = if self.is_known { interest } else { readers };
            match self.walk.next(index, topic, looks) {
                Some(id) if !self.is_known => {
                    self.readers.get_or_insert_default().insert(id);
                    continue;
                }
                Some(id) if self.readers.as_ref().is_none_or(|readers| readers.contains(&id)) => return Some(id),
                Some(_) => continue,
                None if !Walk::is_over(*looks) => return None,
                None => {}
            }
            // the walk is over
            let next = self.at + 1;
            if hidden.topic(next).is_some() {
                self.at = next;
            } else if self.is_known || self.readers.as_ref().is_some_and(HashSet::is_empty) {
                return None;
            } else {
                self.is_known = true;
                self.at = 0;
            }
            let memory = std::mem::take(&mut self.walk).into_memory();
            self.walk = if self.is_known { interest } else { readers }.walk(memory);
        }
    }

    pub(crate) fn into_memory(self) -> Vec<Visit> {
        self.walk.into_memory()
    }
}
