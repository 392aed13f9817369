//! Random numbers that a seed repeats.

use std::{collections::BTreeSet, time::Duration};

/// SplitMix64: small, quick, and good enough to draw cuts, topics and times. Not for secrets.
///
/// ```
/// use sse_testkit::random::Random;
///
/// let draw = |seed| Random::new(seed).distinct(3, 10);
/// assert_eq!(draw(7), draw(7));
/// ```
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A source that gives the same numbers whenever the seed is the same.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, each of 64 bits as likely as another.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A source for the `n`th of many, so that what one draws does not affect the others.
    pub fn of(seed: u64, n: u64) -> Self {
        Self::new(Self::new(seed).next().wrapping_add(n))
    }

    /// A time between zero and twice `mean`, uniformly distributed, in whole milliseconds.
    pub fn time(&mut self, mean: Duration) -> Duration {
        let most = u32::try_from(mean.as_millis().saturating_mul(2)).unwrap_or(u32::MAX);
        Duration::from_millis(u64::from(self.below(most.saturating_add(1))))
    }

    /// One of `0..n`; 0 if `n` is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u32
    }

    /// Returns true in `share` of the cases.
    pub fn chance(&mut self, share: f64) -> bool {
        ((self.next() >> 11) as f64) < share * (1_u64 << 53) as f64
    }

    /// `k` different numbers of `0..n`, in ascending order; all of them if there are fewer.
    pub fn distinct(&mut self, k: u32, n: u32) -> Vec<u32> {
        // Floyd's algorithm: as many draws as numbers, whatever `n` is
        let mut drawn = BTreeSet::new();
        for last in n.saturating_sub(k)..n {
            let candidate = self.below(last + 1);
            if !drawn.insert(candidate) {
                drawn.insert(last);
            }
        }
        drawn.into_iter().collect()
    }

    /// The numbers `0..n` in a random order.
    pub fn order(&mut self, n: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n).collect();
        for last in (1..n).rev() {
            order.swap(last as usize, self.below(last + 1) as usize);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (random.distinct(5, 1000), random.order(20), random.below(100))
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn many_of_one_seed_differ() {
        let first = |seed, n| Random::of(seed, n).next();
        let mut drawn: Vec<_> = (0..10).flat_map(|seed| (0..100).map(move |n| first(seed, n))).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 1000);
        assert_eq!(first(7, 3), first(7, 3));
    }

    #[test]
    fn times_have_their_mean() {
        let mut random = Random::new(2);
        let mean = Duration::from_millis(500);
        let times: Vec<_> = (0..10_000).map(|_| random.time(mean)).collect();
        assert!(times.iter().all(|time| *time <= 2 * mean));
        let sum: Duration = times.iter().sum();
        assert!(sum.abs_diff(10_000 * mean) < 100 * mean, "{sum:?}");
        assert_eq!(random.time(Duration::ZERO), Duration::ZERO);
        assert!(random.time(Duration::MAX) <= Duration::from_millis(u64::from(u32::MAX)));
    }

    #[test]
    fn distinct_numbers_in_order() {
        let mut random = Random::new(7);
        for k in 0..=10 {
            let drawn = random.distinct(k, 10);
            assert_eq!(drawn.len(), k as usize);
            assert!(drawn.is_sorted_by(|a, b| a < b) && drawn.iter().all(|n| *n < 10), "{drawn:?}");
        }
        assert_eq!(random.distinct(20, 3), [0, 1, 2]);
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn each_number_is_as_likely_as_another() {
        let mut random = Random::new(3);
        let mut seen = [0; 10];
        for _ in 0..10_000 {
            for n in random.distinct(3, 10) {
                seen[n as usize] += 1;
            }
        }
        assert!(seen.iter().all(|times| (2_800..3_200).contains(times)), "{seen:?}");
    }

    #[test]
    fn an_order_has_every_number_once() {
        let mut order = Random::new(1).order(100);
        assert_ne!(order, (0..100).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_share_of_the_cases() {
        let mut random = Random::new(5);
        let times = (0..10_000).filter(|_| random.chance(0.2)).count();
        assert!((1_800..2_200).contains(&times), "{times}");
        assert!((0..100).all(|_| random.chance(1.0) && !random.chance(0.0)));
    }
}
