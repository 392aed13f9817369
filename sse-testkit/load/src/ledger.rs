//! What one subscriber got of what was published: what is lost, doubled, out of order.
//!
//! Every topic and publisher together are a lane, with sequence numbers from 0 that know no gap. The ledger keeps, for
//! each lane of a subscriber, the number that comes next, and the holes before it.

/// Holes of one subscriber that may still be filled by an event out of order. Beyond, the oldest counts as lost for
/// good, so that a server that loses much can't make the ledger grow.
const HOLES: usize = 64;

/// What came to one subscriber.
#[derive(Debug)]
pub(crate) struct Ledger {
    lanes: Box<[Lane]>,
    holes: Vec<Hole>,
    closed: Losses,
}

#[derive(Debug, Clone, Copy)]
struct Lane {
    next: u32,
    /// What is missing before this number was announced by a gap.
    excused: u32,
}

/// Numbers that were passed over: `from <= missing < to`.
#[derive(Debug, Clone, Copy)]
struct Hole {
    lane: u32,
    from: u32,
    to: u32,
}

/// What an event was to its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The next one, or one beyond it. `advance` is how many numbers are now accounted for: 1 and those passed over.
    New { advance: u32 },
    /// One that had been passed over: it came out of order.
    Late,
    /// One that had come before.
    Doubled,
}

/// What never came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Without a word.
    pub(crate) lost: u64,
    /// Announced by a gap.
    pub(crate) announced: u64,
}

impl Ledger {
    /// A ledger of `lanes` lanes, for a subscriber that is there before anything is published.
    pub(crate) fn new(lanes: usize) -> Self {
        Self {
            lanes: vec![Lane { next: 0, excused: 0 }; lanes].into_boxed_slice(),
            holes: Vec::new(),
            closed: Losses::default(),
        }
    }

    /// An event came. `lane` counts within this ledger.
    #[inline]
    pub(crate) fn record(&mut self, lane: usize, seq: u32) -> Arrival {
        let next = self.lanes[lane].next;
        if seq >= next {
            if seq > next {
                self.open(Hole { lane: lane as u32, from: next, to: seq });
            }
            self.lanes[lane].next = seq + 1;
            return Arrival::New { advance: seq + 1 - next };
        }
        self.fill(lane as u32, seq)
    }

    /// A gap was announced: what is missing up to now is not lost without a word. `published` gives, for a lane of this
    /// ledger, how many have been published.
    pub(crate) fn excuse(&mut self, published: impl Fn(usize) -> u32) {
        for (lane, state) in self.lanes.iter_mut().enumerate() {
            state.excused = state.excused.max(published(lane));
        }
    }

    /// What never came of that which was published. `void` gives the numbers of a lane that may not have been.
    pub(crate) fn losses<'a>(&self, published: impl Fn(usize) -> u32, void: impl Fn(usize) -> &'a [u32]) -> Losses {
        let mut losses = self.closed;
        let ends = self.lanes.iter().enumerate().map(|(lane, state)| (lane, state.next, published(lane)));
        let holes = self.holes.iter().map(|hole| (hole.lane as usize, hole.from, hole.to));
        for (lane, from, to) in holes.chain(ends) {
            let excused = self.lanes[lane].excused;
            losses.count(from, to, excused);
            for seq in void(lane).iter().filter(|seq| (from..to).contains(seq)) {
                losses.uncount(*seq, excused);
            }
        }
        losses
    }

    /// What was passed over and has not come since: the end does not count.
    pub(crate) fn holes(&self) -> Losses {
        self.losses(|_| 0, |_| &[])
    }

    #[cold]
    fn open(&mut self, hole: Hole) {
        if self.holes.len() == HOLES {
            let oldest = self.holes.remove(0);
            let excused = self.lanes[oldest.lane as usize].excused;
            self.closed.count(oldest.from, oldest.to, excused);
        }
        self.holes.push(hole);
    }

    #[cold]
    fn fill(&mut self, lane: u32, seq: u32) -> Arrival {
        let within = |hole: &Hole| hole.lane == lane && (hole.from..hole.to).contains(&seq);
        let Some(at) = self.holes.iter().position(within) else { return Arrival::Doubled };
        let hole = self.holes.remove(at);
        let parts = [Hole { to: seq, ..hole }, Hole { from: seq + 1, ..hole }];
        parts.into_iter().filter(|part| part.from < part.to).for_each(|part| self.open(part));
        Arrival::Late
    }
}

