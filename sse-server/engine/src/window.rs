//! The window of recent events: a total order over all topics, bounded in events, bytes and topics.
//!
//! Without a store, the window is everything that is retained, and an event that leaves it is trimmed. With a store, an
//! event that leaves the window is still in the store, which announces its trims.

mod backing;
mod marks;

use std::{borrow::Cow, collections::VecDeque};

use bytes::Bytes;

use crate::{
    Bounds, Draft, Epoch, Hole, Loss, Millis, OutOfOrder, Position, Topic,
    aliases::Aliases,
    envelopes::Envelopes,
    frame::Frame,
    topic_state::TopicLoss,
    topics::{TopicId, Topics},
};

/// The most trimmed slots between retained ones before they are compacted.
const SPARE_SLOTS: usize = 1024;

/// The window of the log in memory. When it is full, the oldest events are evicted.
#[derive(Debug)]
pub struct Window {
    epoch: Epoch,
    bounds: Bounds,
    /// Ordered by sequence number, with possible gaps. Trimmed events at either end are removed; one trimmed in between
    /// is `None`.
    slots: VecDeque<Slot>,
    bytes: usize,
    /// The enveloped encodings, which are made while the window is only borrowed.
    envelopes: Envelopes,
    events: usize,
    /// The last event that subscribers may have; 0 before the first. Later ones are hidden until their groups are known.
    shown: u64,
    /// The last event appended here. It is below `shown` while the events of a store are being loaded.
    appended: u64,
    /// The total size of all events ever published.
    published: u64,
    topics: Topics,
    aliases: Aliases,
    /// The canonical topic of the last event.
    newest: Option<TopicId>,
    /// The last event ever lost.
    lost_through: u64,
    /// The number of losses, each of which has its own.
    generation: u64,
    /// There is a store behind the window.
    backed: bool,
    /// Events through this one were in the store when it was opened.
    head_at_open: u64,
    /// Events through this one are in the store, and need not be in the window.
    committed: u64,
    /// Events through this one have left the window, and may be in the store.
    evicted: u64,
    holes: Vec<Hole>,
}

#[derive(Debug)]
struct Slot {
    seq: u64,
    time: Millis,
    /// The total size of all events published before it.
    before: u64,
    frame: Option<Frame>,
}

impl Window {
    pub(crate) fn new(epoch: Epoch, bounds: Bounds) -> Self {
        Self {
            epoch,
            bounds,
            slots: VecDeque::new(),
            bytes: 0,
            envelopes: Envelopes::new(bounds.bytes / 4),
            events: 0,
            shown: 0,
            appended: 0,
            published: 0,
            topics: Topics::new(bounds.topics),
            aliases: Aliases::default(),
            newest: None,
            lost_through: 0,
            generation: 0,
            backed: false,
            head_at_open: 0,
            committed: 0,
            evicted: 0,
            holes: Vec::new(),
        }
    }

    /// Numbers the loss of an event.
    fn lose(&mut self, lost: Loss) -> TopicLoss {
        self.generation += 1;
        self.lost_through = self.lost_through.max(lost.0);
        TopicLoss::of(lost, self.generation)
    }

    /// The last event that left the window, perhaps still hidden. Whatever is retained through it is in the store.
    pub(crate) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The first hole in which a subscriber served through `seq` may have lost events.
    pub(crate) fn hole(&self, seq: u64) -> Option<&Hole> {
        self.holes.iter().find(|hole| hole.affects(seq))
    }

    /// Events through `through` can be read from the store.
    pub(crate) fn set_committed(&mut self, through: u64) {
        self.committed = self.committed.max(through);
    }

    /// The epoch of the log.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The sequence number of the last event that subscribers may have; 0 before the first.
    pub const fn shown(&self) -> u64 {
        self.shown
    }

    /// The last sequence number assigned, perhaps to an event that is still hidden.
    pub const fn head(&self) -> u64 {
        if self.appended > self.shown { self.appended } else { self.shown }
    }

    /// Subscribers may have the events through `seq`.
    pub(crate) const fn show(&mut self, seq: u64) {
        if seq > self.shown {
            self.shown = seq;
        }
    }

    /// The position just after the event `seq`.
    pub const fn at(&self, seq: u64) -> Position {
        Position::new(self.epoch, seq)
    }

    /// Retained events, their bytes, and known topics.
    pub fn size(&self) -> (usize, usize, usize) {
        (self.events, self.bytes, self.topics.len())
    }

    pub(crate) const fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The generation of the last loss.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// The last event ever lost: none after it is.
    pub(crate) const fn lost_through(&self) -> u64 {
        self.lost_through
    }

    /// The first sequence number in the window, or the next one to be assigned.
    pub(crate) fn start(&self) -> u64 {
        self.slots.front().map_or(self.head() + 1, |slot| slot.seq)
    }

