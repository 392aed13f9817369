//! Subscribers with the same selectors are one group, and what they share is done once.

use std::collections::{HashMap, VecDeque};

use slab::Slab;

use super::{Chunk, Full, Log, Selectors, Topic, Write, frame::Frame, interest::Interest};

/// How many matching events a group remembers. A cursor further behind reads the topics' own indexes.
const INDEX: usize = 1024;

/// How many joined writes are kept, of all groups together: those that are being made now. At most 64 KB each.
const JOINED: usize = 64;

/// A group's place in the table, good while it has members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct GroupId(u32);

impl GroupId {
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("groups are bounded far below"))
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) selectors: Selectors,
    members: usize,
    /// The matching events after `complete_after`, in order; those that the log has trimmed may still be in front.
    seqs: VecDeque<u64>,
    pub(super) complete_after: u64,
    /// The latest matching event after `complete_after` that is known to be trimmed.
    trimmed: u64,
}

/// The last writes that were joined from several frames, for the members that stand at the same place. The oldest goes
/// first.
#[derive(Debug, Default)]
pub(super) struct Joined(VecDeque<(Span, Chunk)>);

/// What a write was joined from. The count tells it from one between the same ends before something was trimmed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    group: GroupId,
    first: u64,
    last: u64,
    count: usize,
}

impl Joined {
    fn get(&self, span: Span) -> Option<&Chunk> {
        self.0.iter().find(|(joined, _)| *joined == span).map(|(_, chunk)| chunk)
    }

    fn keep(&mut self, span: Span, chunk: Chunk) {
        if self.0.len() == JOINED {
            self.0.pop_front();
        }
        self.0.push_back((span, chunk));
    }

    fn forget(&mut self, group: GroupId) {
        self.0.retain(|(joined, _)| joined.group != group);
    }
}

impl Group {
    fn note(&mut self, seq: u64) {
        if self.seqs.len() == INDEX
            && let Some(first) = self.seqs.pop_front()
        {
            self.complete_after = first;
        }
        self.seqs.push_back(seq);
    }

    /// Drops what the log has trimmed, and gives the last event that is known to be.
    pub(super) fn settle(&mut self, log: &Log) -> u64 {
        while let Some(first) = self.seqs.front().copied().filter(|first| *first < log.start()) {
            self.trimmed = self.trimmed.max(first);
            self.seqs.pop_front();
        }
        self.trimmed
    }

    /// The remembered events after a sequence number.
    pub(super) fn seqs_after(&self, seq: u64) -> impl Iterator<Item = u64> {
        self.seqs.range(self.seqs.partition_point(|one| *one <= seq)..).copied()
    }
}

/// All groups, found by their selectors and by what they match.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: Slab<Group>,
    ids: HashMap<Selectors, GroupId>,
    interest: Interest,
    members: usize,
    joined: Joined,
}

impl Groups {
    pub(super) const fn members(&self) -> usize {
        self.members
    }

    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn get(&self, id: GroupId) -> &Group {
        &self.groups[id.index()]
    }

    pub(super) fn get_mut(&mut self, id: GroupId) -> &mut Group {
        &mut self.groups[id.index()]
    }

    /// How many nodes the patterns take.
    pub(super) fn nodes(&self) -> usize {
        self.interest.nodes()
    }

    /// These frames in one piece, at most `room` bytes of them but at least one; and how many they are.
    pub(super) fn joined(&mut self, id: GroupId, log: &Log, frames: &[&Frame], room: usize) -> (Write, usize) {
        let Self { groups, joined, .. } = self;
        let group = &groups[id.index()];
        let envelope = group.selectors.envelope;
        let mut len = 0;
        let mut count = 0;
        for frame in frames {
            let longer = len + log.bytes(frame, envelope).len();
            if count > 0 && longer > room {
                break;
            }
            (len, count) = (longer, count + 1);
        }
        let pieces = || frames[..count].iter().map(|frame| log.bytes(frame, envelope));
        if count == 1 {
            return (Write::One(pieces().next().cloned().unwrap_or_default()), count);
        }
        let span = Span { group: id, first: frames[0].seq, last: frames[count - 1].seq, count };
        if let Some(chunk) = joined.get(span) {
            return (Write::Joined(chunk.clone()), count);
        }
        let chunk = Chunk::join(pieces().map(|bytes| &**bytes), len);
        if group.members > 1 {
            joined.keep(span, chunk.clone());
        }
        (Write::Joined(chunk), count)
    }

    /// Adds a member to the group of these selectors, which is made if need be.
    pub(super) fn join(
        &mut self,
        selectors: Selectors,
        head: u64,
        max_groups: usize,
        max_nodes: usize,
    ) -> Result<GroupId, Full> {
        let id = match self.ids.get(&selectors) {
            Some(id) => *id,
            None if self.groups.len() >= max_groups => return Err(Full),
            None => {
                let entry = self.groups.vacant_entry();
                let id = GroupId::new(entry.key());
                self.interest.add(&selectors, id, max_nodes)?;
                entry.insert(Group {
                    selectors: selectors.clone(),
                    members: 0,
                    seqs: VecDeque::new(),
                    complete_after: head,
                    trimmed: 0,
                });
                self.ids.insert(selectors, id);
                id
            }
        };
        self.get_mut(id).members += 1;
        self.members += 1;
        Ok(id)
    }

    /// Takes a member out; the last one takes the group along.
    pub(super) fn leave(&mut self, id: GroupId) {
        self.members -= 1;
        let group = self.get_mut(id);
        group.members -= 1;
        if group.members == 0 {
            let group = self.groups.remove(id.index());
            self.joined.forget(id); // the next group may get the same place
            self.ids.remove(&group.selectors);
            self.interest.remove(&group.selectors, id);
        }
    }

    /// Enters an event into every group that it is for, and names them, each once.
    pub(super) fn note(&mut self, seq: u64, topic: &Topic, matched: &mut Vec<GroupId>) {
        let Self { groups, interest, .. } = self;
        interest.matching(topic, |id| {
            let group = &mut groups[id.index()];
            // else another of its selectors has matched already
            if group.seqs.back() != Some(&seq) {
                group.note(seq);
                matched.push(id);
            }
        });
    }

    /// Events of a topic, up to this one, were trimmed out of turn.
    pub(super) fn note_trimmed(&mut self, topic: &Topic, through: u64) {
        let Self { groups, interest, .. } = self;
        interest.matching(topic, |id| {
            let group = &mut groups[id.index()];
            group.trimmed = group.trimmed.max(through);
        });
    }

    /// How many subscribers want a topic.
    pub(super) fn members_of(&self, topic: &Topic) -> usize {
        let mut ids = Vec::new();
        self.interest.matching(topic, |id| ids.push(id));
        ids.sort_unstable_by_key(|id| id.0);
        ids.dedup();
        ids.into_iter().map(|id| self.get(id).members).sum()
    }

    pub(super) fn names_after(&self, after: Option<&str>) -> impl Iterator<Item = &Topic> {
        self.interest.names_after(after)
    }
}
