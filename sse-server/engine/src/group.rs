//! Groups of subscribers with the same selectors, for which matching and joining is done once.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use slab::Slab;

use crate::{
    Bounds, Chunk, Full, GroupId, Selectors, Topic, Write,
    frame::Frame,
    hidden::{Hidden, Search},
    interest::{Interest, Walk},
    pattern::Visit,
    window::Window,
};

/// The most matching events that a group remembers. A cursor that lags further reads the indexes of the topics.
const INDEX: usize = 1024;

/// The number of joined writes cached over all groups. Each has at most 64 KB.
const JOINED: usize = 64;

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) selectors: Selectors,
    members: usize,
    /// The matching events after `complete_after`, in order. The first may have left the window already.
    seqs: VecDeque<u64>,
    pub(crate) complete_after: u64,
    /// The latest matching event after `complete_after` that has left both the window and `seqs`.
    evicted: u64,
    /// All topics of the group may have ended, as it has only topics. It is looked up when a member has caught up.
    pub(crate) may_have_ended: AtomicBool,
    /// The group is among the `unused`.
    is_unused: bool,
}

/// The last joined writes, for members with the same progress. The oldest is evicted first.
#[derive(Debug, Default)]
pub(crate) struct Joined(VecDeque<(JoinKey, Chunk)>);

/// The range a write was joined from. The count distinguishes it from a write over the same range before a trim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct JoinKey {
    group: GroupId,
    first: u64,
    last: u64,
    count: usize,
}

impl Joined {
    fn get(&self, span: JoinKey) -> Option<&Chunk> {
        self.0.iter().find(|(joined, _)| *joined == span).map(|(_, chunk)| chunk)
    }

    fn keep(&mut self, span: JoinKey, chunk: Chunk) {
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
    /// Tells the group of something that matches it, and adds its `id` to `matched`, once. The window begins at `start`.
    fn tell(&mut self, id: GroupId, hidden: &Hidden, start: u64, matched: &mut Vec<GroupId>) {
        let only_topics = hidden.ends && self.selectors.topics_only().is_some();
        if only_topics {
            self.may_have_ended.store(true, Ordering::Relaxed);
        }
        if !hidden.is_event {
            if only_topics {
                matched.push(id);
            }
            return;
        }
        // otherwise another selector of the group has matched already
        if self.seqs.back() != Some(&hidden.seq) && self.evicted < hidden.seq {
            self.note(hidden.seq, start);
            matched.push(id);
        }
    }

    /// Records a matching event. The window now begins at `start`.
    fn note(&mut self, seq: u64, start: u64) {
        while let Some(first) = self.seqs.front().copied().filter(|first| *first < start) {
            self.evicted = self.evicted.max(first);
            self.seqs.pop_front();
        }
        if seq < start {
            self.evicted = self.evicted.max(seq); // it did not stay until it was matched
            return;
        }
        if self.seqs.len() == INDEX
            && let Some(first) = self.seqs.pop_front()
        {
            self.complete_after = first;
        }
        self.seqs.push_back(seq);
    }

    /// Returns true if the group knows all matching events after `seq`, and none of them has left the window, which begins
    /// at `start`.
    pub(crate) fn has_all(&self, seq: u64, start: u64) -> bool {
        seq >= self.complete_after
            && self.evicted <= seq
            && self.seqs_after(seq).next().is_none_or(|first| first >= start)
    }

    /// The remembered events after `seq`.
    pub(crate) fn seqs_after(&self, seq: u64) -> impl Iterator<Item = u64> {
        self.seqs.range(self.seqs.partition_point(|one| *one <= seq)..).copied()
    }
}

/// All groups, indexed by their selectors and by the topics they match.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: Slab<Group>,
    ids: HashMap<Selectors, GroupId>,
    interest: Interest,
    /// The groups by what they may read of private events.
    readers: Interest,
    /// The memory that all sets of selectors take.
    selector_bytes: usize,
    members: usize,
    /// Filled while the groups are only borrowed.
    joined: Mutex<Joined>,
    /// How far the search for the groups of an event has come.
    search: Option<Search>,
    /// The memory of the last walk, for the next one.
    memory: Vec<Visit>,
    /// Groups without members, to be removed when none is looked for. Some may have members again.
    unused: Vec<GroupId>,
}

