//! Trimming: an event goes from all tables, and each of its topics is told.

use std::collections::HashMap;

use redb::{ReadableTable, StorageError};
use sse_engine::{Kind, Loss, Millis, Stock, Topic, Trim};

use super::{LogTransaction, topics};
use crate::store::redb::{
    Fault,
    tables::{self, FileResult, Indexed, NO_TOPIC},
};

/// Why an event goes. It decides who misses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Reason {
    /// It is beyond what is retained: whoever has not had it misses it.
    Bounds,
    /// A later event of its canonical topic stands for it: the last one.
    Superseded,
    /// It was never reported.
    Undone,
}

/// What a transaction trims from a topic.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cut {
    through: u64,
    own_through: u64,
    lost: Loss,
    lost_private: Loss,
}

/// What is known of an event that was removed.
struct Removed {
    seq: u64,
    time: Millis,
    topic: u32,
    private: bool,
    others: Vec<u32>,
}

impl Cut {
    pub(super) fn into_trim(self, topic: Topic, left: Stock) -> Trim {
        let Self { through, own_through, lost, lost_private } = self;
        Trim { topic, through, own_through, lost, lost_private, left }
    }
}

impl LogTransaction<'_> {
    /// Trims the event `seq`, and returns true if it existed.
    pub(in super::super) fn trim(&mut self, seq: u64, reason: Reason) -> FileResult<bool> {
        let Some(removed) = self.remove(seq)? else { return Ok(false) };
        let Removed { topic, private, .. } = removed;
        let weight = self.index.remove((topic, seq))?.map_or(0, |bits| Indexed::of(bits.value()).weight);
        let mut stands = Vec::with_capacity(removed.others.len());
        let mut by = self.superseding(&removed, reason);
        for other in &removed.others {
            stands.push(match by {
                Some(by) => self.others.get(self.transaction)?.get((*other, by))?.is_some(),
                None => false,
            });
        }
        // a grant for one of its topics need not be one for a private event that lacks it
        if private && stands.contains(&false) {
            by = None;
        }
        if topic != NO_TOPIC {
            let lost = reason == Reason::Bounds || (reason == Reason::Superseded && by.is_none());
            self.note_trimmed(topic, Kind { canonical: true, private }, weight, &removed, (reason, lost));
            self.topics.events = self.topics.events.saturating_sub(1);
            self.topics.bytes = self.topics.bytes.saturating_sub(weight as u64);
        }
        for (other, stands) in removed.others.iter().zip(stands) {
            self.others.get(self.transaction)?.remove((*other, seq))?;
            let lost = reason != Reason::Undone && !(stands && by.is_some());
            self.note_trimmed(*other, Kind { canonical: false, private }, 0, &removed, (reason, lost));
        }
        Ok(true)
    }

    /// The event that stands for the one `removed`, if one does. Not everyone gets a private one.
    fn superseding(&self, removed: &Removed, reason: Reason) -> Option<u64> {
        let retained = self.loaded.topics.get(&removed.topic).filter(|_| reason == Reason::Superseded)?.retained;
        let private = retained.of(Kind { private: true, ..Kind::PLAIN });
        let by = retained.last_own();
        (by > removed.seq && (removed.private || private.last != by)).then_some(by)
    }

    fn note_trimmed(&mut self, id: u32, kind: Kind, weight: usize, removed: &Removed, (reason, lost): (Reason, bool)) {
        let Removed { seq, time, private, .. } = *removed;
        self.touched.insert(id);
        let Some(stored) = self.loaded.topics.get_mut(&id) else { return };
        self.topics.note_change(id, stored);
        let events = stored.retained.events();
        stored.retained.of_mut(kind).remove(weight);
        self.topics.smallest.change(id, events, stored.retained.events());
        if lost {
            raise(if private { &mut stored.lost_private } else { &mut stored.lost }, (seq, time));
        }
        self.topics.note_empty(id, stored);
        if reason == Reason::Undone {
            return;
        }
        let cut = self.trims.entry(id).or_default();
        cut.through = cut.through.max(seq);
        if kind.canonical {
            cut.own_through = cut.own_through.max(seq);
        }
        if lost {
            raise(if private { &mut cut.lost_private } else { &mut cut.lost }, (seq, time));
        }
    }

    /// Removes the row of the event `seq` and its alias, and returns what the row says of its topics.
    fn remove(&mut self, seq: u64) -> FileResult<Option<Removed>> {
        let read = match self.events.remove(seq)? {
            None => return Ok(None),
            Some(row) => tables::open_event(seq, row.value()).map(|event| {
                let (head, others) = (event.head, event.others.iter().map(|other| other.id).collect());
                let removed = Removed { seq, time: head.time, topic: head.topic, private: head.private, others };
                (removed, event.alias.map(str::to_owned))
            }),
        };
        match read {
            Ok((removed, alias)) => {
                if let Some(alias) = alias {
                    self.aliases.get(self.transaction)?.remove((&*alias, seq))?;
                }
                Ok(Some(removed))
            }
            Err(Fault::Row(_)) => self.search(seq).map(Some),
            Err(fault) => Err(fault),
        }
    }

    /// What there is to know of the event `seq`, whose row is damaged: it is of the time of the log, and of the topics that
    /// have such an event in the indexes.
    fn search(&mut self, seq: u64) -> FileResult<Removed> {
        let (mut topic, mut private) = (NO_TOPIC, false);
        for id in self.loaded.topics.keys() {
            if let Some(bits) = self.index.get((*id, seq))? {
                (topic, private) = (*id, Indexed::of(bits.value()).private);
                break;
            }
        }
        let mut others = Vec::new();
        for row in self.others.get(self.transaction)?.iter()? {
            let (key, bits) = row?;
            if key.value().1 == seq {
                others.push(key.value().0);
                private = Indexed::of(bits.value().0).private;
            }
        }
        let aliases = self.aliases.get(self.transaction)?;
        let mut own = Vec::new();
        for row in aliases.iter()? {
            let key = row?.0;
            if key.value().1 == seq {
                own.push(key.value().0.to_owned());
            }
        }
        for alias in own {
            aliases.remove((&*alias, seq))?;
        }
        Ok(Removed { seq, time: self.loaded.time, topic, private, others })
    }

    /// Trims up to `most` events of `topic` through `through`. Returns false if more remain.
    pub(in super::super) fn trim_topic(&mut self, topic: &Topic, through: u64, most: usize) -> FileResult<bool> {
        let Some(id) = self.topics.ids.get(topic).copied() else { return Ok(true) };
        let mut before = 0;
        for _ in 0..most {
            let Some(seq) = self.next_of(id, before)?.filter(|seq| *seq <= through) else { return Ok(true) };
            self.trim(seq, Reason::Bounds)?;
            before = seq;
        }
        Ok(false)
    }

    /// The oldest event and its time. One whose row is damaged is as old as can be: it goes first.
    pub(in super::super) fn oldest(&self) -> FileResult<Option<(u64, Millis)>> {
        let Some((seq, row)) = self.events.first()? else { return Ok(None) };
        let seq = seq.value();
        Ok(Some((seq, tables::event_head(seq, row.value()).map_or(0, |head| head.time))))
    }

    /// The oldest event of one of the smallest topics, but not of the newest one: it would never get in.
    pub(in super::super) fn oldest_of_smallest(&self) -> FileResult<Option<u64>> {
        let newest = self.loaded.next_topic.checked_sub(1);
        match self.topics.smallest.first_but(newest) {
            Some(id) => self.next_of(id, 0),
            None => Ok(None),
        }
    }

    /// The time of the event `seq`, if there is one.
    pub(in super::super) fn time(&self, seq: u64) -> FileResult<Option<Millis>> {
        Ok(self.events.get(seq)?.map(|row| tables::event_head(seq, row.value()).map_or(0, |head| head.time)))
    }

    /// The first event after `after` whose canonical topic is `id`.
    pub(in super::super) fn next_of(&self, id: u32, after: u64) -> FileResult<Option<u64>> {
        Ok(self.index.range((id, after + 1)..=(id, u64::MAX))?.next().transpose()?.map(|(key, _)| key.value().1))
    }

    /// Removes everything after event `after` and from key `next_key` on, and lets the topics end where `ends` says: a
    /// commit that was reported as failed may have reached the file after all.
    pub(in super::super) fn cut_off(
        &mut self,
        after: u64,
        next_key: u64,
        ends: &HashMap<Topic, u64>,
    ) -> FileResult<()> {
        let seqs: Vec<u64> =
            self.events.range(after + 1..)?.map(|row| Ok(row?.0.value())).collect::<Result<_, StorageError>>()?;
        for seq in seqs {
            self.trim(seq, Reason::Undone)?;
        }
        self.keys.retain_in(next_key.., |_, _| false)?;
        self.loaded.next_key = next_key;
        for id in self.touched() {
            self.mend(id, true)?;
        }
        for (id, stored) in &mut self.loaded.topics {
            let ended = ends.get(&stored.topic).copied().unwrap_or(0);
            if stored.ended != ended {
                stored.ended = ended;
                self.touched.insert(*id);
            }
        }
        self.topics.last = topics::last(self.loaded);
        Ok(())
    }

    /// Finds the first event of each kind of topic `id` again, where it was trimmed. The last one goes before others only
    /// where it is of another canonical topic, or where all is `undone`.
    pub(super) fn mend(&mut self, id: u32, undone: bool) -> FileResult<()> {
        let Some(mut retained) = self.loaded.topics.get(&id).map(|stored| stored.retained) else { return Ok(()) };
        for kind in Kind::ALL {
            let of_kind = retained.of_mut(kind);
            if of_kind.events == 0 {
                continue;
            }
            of_kind.first = self.find(id, kind, of_kind.first, false)?.unwrap_or(0);
            if undone || !kind.canonical {
                of_kind.last = self.find(id, kind, of_kind.last, true)?.unwrap_or(0);
            }
        }
        if let Some(stored) = self.loaded.topics.get_mut(&id) {
            stored.retained = retained;
        }
        Ok(())
    }

    /// The first event of this kind from `seq` on, or `back` from there.
    fn find(&mut self, id: u32, kind: Kind, seq: u64, back: bool) -> FileResult<Option<u64>> {
        let range = if back { (id, 0)..=(id, seq) } else { (id, seq)..=(id, u64::MAX) };
        if kind.canonical {
            let rows = self.index.range(range)?.map(|row| row.map(|(key, bits)| (key.value().1, bits.value())));
            return if back { first(rows.rev(), kind) } else { first(rows, kind) };
        }
        let rows = self.others.get(self.transaction)?.range(range)?;
        let rows = rows.map(|row| row.map(|(key, bits)| (key.value().1, bits.value().0)));
        if back { first(rows.rev(), kind) } else { first(rows, kind) }
    }

    /// Forgets the empty topic whose last event is the oldest.
    pub(in super::super) fn forget(&mut self) -> FileResult<Option<u32>> {
        let Some((_, id)) = self.topics.empty.pop_first() else { return Ok(None) };
        let Some(stored) = self.loaded.topics.remove(&id) else { return Ok(None) };
        self.topics.ids.remove(&stored.topic);
        raise(&mut self.loaded.floor, stored.lost);
        raise(&mut self.loaded.private_floor, stored.lost_private);
        self.touched.insert(id);
        if stored.ended > 0 {
            self.reopened.push(stored.topic.clone());
        }
        if let Some(cut) = self.trims.remove(&id) {
            self.gone.push(cut.into_trim(stored.topic, Stock::default()));
        }
        Ok(Some(id))
    }

    /// What was trimmed, with what is left of each topic.
    pub(super) fn take_trims(&mut self) -> FileResult<Vec<Trim>> {
        let mut trims = std::mem::take(&mut self.gone);
        for (id, cut) in std::mem::take(&mut self.trims) {
            self.mend(id, false)?;
            let Some(stored) = self.loaded.topics.get(&id) else { continue };
            trims.push(cut.into_trim(stored.topic.clone(), stored.retained));
        }
        Ok(trims)
    }
}

fn first(mut rows: impl Iterator<Item = Result<(u64, u32), StorageError>>, kind: Kind) -> FileResult<Option<u64>> {
    let is_it =
        |row: &Result<(u64, u32), _>| !matches!(row, Ok((_, bits)) if Indexed::of(*bits).private != kind.private);
    Ok(rows.find(is_it).transpose()?.map(|(seq, _)| seq))
}

/// Keeps the later of both.
fn raise(loss: &mut Loss, other: Loss) {
    *loss = (loss.0.max(other.0), loss.1.max(other.1));
}
