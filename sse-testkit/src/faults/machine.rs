//! The state machine behind a plan: no IO, no clock.

use std::{collections::VecDeque, mem};

use bytes::{Bytes, BytesMut};

use super::{CutRule, Faults, Stop};
use crate::random::Random;

/// The number of bytes that are repeated at most.
const KEPT: usize = 16 << 20;

#[derive(Debug)]
pub(super) struct FaultMachine {
    cuts: Vec<Cutter>,
    merge: usize,
    stop: Option<(u64, Stop)>,
    corrupt: Option<u32>,
    corrupt_at: Vec<(u64, u8)>,
    noise: Random,
    /// The number of bytes that have come from the source.
    offset: u64,
    /// The previous byte.
    last: u8,
    /// The unfinished chunk.
    chunk: BytesMut,
    chunks: VecDeque<Bytes>,
    end: Option<Next>,
    /// The chunks so far, if they are to be repeated.
    kept: Option<Vec<Bytes>>,
    kept_bytes: usize,
}

/// What the reader gets next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    Chunk(Bytes),
    /// More bytes of the source are needed.
    Wait,
    /// Nothing more comes, and no end.
    Stall,
    End,
    Reset,
}

#[derive(Debug)]
enum Cutter {
    At(Vec<u64>),
    Every(u64),
    Randomly { random: Random, mean: u32, next: u64 },
    InCharacters,
    BetweenCrAndLf,
}

impl FaultMachine {
    pub(super) fn new(faults: &Faults) -> Self {
        // cuts and noise draw from sources of their own, so that one does not change the other
        let random = |n: u64| Random::of(faults.seed, n);
        let mut machine = Self {
            cuts: (1..).zip(&faults.cuts).map(|(number, cut)| Cutter::new(cut, random(number))).collect(),
            merge: faults.merge,
            stop: faults.stop,
            corrupt: faults.corrupt,
            corrupt_at: faults.corrupt_at.clone(),
            noise: random(0),
            offset: 0,
            last: 0,
            chunk: BytesMut::new(),
            chunks: VecDeque::new(),
            end: None,
            kept: faults.duplicate.then(Vec::new),
            kept_bytes: 0,
        };
        machine.stop_here(); // a stop after 0 bytes needs no source
        machine
    }

    /// Takes bytes of the source. Each call begins a new chunk, unless chunks are merged.
    pub(super) fn feed(&mut self, bytes: Bytes) {
        if self.end.is_some() {
            return;
        }
        for byte in bytes {
            if self.stop_here() {
                return;
            }
            let byte = self.corrupted(byte);
            let (offset, last) = (self.offset, self.last);
            let mut cut = false;
            for cutter in &mut self.cuts {
                cut |= cutter.cuts_before(offset, last, byte);
            }
            if cut && offset > 0 {
                self.over();
            }
            self.chunk.extend_from_slice(&[byte]);
            (self.offset, self.last) = (offset + 1, byte);
        }
        if self.chunk.len() >= self.merge {
            self.over();
        }
        self.stop_here();
    }

    /// Ends the source.
    pub(super) fn end(&mut self) {
        self.finish(Next::End);
    }

    /// What comes next. `idle` says that the source has nothing more for now, so that nothing is held back.
    pub(super) fn next(&mut self, idle: bool) -> Next {
        if idle {
            self.over();
        }
        match (self.chunks.pop_front(), &self.end) {
            (Some(chunk), _) => Next::Chunk(chunk),
            (None, Some(end)) => end.clone(),
            (None, None) => Next::Wait,
        }
    }

    /// Returns true if an unfinished chunk waits to be merged with more.
    pub(super) fn holds_back(&self) -> bool {
        !self.chunk.is_empty()
    }

    fn stop_here(&mut self) -> bool {
        let stop = self.stop.filter(|(bytes, _)| self.offset >= *bytes).map(|(_, stop)| stop);
        if let Some(stop) = stop {
            self.finish(match stop {
                Stop::Stall => Next::Stall,
                Stop::Drop => Next::End,
                Stop::Reset => Next::Reset,
            });
        }
        stop.is_some()
    }

