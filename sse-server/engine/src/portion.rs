//! The first few of many sequence numbers.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The numbers that any portion may hold, and the most that one may where there is [`ROOM`].
const LEAST: usize = if cfg!(test) { 2 } else { 512 };
const MOST: usize = if cfg!(test) { 8 } else { 65_536 };

/// The most bytes that portions may take together beyond their least size.
const ROOM: usize = if cfg!(test) { 256 } else { 16 << 20 };

/// The bytes that the portions of all subscribers take.
#[derive(Debug, Clone, Default)]
pub(crate) struct PortionBytes(Arc<AtomicUsize>);

/// The least of the sequence numbers added to it, to be taken in order: as many as there is room for.
#[derive(Debug)]
pub(crate) struct Portion {
    /// Descending once they are [arranged](Self::arrange), so that the next one is at the end.
    seqs: Vec<u64>,
    is_arranged: bool,
    /// How many are kept; up to twice as many are held until the others are dropped.
    keeps: usize,
    /// Those above are dropped.
    bound: u64,
    dropped: bool,
    all: PortionBytes,
    /// What this one counts for among `all`.
    bytes: usize,
}

impl Portion {
    pub(crate) const fn new(all: PortionBytes) -> Self {
        Self { seqs: Vec::new(), is_arranged: true, keeps: LEAST, bound: u64::MAX, dropped: false, all, bytes: 0 }
    }

    pub(crate) fn add(&mut self, seq: u64) {
        if seq > self.bound {
            self.dropped = true;
        } else {
            self.seqs.push(seq);
            self.is_arranged = false;
        }
    }

    /// Counts what was added, and returns true if the portion has to be [arranged](Self::arrange) before more is.
    pub(crate) fn is_full(&mut self) -> bool {
        let bytes = self.seqs.capacity() * size_of::<u64>();
        if bytes > self.bytes {
            self.all.0.fetch_add(bytes - self.bytes, Ordering::Relaxed);
            self.bytes = bytes;
        }
        while self.seqs.len() >= 2 * self.keeps && self.keeps < MOST && self.grow() {}
        self.seqs.len() >= 2 * self.keeps
    }

    /// Keeps twice as many if there is room for them, which is counted at once. Returns true if there is.
    fn grow(&mut self) -> bool {
        let more = 4 * self.keeps * size_of::<u64>();
        let bytes = self.bytes.max(more);
        let grown = self.all.0.fetch_add(bytes - self.bytes, Ordering::Relaxed) + bytes - self.bytes;
        if grown > ROOM {
            self.all.0.fetch_sub(bytes - self.bytes, Ordering::Relaxed);
            return false;
        }
        self.bytes = bytes;
        self.keeps *= 2;
        true
    }

    /// Drops what the portion can't keep, and sorts the others. It takes a millisecond for a large portion, so it is not done
    /// under a lock.
    pub(crate) fn arrange(&mut self) {
        if mem::replace(&mut self.is_arranged, true) {
            return;
        }
        // one that has several topics may be here several times
        self.seqs.sort_unstable_by(|a, b| b.cmp(a));
        self.seqs.dedup();
        let over = self.seqs.len().saturating_sub(self.keeps);
        self.seqs.drain(..over);
        self.dropped |= over > 0;
        if over > 0 {
            self.bound = self.seqs[0];
        }
    }

    pub(crate) const fn is_arranged(&self) -> bool {
        self.is_arranged
    }

    /// Returns true if numbers were dropped: they are found again when these have been taken.
    pub(crate) const fn has_dropped(&self) -> bool {
        self.dropped
    }

    /// The numbers in order, from the first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        debug_assert!(self.is_arranged);
        self.seqs.iter().rev().copied()
    }

    /// Removes the numbers through `seq`.
    pub(crate) fn remove_through(&mut self, seq: u64) {
        debug_assert!(self.is_arranged);
        let left = self.seqs.partition_point(|other| *other > seq);
        self.seqs.truncate(left);
    }

    pub(crate) const fn len(&self) -> usize {
        self.seqs.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.seqs.is_empty()
    }

    /// An empty portion again, which holds no memory.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.all.clone());
    }
}

impl Drop for Portion {
    fn drop(&mut self) {
        self.all.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Portions are equal if they hold the same.
impl PartialEq for Portion {
    fn eq(&self, other: &Self) -> bool {
        (&self.seqs, self.dropped) == (&other.seqs, other.dropped)
    }
}

impl Eq for Portion {}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::{LEAST, MOST, Ordering, Portion, PortionBytes, ROOM};

    proptest! {
        #[test]
        fn a_portion_is_the_first_of_what_was_added(added in vec(vec(1..100_u64, 0..5), 0..40), taken in 0..ROOM) {
            let all_bytes = PortionBytes::default();
            all_bytes.0.store(taken, Ordering::Relaxed);
            let mut portion = Portion::new(all_bytes.clone());
            for some in &added {
                some.iter().for_each(|seq| portion.add(*seq));
                if portion.is_full() {
                    portion.arrange();
                }
                prop_assert!(portion.seqs.len() < 2 * MOST + 5);
            }
            portion.arrange();
            let mut all = added.concat();
            all.sort_unstable();
            all.dedup();
            let kept: Vec<_> = portion.iter().collect();
            prop_assert_eq!(&kept[..], &all[..kept.len()]);
            prop_assert_eq!(portion.has_dropped(), kept.len() < all.len());
            prop_assert!(kept.len() == all.len() || kept.len() >= LEAST);
            drop(portion);
            prop_assert_eq!(all_bytes.0.load(Ordering::Relaxed), taken);
        }
    }

    #[test]
    fn portions_are_small_where_others_take_the_room() {
        let sizes: Vec<_> = [0, ROOM]
            .map(|taken| {
                let all_bytes = PortionBytes::default();
                all_bytes.0.store(taken, Ordering::Relaxed);
                let mut portion = Portion::new(all_bytes);
                for seq in 0..100 {
                    portion.add(seq);
                    if portion.is_full() {
                        portion.arrange();
                    }
                }
                portion.arrange();
                portion.iter().count()
            })
            .into();
        assert_eq!(sizes, [MOST, LEAST]);
    }
}
