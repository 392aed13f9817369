//! The window over a store: what the store has when it is opened, and what it trims.

use crate::{
    Kind, Loss, StoredHead, StoredTopic, Trim,
    topic_state::{Losses, TopicLoss},
};

use super::Window;

impl Window {
    /// Puts a store behind the window. [Append](Self::append) the store's last events next, then new ones.
    pub(crate) fn back_by_store(&mut self, stored: StoredHead) {
        let StoredHead { head, holes, floor, private_floor } = stored;
        self.backed = true;
        (self.shown, self.head_at_open, self.evicted) = (head, head, head);
        self.holes = holes;
        let public = self.lose(floor);
        let private = self.lose(private_floor);
        self.topics.set_floor(Losses::new(public, private));
    }

    /// Restores a topic from a store that is being opened.
    pub(crate) fn restore(&mut self, stored: &StoredTopic) {
        let known = self.topics.id(&stored.topic).map(|id| self.topics.state(id).losses.clone()).unwrap_or_default();
        // A trim that was announced and did not happen causes a needless gap; the other way round would be a silent
        // loss.
        let mut later = |known: TopicLoss, lost: Loss| {
            if known.generation > 0 && known.through >= lost.0 { known } else { self.lose(lost) }
        };
        let public = later(known.own(false), stored.lost);
        let private = later(known.own(true), stored.lost_private);
        self.topics.restore(stored, &Losses::new(public, private));
    }

    /// Starts over after a failure: everything is in the store, and each topic is restored next. What lies through `undone` has
    /// to be read from there, since trims of it did not happen.
    pub(crate) fn begin_again(&mut self, undone: u64) {
        let gone: Vec<_> = self.slots.iter().map(|slot| slot.seq).take_while(|seq| *seq <= undone).collect();
        for seq in gone {
            self.remove(seq); // the topics forget it below
        }
        self.tidy();
        self.evicted = self.evicted.max(undone);
        self.topics.begin_again(undone);
    }

    /// All topics are restored.
    pub(crate) fn restored(&mut self) {
        self.topics.forget_surplus();
    }

    /// The store is about to trim events of a topic: whoever has not had them is told of the loss from now on. Then
    /// [finish](Self::finish_trim) it.
    pub(crate) fn begin_trim(&mut self, trim: &Trim) {
        for (private, lost) in [(false, trim.lost), (true, trim.lost_private)] {
            if lost.0 == 0 {
                continue; // nobody misses anything
            }
            let loss = self.lose(lost);
            match self.topics.id(&trim.topic) {
                Some(id) => {
                    let kind = Kind { canonical: lost.0 <= trim.own_through, private };
                    self.topics.set_loss(id, kind, loss);
                }
                None => self.topics.raise_floor(private, loss),
            }
        }
        if let Some(id) = self.topics.id(&trim.topic) {
            self.topics.note_own_trimmed(id, trim.own_through);
        }
    }

    /// Removes the trimmed events from the window, and takes one of `looks` for each. Returns true if there are no more.
    pub(crate) fn finish_trim(&mut self, trim: &Trim, looks: &mut usize) -> bool {
        let Some(id) = self.topics.id(&trim.topic) else { return true };
        while let Some(seq) = self.topics.first_in_window(id).filter(|seq| *seq <= trim.own_through) {
            if *looks == 0 {
                self.tidy();
                return false;
            }
            self.drop_frame(seq, looks);
        }
        self.topics.set_retained(id, trim.left);
        self.topics.forget_surplus();
        self.tidy();
        true
    }
}
