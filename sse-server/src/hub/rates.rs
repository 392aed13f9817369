//! How much each publisher may publish in a time.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::HashMapStateStore,
};

use crate::config::Limits;

/// The publishers at which those are forgotten who have published nothing lately.
const MANY: usize = 100_000;

/// The rates of all publishers.
#[derive(Debug)]
pub(crate) struct Rates {
    events: Option<Rate>,
    bytes: Option<Rate>,
}

/// Whom a rate is for: a hash of who it is.
pub(crate) type Publishing = u128;

#[derive(Debug)]
struct Rate {
    /// As much may come at once as in a second.
    limiter: RateLimiter<Publishing, HashMapStateStore<Publishing>, DefaultClock>,
}

/// A publisher is too quick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooQuick {
    /// The key of the configuration.
    pub(crate) limit: &'static str,
    /// When they may come again; `None` if it is too much for any time.
    pub(crate) after: Option<Duration>,
}

impl Rates {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { events: Rate::new(limits.publish_rate), bytes: Rate::new(limits.publish_bytes_rate) }
    }

    /// Returns true if nobody has a rate.
    pub(crate) const fn are_none(&self) -> bool {
        self.events.is_none() && self.bytes.is_none()
    }

    /// Counts `events` of together `bytes` bytes, which `who` is about to publish as a whole.
    pub(crate) fn check(&self, who: Publishing, events: usize, bytes: usize) -> Result<(), TooQuick> {
        for (rate, count, limit) in
            [(&self.events, events, "limits.publish_rate"), (&self.bytes, bytes, "limits.publish_bytes_rate")]
        {
            if let Some(rate) = rate {
                rate.check(who, count).map_err(|after| TooQuick { limit, after })?;
            }
        }
        Ok(())
    }
}

impl Rate {
    fn new(each_second: usize) -> Option<Self> {
        let each_second = NonZeroU32::new(u32::try_from(each_second).unwrap_or(u32::MAX))?;
        Some(Self { limiter: RateLimiter::hashmap(Quota::per_second(each_second)) })
    }

    fn check(&self, who: Publishing, count: usize) -> Result<(), Option<Duration>> {
        if self.limiter.len() > MANY {
            self.limiter.retain_recent();
        }
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let Some(count) = NonZeroU32::new(count) else { return Ok(()) };
        match self.limiter.check_key_n(&who, count) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(Some(not_until.wait_time_from(DefaultClock::default().now()))),
            Err(_) => Err(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(events: usize, bytes: usize) -> Rates {
        let mut limits = crate::config::Config::in_memory().limits;
        (limits.publish_rate, limits.publish_bytes_rate) = (events, bytes);
        Rates::new(&limits)
    }

    #[test]
    fn each_has_a_rate_of_their_own() {
        let rates = rates(2, 0);
        assert!(rates.check(1, 2, 1 << 30).is_ok());
        let quick = rates.check(1, 1, 0).unwrap_err();
        assert_eq!(quick.limit, "limits.publish_rate");
        assert!(quick.after.unwrap() <= Duration::from_millis(500), "{quick:?}");
        assert!(rates.check(2, 1, 0).is_ok());
        assert_eq!(rates.check(3, 3, 0).unwrap_err().after, None, "it would never fit");
        assert!(rates.check(3, 2, 0).is_ok());
    }

    #[test]
    fn bytes_count_as_well_and_without_a_rate_nothing_does() {
        let slow = rates(0, 1000);
        assert!(slow.check(1, 1000, 900).is_ok());
        assert_eq!(slow.check(1, 1, 900).unwrap_err().limit, "limits.publish_bytes_rate");
        let none = rates(0, 0);
        assert!(none.are_none() && (0..1000).all(|_| none.check(1, 1000, 1 << 30).is_ok()));
    }
}