impl Groups {
    pub(crate) const fn members(&self) -> usize {
        self.members
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    pub(crate) fn get(&self, id: GroupId) -> &Group {
        &self.groups[id.index()]
    }

    /// The memory that all sets of selectors take.
    pub(crate) const fn selector_bytes(&self) -> usize {
        self.selector_bytes
    }

    /// Returns true if the group of `selectors` has members.
    pub(crate) fn has_members(&self, selectors: &Selectors) -> bool {
        self.ids.get(selectors).is_some_and(|id| self.get(*id).members > 0)
    }

    /// The number of nodes in the patterns.
    pub(crate) fn nodes(&self) -> usize {
        self.interest.nodes()
    }

    /// Joins `frames` up to `room` bytes, but at least one, and returns how many were joined.
    pub(crate) fn joined(&self, id: GroupId, window: &Window, frames: &[&Frame], room: usize) -> (Write, usize) {
        let group = self.get(id);
        let (pieces, len) = match pieces(window, group.selectors.envelope, frames, room) {
            Pieces::One(event) => return (Write::One(event), 1),
            Pieces::Several(pieces, len) => (pieces, len),
        };
        let count = pieces.len();
        let key = JoinKey { group: id, first: frames[0].seq, last: frames[count - 1].seq, count };
        if let Some(chunk) = self.cache().get(key) {
            return (Write::Joined(chunk.clone()), count);
        }
        let chunk = Chunk::join(pieces.iter().map(|bytes| &***bytes), len);
        if group.members > 1 {
            self.cache().keep(key, chunk.clone());
        }
        (Write::Joined(chunk), count)
    }

    /// The same for frames that no other member of a group gets together.
    pub(crate) fn joined_once(window: &Window, envelope: bool, frames: &[&Frame], room: usize) -> (Write, usize) {
        match pieces(window, envelope, frames, room) {
            Pieces::One(event) => (Write::One(event), 1),
            Pieces::Several(pieces, len) => {
                (Write::Joined(Chunk::join(pieces.iter().map(|bytes| &***bytes), len)), pieces.len())
            }
        }
    }

    /// Forgets all joined writes.
    pub(crate) fn forget_joined(&self) {
        self.cache().0.clear();
    }

    /// The cache of joined writes. Only complete entries are added, so it stays valid after a panic.
    fn cache(&self) -> MutexGuard<'_, Joined> {
        self.joined.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a member to the group of `selectors`, which is created if needed: it knows all matching events after the last one `shown`.
    /// If it matches the event whose groups are being looked for, it is added to `matched`. The window begins at `start`.
    pub(crate) fn add_member(
        &mut self,
        selectors: Selectors,
        (shown, start): (u64, u64),
        bounds: &Bounds,
        matched: &mut Vec<GroupId>,
    ) -> Result<GroupId, Full> {
        let id = match self.ids.get(&selectors) {
            Some(id) => *id,
            None if self.groups.len() >= bounds.groups => return Err(Full),
            None if self.selector_bytes + selectors.cost() > bounds.selector_bytes => return Err(Full),
            None => {
                let entry = self.groups.vacant_entry();
                let id = GroupId::new(entry.key());
                self.interest.add(selectors.as_slice(), id, bounds.nodes)?;
                if let Err(full) = self.readers.add(selectors.grants(), id, bounds.nodes) {
                    self.interest.remove(selectors.as_slice(), id);
                    return Err(full);
                }
                self.selector_bytes += selectors.cost();
                let group = entry.insert(Group {
                    selectors: selectors.clone(),
                    members: 0,
                    seqs: VecDeque::new(),
                    complete_after: shown,
                    evicted: 0,
                    may_have_ended: AtomicBool::new(selectors.topics_only().is_some()),
                    is_unused: false,
                });
                // the search may have passed it by
                if let Some(hidden) = self
                    .search
                    .as_ref()
                    .and_then(|search| search.hidden.as_ref())
                    .filter(|hidden| hidden.is_accepted_by(&selectors))
                {
                    group.note(hidden.seq, start);
                    matched.push(id);
                }
                self.ids.insert(selectors, id);
                id
            }
        };
        let group = &mut self.groups[id.index()];
        group.members += 1;
        self.members += 1;
        self.interest.add_member(group.selectors.as_slice());
        Ok(id)
    }

    /// Removes a member, and with its last member the group, as soon as no groups are looked for. Returns true if it was the
    /// last.
    pub(crate) fn remove_member(&mut self, id: GroupId) -> bool {
        self.members -= 1;
        let group = &mut self.groups[id.index()];
        group.members -= 1;
        self.interest.remove_member(group.selectors.as_slice());
        let is_empty = group.members == 0;
        if is_empty && !group.is_unused {
            group.is_unused = true;
            self.unused.push(id);
        }
        if self.search.is_none() {
            self.remove_unused(1);
        }
        is_empty
    }

    /// Removes up to `count` groups without members. Returns true if there are no more.
    pub(crate) fn remove_unused(&mut self, count: usize) -> bool {
        for _ in 0..count {
            let Some(id) = self.unused.pop() else { return true };
            let group = &mut self.groups[id.index()];
            group.is_unused = false;
            if group.members > 0 {
                continue;
            }
            let group = self.groups.remove(id.index());
            self.cache().forget(id); // the next group may reuse the ID
            self.ids.remove(&group.selectors);
            self.selector_bytes -= group.selectors.cost();
            self.interest.remove(group.selectors.as_slice(), id);
            self.readers.remove(group.selectors.grants(), id);
        }
        self.unused.is_empty()
    }

    /// The number of groups that wait to be removed.
    pub(crate) const fn unused(&self) -> usize {
        self.unused.len()
    }

    /// Records the event `hidden` in the groups that it matches, and adds these to `matched`, each once, until no `looks`
    /// are left. The window begins at `start`. Returns true if no more groups match; otherwise call it again with the same
    /// event.
    pub(crate) fn note(&mut self, hidden: &Hidden, start: u64, looks: &mut usize, matched: &mut Vec<GroupId>) -> bool {
        let Self { groups, interest, readers, search, memory, .. } = self;
        let begin = || Search::begin(hidden, interest, readers, std::mem::take(memory));
        let mut current = search.take().unwrap_or_else(begin);
        while let Some(id) = current.next(hidden, interest, readers, looks) {
            groups[id.index()].tell(id, hidden, start, matched);
        }
        let over = Walk::is_over(*looks);
        if over {
            self.memory = current.into_memory();
        } else {
            current.hidden.get_or_insert_with(|| hidden.clone());
            self.search = Some(current);
        }
        over
    }

    /// The number of subscribers whose selectors match `topic`, each counted once for every selector that does, and the
    /// number of selectors looked at.
    pub(crate) fn members_of(&self, topic: &Topic) -> (usize, usize) {
        self.interest.members(topic)
    }

    pub(crate) fn names_after(&self, after: Option<&str>) -> impl Iterator<Item = &Topic> {
        self.interest.names_after(after)
    }
}

/// Encoded events of one write.
enum Pieces<'a> {
    One(Bytes),
    /// Two or more, and their length.
    Several(Vec<Cow<'a, Bytes>>, usize),
}

/// The encodings of as many `frames` as have `room`, but at least one.
fn pieces<'a>(window: &Window, envelope: bool, frames: &[&'a Frame], room: usize) -> Pieces<'a> {
    let mut len = 0;
    let mut pieces: Vec<Cow<'_, Bytes>> = Vec::new();
    for frame in frames {
        let piece = window.bytes(frame, envelope);
        if frames.len() == 1 || len + piece.len() > room && pieces.is_empty() {
            return Pieces::One(piece.into_owned());
        }
        if len + piece.len() > room {
            break;
        }
        len += piece.len();
        pieces.push(piece);
    }
    match pieces.len() {
        1 => Pieces::One(pieces.remove(0).into_owned()),
        _ => Pieces::Several(pieces, len),
    }
}
