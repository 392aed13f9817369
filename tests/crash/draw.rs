//! What is drawn from a seed.

use sse_testkit::random::Random;

pub(crate) struct Draw(Random);

impl Draw {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(Random::new(seed))
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.0.next() % end.max(1) as u64) as usize
    }

    /// A number from `first` to `last`.
    pub(crate) fn between(&mut self, first: usize, last: usize) -> usize {
        first + self.below(last - first + 1)
    }

    /// One of some.
    pub(crate) fn pick<T: Copy>(&mut self, some: &[T]) -> T {
        some[self.below(some.len())]
    }

    /// Another sequence of draws, for a task of its own.
    pub(crate) fn fork(&mut self) -> Self {
        Self::new(self.0.next())
    }
}