impl Losses {
    pub(crate) const fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.announced += other.announced;
    }

    /// The numbers `from..to`, of which those below `excused` were announced.
    fn count(&mut self, from: u32, to: u32, excused: u32) {
        let middle = excused.clamp(from, to.max(from));
        self.announced += u64::from(middle - from);
        self.lost += u64::from(to.saturating_sub(middle));
    }

    const fn uncount(&mut self, seq: u32, excused: u32) {
        if seq < excused {
            self.announced -= 1;
        } else {
            self.lost -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a ledger of one lane says of these numbers, when `published` were published.
    fn read(numbers: &[u32], published: u32) -> (Vec<Arrival>, Losses) {
        let mut ledger = Ledger::new(1);
        let arrivals = numbers.iter().map(|seq| ledger.record(0, *seq)).collect();
        (arrivals, ledger.losses(|_| published, |_| &[]))
    }

    const NEXT: Arrival = Arrival::New { advance: 1 };

    fn lost(lost: u64) -> Losses {
        Losses { lost, announced: 0 }
    }

    #[test]
    fn all_in_order() {
        assert_eq!(read(&[0, 1, 2], 3), (vec![NEXT; 3], lost(0)));
    }

    #[test]
    fn lost_in_the_middle_and_at_the_end() {
        assert_eq!(read(&[0, 3], 6), (vec![NEXT, Arrival::New { advance: 3 }], lost(4)));
        assert_eq!(read(&[], 6).1, lost(6));
    }

    #[test]
    fn doubled() {
        let (arrivals, losses) = read(&[0, 0, 1, 0], 2);
        assert_eq!(arrivals, [NEXT, Arrival::Doubled, NEXT, Arrival::Doubled]);
        assert_eq!(losses, lost(0));
    }

    #[test]
    fn out_of_order_is_not_lost_and_only_once_not_doubled() {
        let (arrivals, losses) = read(&[0, 3, 2, 2, 1, 4], 5);
        let beyond = Arrival::New { advance: 3 };
        assert_eq!(arrivals, [NEXT, beyond, Arrival::Late, Arrival::Doubled, Arrival::Late, NEXT]);
        assert_eq!(losses, lost(0));
    }

    #[test]
    fn lanes_do_not_mix() {
        let mut ledger = Ledger::new(2);
        assert_eq!(ledger.record(0, 0), NEXT);
        assert_eq!(ledger.record(1, 1), Arrival::New { advance: 2 });
        assert_eq!(ledger.record(0, 0), Arrival::Doubled);
        assert_eq!(ledger.losses(|lane| [1, 2][lane], |_| &[]), lost(1));
        assert_eq!(ledger.losses(|lane| [1, 2][lane], |lane| if lane == 1 { &[0] } else { &[] }), lost(0));
    }

    #[test]
    fn a_gap_excuses_what_was_published_before_it() {
        let mut ledger = Ledger::new(1);
        ledger.record(0, 0);
        ledger.excuse(|_| 5); // 1 to 4 may be missing
        ledger.record(0, 3);
        ledger.record(0, 7); // 5 and 6 may not
        assert_eq!(ledger.losses(|_| 8, |_| &[]), Losses { announced: 3, lost: 2 });
        assert_eq!(ledger.holes(), Losses { announced: 3, lost: 2 });
    }

    #[test]
    fn a_server_that_loses_much_does_not_make_it_grow() {
        let mut ledger = Ledger::new(1);
        for seq in 0..1000 {
            ledger.record(0, seq * 2 + 1);
        }
        assert_eq!(ledger.holes.len(), HOLES);
        assert_eq!(ledger.losses(|_| 2000, |_| &[]), lost(1000));
        assert_eq!(ledger.record(0, 0), Arrival::Doubled);
        assert_eq!(ledger.record(0, 1998), Arrival::Late);
    }
}