    fn finish(&mut self, end: Next) {
        if self.end.is_some() {
            return;
        }
        self.over();
        if end == Next::End {
            self.chunks.extend(self.kept.take().into_iter().flatten());
        }
        self.end = Some(end);
    }

    /// Ends the chunk.
    fn over(&mut self) {
        if self.chunk.is_empty() {
            return;
        }
        let chunk = mem::take(&mut self.chunk).freeze();
        if let Some(kept) = &mut self.kept
            && self.kept_bytes + chunk.len() <= KEPT
        {
            self.kept_bytes += chunk.len();
            kept.push(chunk.clone());
        }
        self.chunks.push_back(chunk);
    }

    fn corrupted(&mut self, byte: u8) -> u8 {
        if let Some((_, other)) = self.corrupt_at.iter().find(|(offset, _)| *offset == self.offset) {
            return *other;
        }
        match self.corrupt {
            Some(one_of) if self.noise.below(one_of) == 0 => byte ^ (1 << self.noise.below(8)),
            _ => byte,
        }
    }
}

impl Cutter {
    fn new(cut: &CutRule, mut random: Random) -> Self {
        match cut {
            CutRule::At(offsets) => Self::At(offsets.clone()),
            CutRule::Every(bytes) => Self::Every(*bytes),
            CutRule::Randomly(mean) => {
                let next = length(&mut random, *mean);
                Self::Randomly { random, mean: *mean, next }
            }
            CutRule::InCharacters => Self::InCharacters,
            CutRule::BetweenCrAndLf => Self::BetweenCrAndLf,
        }
    }

    fn cuts_before(&mut self, offset: u64, last: u8, byte: u8) -> bool {
        match self {
            Self::At(offsets) => offsets.binary_search(&offset).is_ok(),
            Self::Every(bytes) => offset.is_multiple_of(*bytes),
            Self::Randomly { random, mean, next } => {
                let cut = offset == *next;
                if cut {
                    *next += length(random, *mean);
                }
                cut
            }
            Self::InCharacters => byte & 0b1100_0000 == 0b1000_0000,
            Self::BetweenCrAndLf => last == b'\r' && byte == b'\n',
        }
    }
}

