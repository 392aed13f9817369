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
    topics: Option<Rate>,
}

/// How much is about to be published as a whole.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Amount {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    /// The topics that the log does not know.
    pub(crate) new_topics: usize,
}

/// Whom a rate is for: a hash of who it is.
pub(crate) type Publishing = u128;

#[derive(Debug)]
struct Rate {
    /// As much may come at once as in the time that the rate is for.
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
        Self {
            events: Rate::new(limits.publish_rate, Quota::per_second),
            bytes: Rate::new(limits.publish_bytes_rate, Quota::per_second),
            topics: Rate::new(limits.new_topics_rate, Quota::per_minute),
        }
    }

    /// Returns true if it matters how many topics are new.
    pub(crate) const fn count_topics(&self) -> bool {
        self.topics.is_some()
    }

    /// Returns true if nobody has a rate.
    pub(crate) const fn are_none(&self) -> bool {
        self.events.is_none() && self.bytes.is_none() && self.topics.is_none()
    }

    /// Counts what `who` is about to publish.
    pub(crate) fn check(&self, who: Publishing, amount: Amount) -> Result<(), TooQuick> {
        for (rate, count, limit) in [
            (&self.events, amount.events, "limits.publish_rate"),
            (&self.bytes, amount.bytes, "limits.publish_bytes_rate"),
            // the last, for what another refuses is counted by those before it, and these take a minute
            (&self.topics, amount.new_topics, "limits.new_topics_rate"),
        ] {
            if let Some(rate) = rate {
                rate.check(who, count).map_err(|after| TooQuick { limit, after })?;
            }
        }
        Ok(())
    }
}

impl Rate {
    fn new(count: usize, quota: impl Fn(NonZeroU32) -> Quota) -> Option<Self> {
        let count = NonZeroU32::new(u32::try_from(count).unwrap_or(u32::MAX))?;
        Some(Self { limiter: RateLimiter::hashmap(quota(count)) })
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

    fn rates(events: usize, bytes: usize, topics: usize) -> Rates {
        let mut limits = crate::config::Config::in_memory().limits;
        (limits.publish_rate, limits.publish_bytes_rate, limits.new_topics_rate) = (events, bytes, topics);
        Rates::new(&limits)
    }

    fn amount(events: usize, bytes: usize, new_topics: usize) -> Amount {
        Amount { events, bytes, new_topics }
    }

    #[test]
    fn each_has_a_rate_of_their_own() {
        let rates = rates(2, 0, 0);
        assert!(rates.check(1, amount(2, 1 << 30, 1000)).is_ok());
        let quick = rates.check(1, amount(1, 0, 0)).unwrap_err();
        assert_eq!(quick.limit, "limits.publish_rate");
        assert!(quick.after.unwrap() <= Duration::from_millis(500), "{quick:?}");
        assert!(rates.check(2, amount(1, 0, 0)).is_ok());
        assert_eq!(rates.check(3, amount(3, 0, 0)).unwrap_err().after, None, "it would never fit");
        assert!(rates.check(3, amount(2, 0, 0)).is_ok());
    }

    #[test]
    fn bytes_and_new_topics_count_as_well_and_without_a_rate_nothing_does() {
        let slow = rates(0, 1000, 0);
        assert!(slow.check(1, amount(1000, 900, 0)).is_ok());
        assert_eq!(slow.check(1, amount(1, 900, 0)).unwrap_err().limit, "limits.publish_bytes_rate");
        let few = rates(0, 0, 2);
        assert!(few.check(1, amount(9, 9, 2)).is_ok() && few.check(1, amount(9, 9, 0)).is_ok());
        let quick = few.check(1, amount(1, 1, 1)).unwrap_err();
        assert_eq!(quick.limit, "limits.new_topics_rate");
        let after = quick.after.unwrap();
        assert!(after > Duration::from_secs(1) && after <= Duration::from_secs(30), "{quick:?}");
        let both = rates(1, 0, 1);
        assert!(both.check(1, amount(1, 0, 0)).is_ok());
        assert_eq!(both.check(1, amount(1, 0, 1)).unwrap_err().limit, "limits.publish_rate");
        let topics = both.topics.as_ref().unwrap();
        assert!(topics.check(1, 1).is_ok(), "what is refused has begun no topic");
        let none = rates(0, 0, 0);
        assert!(none.are_none() && (0..1000).all(|_| none.check(1, amount(1000, 1 << 30, 9)).is_ok()));
    }
}