    /// Appends an event, which is hidden until it is [shown](Self::show). Sequence numbers strictly increase, and may leave
    /// gaps.
    pub(crate) fn append(&mut self, seq: u64, time: Millis, draft: &Draft) -> Result<(), OutOfOrder> {
        if seq <= self.appended {
            return Err(OutOfOrder { seq, last: self.appended });
        }
        self.appended = seq;
        let topic = self.topics.intern(&draft.topic);
        let mut frame = Frame::new(self.at(seq), topic, draft);
        if !draft.others.is_empty() {
            frame.set_others(draft.others.iter().map(|other| self.topics.intern(other)).collect());
        }
        let cost = frame.cost();
        for (id, kind) in frame.kinds() {
            if seq <= self.head_at_open {
                self.topics.note_again(id, kind, seq);
                continue;
            }
            let counted = if self.backed { draft.weight() } else { cost };
            self.topics.note(id, kind, seq, if kind.canonical { counted } else { 0 });
        }
        if seq <= self.head_at_open {
            self.evicted = self.evicted.min(seq - 1);
        }
        if draft.end {
            // one that was loaded may have been reopened since
            if seq > self.head_at_open {
                self.topics.set_ended(topic, seq);
            } else if self.topics.state(topic).ended != seq {
                frame.reopen();
            }
        }
        if let Some(alias) = frame.alias() {
            self.aliases.add(alias, seq);
        }
        self.bytes += cost;
        self.events += 1;
        self.slots.push_back(Slot { seq, time, before: self.published, frame: Some(frame) });
        self.published += cost as u64;
        self.newest = Some(topic);
        self.topics.forget_surplus();
        Ok(())
    }

    /// Evicts the oldest events until the window is within its bounds, and takes one of `looks` for each. The newest event
    /// stays, since its size was bounded on arrival, and so do events that are not yet in the store, which bounds them
    /// itself.
    pub(crate) fn shrink(&mut self, looks: &mut usize) {
        while self.is_too_large() && *looks > 0 && self.make_room(looks) {}
        // Topics beyond the bound are forgotten, those without events first. Without a store, the smallest lose events for it.
        while self.has_too_many_topics() && *looks > 0 && self.trim_smallest(looks) {
            self.topics.forget_surplus();
        }
        self.forget_envelopes(looks);
    }

    fn has_too_many_topics(&self) -> bool {
        !self.backed && self.topics.is_too_large()
    }

    pub(crate) fn is_too_large(&self) -> bool {
        self.events > 1 && (self.events > self.bounds.events || self.bytes > self.bounds.bytes)
    }

    /// The bytes of the enveloped encodings that are kept.
    pub fn envelope_bytes(&self) -> usize {
        self.envelopes.bytes()
    }

    /// Forgets the oldest enveloped encodings, so that there is room for those of events to come, and takes one of `looks`
    /// for each.
    fn forget_envelopes(&mut self, looks: &mut usize) {
        while *looks > 0 {
            let Some((seq, is_full)) = self.envelopes.oldest(2 * self.events + SPARE_SLOTS) else { return };
            let index = self.index(seq);
            let slot = self.slots.get_mut(index).filter(|slot| slot.seq == seq);
            let frame = slot.and_then(|slot| slot.frame.as_mut());
            if frame.is_some() && !is_full {
                return;
            }
            self.envelopes.forget_oldest(frame.map_or(0, Frame::forget_envelope));
            *looks -= 1;
        }
    }

    pub(crate) fn frame(&self, seq: u64) -> Option<&Frame> {
        self.slot(seq)?.frame.as_ref()
    }

    /// The publish time of the event.
    pub(crate) fn time(&self, seq: u64) -> Option<Millis> {
        self.slot(seq).map(|slot| slot.time)
    }

    /// The number of bytes published after the event.
    pub(crate) fn bytes_after(&self, seq: u64) -> u64 {
        let own = |slot: &Slot| slot.frame.as_ref().map_or(0, |frame| frame.cost() as u64);
        self.slot(seq).map_or(0, |slot| self.published - slot.before - own(slot))
    }

    /// The number of bytes published since the first event in the window.
    pub(crate) fn bytes_held_since_start(&self) -> u64 {
        self.slots.front().map_or(0, |slot| self.published - slot.before)
    }

    /// Returns true if everything published at or after `time` is in the window.
    pub(crate) fn reaches_back_to(&self, time: Millis) -> bool {
        self.evicted == 0 || self.slots.front().is_some_and(|slot| slot.time < time)
    }

    fn slot(&self, seq: u64) -> Option<&Slot> {
        self.slots.get(self.index(seq)).filter(|slot| slot.seq == seq)
    }

    /// The frames after `seq` that are not hidden, in order.
    pub(crate) fn frames_after(&self, seq: u64) -> impl Iterator<Item = &Frame> {
        let slots = self.slots.range(self.index(seq + 1)..).take_while(|slot| slot.seq <= self.shown);
        slots.filter_map(|slot| slot.frame.as_ref())
    }

