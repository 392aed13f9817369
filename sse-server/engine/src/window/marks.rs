//! What events and topics are marked with: publishers' IDs, and ends.

use crate::{MAX_ALIASED, Selectors, Stock, Topic, frame::Frame};

use super::Window;

impl Window {
    /// Ends a topic after its last event, or goes on with it.
    pub(crate) fn set_ended(&mut self, topic: &Topic, ended: u64) {
        if ended == 0 {
            self.reopen(topic);
        }
        match self.topics.id(topic) {
            Some(id) => self.topics.set_ended(id, ended),
            None if ended > 0 => {
                let id = self.topics.intern(topic);
                self.topics.set_ended(id, ended);
                self.topics.set_retained(id, Stock::default());
                self.topics.forget_surplus(); // no event goes for it
            }
            None => {}
        }
    }

    /// The former last event of `topic` is not its last any more.
    fn reopen(&mut self, topic: &Topic) {
        let Some(seq) = self.topics.id(topic).map(|id| self.topics.state(id).ended).filter(|seq| *seq > 0) else {
            return;
        };
        let index = self.index(seq);
        let slot = self.slots.get_mut(index).filter(|slot| slot.seq == seq);
        if let Some(frame) = slot.and_then(|slot| slot.frame.as_mut()) {
            self.envelopes.evict(frame.reopen());
        }
    }

    /// The first event in the window with this alias that a subscriber may read, if it is among the first [`MAX_ALIASED`].
    pub(crate) fn aliased(&self, alias: &str, selectors: &Selectors) -> Option<u64> {
        self.aliases
            .of(alias)
            .take(MAX_ALIASED)
            .find(|seq| self.frame(*seq).is_some_and(|frame| self.may_read(selectors, frame)))
    }

    /// The first of these events of the window that a subscriber with `selectors` may read. Of `private` ones, each that is
    /// looked at is taken from `looks`: what a client can't read must not cost more at once than what it can.
    ///
    /// # Errors
    ///
    /// There are no `looks` left: the event to go on with.
    pub(crate) fn first_readable<'a>(
        &self,
        selectors: &Selectors,
        private: bool,
        seqs: impl IntoIterator<Item = &'a u64>,
        looks: &mut usize,
    ) -> Result<Option<u64>, u64> {
        let mut seqs = seqs.into_iter().copied();
        if !private {
            return Ok(seqs.next());
        }
        for seq in seqs {
            *looks = looks.checked_sub(1).ok_or(seq)?;
            if self.frame(seq).is_none_or(|frame| self.may_read(selectors, frame)) {
                return Ok(Some(seq));
            }
        }
        Ok(None)
    }

    /// Returns true if a subscriber with `selectors` may read this event of the window.
    pub(crate) fn may_read(&self, selectors: &Selectors, frame: &Frame) -> bool {
        selectors.may_read(frame.kinds().map(|(id, _)| self.topic_of(id)), frame.private)
    }
}