/// A length from 1 to twice `mean`, less 1.
fn length(random: &mut Random, mean: u32) -> u64 {
    1 + u64::from(random.below(mean.saturating_mul(2).saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// All that comes, fed in these chunks, and how it ends.
    fn run(faults: &Faults, source: &[Vec<u8>]) -> (Vec<Bytes>, Next) {
        let mut machine = FaultMachine::new(faults);
        let mut chunks = Vec::new();
        let mut source = source.iter();
        loop {
            match machine.next(false) {
                Next::Chunk(chunk) => chunks.push(chunk),
                Next::Wait => match source.next() {
                    Some(chunk) => machine.feed(chunk.clone().into()),
                    None => machine.end(),
                },
                end => return (chunks, end),
            }
        }
    }

    fn plans() -> impl Strategy<Value = Faults> {
        let cuts = vec(
            prop_oneof![
                vec(0_u64..50, 0..4).prop_map(|mut at| {
                    at.sort_unstable();
                    CutRule::At(at)
                }),
                (1_u64..9).prop_map(CutRule::Every),
                (1_u32..9).prop_map(CutRule::Randomly),
                Just(CutRule::InCharacters),
                Just(CutRule::BetweenCrAndLf),
            ],
            0..3,
        );
        let stop = prop::option::of((0_u64..60, prop::sample::select(&[Stop::Stall, Stop::Drop, Stop::Reset][..])));
        (any::<u64>(), cuts, stop, prop::option::of(1_u32..20)).prop_map(|(seed, cuts, stop, corrupt)| Faults {
            seed,
            cuts,
            stop,
            corrupt,
            ..Faults::none()
        })
    }

    fn sources() -> impl Strategy<Value = Vec<Vec<u8>>> {
        vec("[a-c\r\nü☃]{0,8}".prop_map(String::into_bytes), 0..8)
    }

    proptest! {
        #[test]
        fn the_same_bytes_come_however_the_source_was_cut(faults in plans(), source in sources()) {
            let (chunks, end) = run(&faults, &source);
            let (whole, whole_end) = run(&faults, &[source.concat()]);
            prop_assert_eq!(chunks.concat(), whole.concat());
            prop_assert_eq!(end, whole_end);
            prop_assert_eq!(&run(&faults, &source).0, &chunks);
            // and is cut where it would be, and where it was
            let ends = |chunks: Vec<usize>| {
                let ends = chunks.into_iter().scan(0, |end, len| Some((*end += len, *end).1));
                ends.collect::<std::collections::BTreeSet<_>>()
            };
            let came = ends(chunks.iter().map(Bytes::len).collect());
            let drawn = ends(whole.iter().map(Bytes::len).collect());
            let given = ends(source.iter().map(Vec::len).collect());
            prop_assert!(came.is_superset(&drawn), "{came:?} {drawn:?}");
            prop_assert!(came.iter().all(|end| drawn.contains(end) || given.contains(end)), "{came:?} {given:?}");
        }

        #[test]
        fn cuts_lose_nothing(faults in plans(), source in sources()) {
            let faults = Faults { stop: None, corrupt: None, ..faults };
            let (chunks, end) = run(&faults, &source);
            prop_assert_eq!(chunks.concat(), source.concat());
            prop_assert!(chunks.iter().all(|chunk| !chunk.is_empty()));
            prop_assert_eq!(end, Next::End);
        }

        #[test]
        fn a_cut_is_where_it_was_asked_for(source in sources(), at in 1_u64..40) {
            let whole = source.concat();
            for chunk in run(&Faults::none().cut_in_characters(), &source).0 {
                prop_assert!(chunk[1..].iter().all(|byte| byte & 0xC0 != 0x80));
            }
            for chunk in run(&Faults::none().cut_between_cr_and_lf(), &source).0 {
                prop_assert!(!chunk.windows(2).any(|pair| pair == b"\r\n"));
            }
            let chunks = run(&Faults::none().merge(usize::MAX).cut_at([at]), &source).0;
            let cut = usize::try_from(at).unwrap();
            let expect = if cut < whole.len() { 2 } else { usize::from(!whole.is_empty()) };
            prop_assert_eq!(chunks.len(), expect);
        }

        #[test]
        fn it_stops_after_so_many_bytes(source in sources(), bytes in 0_u64..60) {
            let whole = source.concat();
            let (chunks, end) = run(&Faults::none().reset_after(bytes), &source);
            let passed = whole.len().min(usize::try_from(bytes).unwrap());
            prop_assert_eq!(chunks.concat(), &whole[..passed]);
            // a source that is not so long ends by itself
            prop_assert_eq!(end == Next::Reset, whole.len() as u64 >= bytes);
        }

        #[test]
        fn twice_is_the_same_chunks_twice(source in sources(), every in 1_u64..5) {
            let once = run(&Faults::none().cut_every(every), &source).0;
            let twice = run(&Faults::none().cut_every(every).duplicate(), &source).0;
            prop_assert_eq!(twice, [once.clone(), once].concat());
        }
    }

    #[test]
    fn merged_chunks_leave_when_the_source_rests() {
        let mut machine = FaultMachine::new(&Faults::none().merge(5));
        machine.feed("ab".into());
        assert_eq!(machine.next(false), Next::Wait);
        machine.feed("cdef".into());
        assert_eq!(machine.next(false), Next::Chunk("abcdef".into()));
        machine.feed("g".into());
        assert_eq!(machine.next(false), Next::Wait);
        assert_eq!(machine.next(true), Next::Chunk("g".into()));
        assert_eq!(machine.next(true), Next::Wait);
    }
}