    /// The last sequence number published before `time`.
    pub(crate) fn before(&self, time: Millis) -> u64 {
        let index = self.slots.partition_point(|slot| slot.time < time);
        self.slots.get(index).map_or(self.head(), |slot| slot.seq - 1)
    }

    /// The index of the first slot at or after `seq`. Without gaps, it follows by subtraction.
    fn index(&self, seq: u64) -> usize {
        let guess = usize::try_from(seq.saturating_sub(self.start())).unwrap_or(usize::MAX).min(self.slots.len());
        let fits = |index: usize| self.slots.get(index).is_none_or(|slot| slot.seq >= seq);
        if fits(guess) && (guess == 0 || !fits(guess - 1)) {
            return guess;
        }
        self.slots.partition_point(|slot| slot.seq < seq)
    }

    /// Removes an event: the oldest one if there is a store behind the window, else the oldest one of all or of a loud topic,
    /// which is thereby trimmed. Returns false if none may go.
    fn make_room(&mut self, looks: &mut usize) -> bool {
        // there are no empty slots in front
        let Some((seq, topic)) = self.slots.front().and_then(|slot| Some((slot.seq, slot.frame.as_ref()?.topic)))
        else {
            return false;
        };
        if !self.backed {
            let loud = self.topics.first_in_window(self.topics.to_trim(topic, self.bytes));
            // what is new stays, however large
            let is_old = |seq: &u64| *seq <= self.shown && self.bytes_after(*seq) >= self.bytes as u64 / 2;
            self.trim(loud.filter(is_old).unwrap_or(seq), looks);
            return true;
        }
        if seq > self.committed {
            return false;
        }
        self.drop_frame(seq, looks);
        self.evicted = seq;
        self.tidy();
        true
    }

    /// Removes an event that the store retains, or that it trims. It takes one of `looks` for each of its topics.
    fn drop_frame(&mut self, seq: u64, looks: &mut usize) {
        if let Some((frame, _)) = self.remove(seq) {
            *looks = looks.saturating_sub(1 + frame.others().len());
            frame.kinds().for_each(|(id, kind)| self.topics.note_evicted(id, kind, seq));
        }
    }

    /// Trims the oldest event of one of the smallest topics, other than the one with the newest event. It has at most about
    /// twice as many as topics have on average.
    fn trim_smallest(&mut self, looks: &mut usize) -> bool {
        let smallest = self.topics.smallest_but(self.newest);
        let Some(seq) = smallest.and_then(|id| self.topics.first_of_any(id)) else { return false };
        self.trim(seq, looks);
        true
    }

    /// Trims an event. It takes one of `looks` for each of its topics.
    fn trim(&mut self, seq: u64, looks: &mut usize) {
        let Some((frame, time)) = self.remove(seq) else { return };
        *looks = looks.saturating_sub(1 + frame.others().len());
        for (id, kind) in frame.kinds() {
            let loss = self.lose((seq, time));
            let cost = if kind.canonical { frame.cost() } else { 0 };
            self.topics.note_trimmed(id, kind, cost, loss);
        }
        self.tidy();
    }

    /// Removes an event's frame, and returns it with its time.
    fn remove(&mut self, seq: u64) -> Option<(Frame, Millis)> {
        let index = self.index(seq);
        let slot = self.slots.get_mut(index).filter(|slot| slot.seq == seq)?;
        let frame = slot.frame.take()?;
        let time = slot.time;
        self.bytes -= frame.cost();
        self.envelopes.evict(frame.envelope_cost());
        self.events -= 1;
        if let Some(alias) = frame.alias() {
            self.aliases.remove(alias, seq);
        }
        Some((frame, time))
    }

    /// Removes empty slots: those in front at once, those in between when there are many.
    fn tidy(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.frame.is_none()) {
            self.slots.pop_front();
        }
        if self.slots.len() > 2 * self.events + SPARE_SLOTS {
            self.slots.retain(|slot| slot.frame.is_some());
        }
    }

    /// Trims the events of `topic` through `through`, and takes one of `looks` for each. Returns true if there are no more.
    pub(crate) fn trim_topic(&mut self, topic: &Topic, through: u64, looks: &mut usize) -> bool {
        let Some(id) = self.topics.id(topic) else { return true };
        while let Some(seq) = self.topics.first_in_window(id).filter(|seq| *seq <= through) {
            if *looks == 0 {
                return false;
            }
            self.trim(seq, looks);
        }
        true
    }

    /// The frame in the encoding of a group.
    pub(crate) fn bytes<'a>(&self, frame: &'a Frame, envelope: bool) -> Cow<'a, Bytes> {
        if !envelope {
            return Cow::Borrowed(frame.plain());
        }
        frame.envelope(self.epoch, |id| self.topic_of(id), |len| self.envelopes.keep(frame.seq, len))
    }

    pub(crate) fn topic_of(&self, id: TopicId) -> &Topic {
        &self.topics.state(id).topic
    }
}
