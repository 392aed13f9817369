//! Subscribing: a cursor in the log, and a stream that is counted.

use std::{net::IpAddr, time::Duration};

use sse_engine::{Cursor, MAX_PATTERN_SEGMENTS, Opening, Pending, Placement, Selector, Selectors, Start, StoreRead};

use super::{Failure, Hub, Subscriber, read::query};
use crate::{
    base::{SHUTTING_DOWN, seldom::Seldom},
    store::StoreError,
};

/// Why a subscription was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// Nothing is selected.
    #[error("no topic is selected; name at least one")]
    NoSelector,
    /// There are more selectors than `limits.selectors` allows.
    #[error("{given} topics are more than the {most} that one stream may have")]
    TooManySelectors {
        /// The number given.
        given: usize,
        /// The number allowed.
        most: usize,
    },
    /// The patterns are longer than those of one stream may be.
    #[error("the patterns have {given} segments together; one stream may have {most}")]
    TooManySegments {
        /// The number of segments in all patterns.
        given: usize,
        /// The number allowed.
        most: usize,
    },
    /// The hub is shutting down.
    #[error("{}; come back in a moment", SHUTTING_DOWN)]
    Draining,
    /// The hub has all the streams, sets of selectors or patterns it may have.
    #[error("the hub has as many connections, sets of topics or patterns as it may have; come back later")]
    Full,
    /// The client's address has all the streams it may have.
    #[error("there are as many streams from this address as there may be; close some")]
    Address,
    /// Where to start depends on the log, which can't be read.
    #[error("the log can't be read at the moment; come back in a moment")]
    Store,
}

impl From<StoreError> for SubscribeError {
    fn from(error: StoreError) -> Self {
        static TURNED_AWAY: Seldom = Seldom::a_minute();
        if let Some(others) = TURNED_AWAY.due() {
            tracing::warn!(%error, others, "a subscriber is turned away, since where it starts can't be read");
        }
        Self::Store
    }
}

impl From<Failure> for SubscribeError {
    fn from(_: Failure) -> Self {
        Self::Draining
    }
}

/// A counted subscriber with its placement.
struct Entered {
    subscriber: Subscriber,
    cursor: Cursor,
    opening: Result<Opening, (StoreRead, Pending)>,
}

impl Hub {
    /// Adds a subscriber, counted by its address. If where it starts depends on the store, that is read.
    pub(crate) async fn enter(
        &self,
        selectors: Selectors,
        mut start: Start,
        address: Option<IpAddr>,
    ) -> Result<(Subscriber, Cursor, Opening), SubscribeError> {
        if let Start::Since { time, before, .. } = &mut start
            && !self.0.core.state()?.engine.reaches_back_to(*time)
        {
            *before = Some(self.noted(self.0.store.seek(*time).await)?);
        }
        let mut entered = self.join(selectors, &start, address)?;
        loop {
            let Entered { subscriber, cursor, opening } = entered;
            let (read, pending) = match opening {
                Ok(opening) => {
                    if let Some(gap) = &opening.gap {
                        self.metrics().gap(gap.reason);
                    }
                    return Ok((subscriber, cursor, opening));
                }
                Err(needed) => needed,
            };
            let page = self.noted(self.0.store.read(query(&read, 1, usize::MAX)).await)?;
            // What can't be read any more is told by the cursor, which comes by it first.
            let first = match page.entries.first() {
                _ if page.lost && !pending.has_gap() => Some(read.after + 1),
                first => first.map(|entry| entry.seq),
            };
            let placement = self.0.core.state()?.engine.continue_start(cursor, pending, first, page.through);
            entered = Entered::new(placement, |_| subscriber);
        }
    }

    /// Checks `selectors` against the limits of one stream, and makes a set of them.
    pub(crate) fn selectors(&self, all: Vec<Selector>, envelope: bool) -> Result<Selectors, SubscribeError> {
        let most = self.config().limits.selectors;
        match all.len() {
            0 => return Err(SubscribeError::NoSelector),
            given if given > most => return Err(SubscribeError::TooManySelectors { given, most }),
            _ => {}
        }
        let selectors = Selectors::new(all, envelope);
        match selectors.pattern_segments() {
            given if given > MAX_PATTERN_SEGMENTS => {
                Err(SubscribeError::TooManySegments { given, most: MAX_PATTERN_SEGMENTS })
            }
            _ => Ok(selectors),
        }
    }

    /// The start `time` ago, which the client wrote as `asked`.
    pub(crate) fn since(&self, time: Duration, asked: String) -> Start {
        let back = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Start::Since { time: self.clock().date().saturating_sub(back), asked, before: None }
    }

    fn join(&self, selectors: Selectors, start: &Start, address: Option<IpAddr>) -> Result<Entered, SubscribeError> {
        if self.draining().is_some() {
            return Err(SubscribeError::Draining);
        }
        let limits = &self.config().limits;
        let mut state = self.0.core.state()?;
        let from_address = address.map_or(0, |address| state.streams_from(address));
        if limits.per_address > 0 && from_address >= limits.per_address {
            return Err(SubscribeError::Address);
        }
        // over HTTP/2 one connection carries many
        if self.subscribers() >= limits.connections {
            return Err(SubscribeError::Full);
        }
        let placement = state.engine.subscribe(selectors, start).map_err(|_| SubscribeError::Full)?;
        Ok(Entered::new(placement, |cursor| Subscriber::enter(self, &mut state, cursor.group(), address)))
    }
}

impl Entered {
    fn new(placement: Placement, subscriber: impl FnOnce(&Cursor) -> Subscriber) -> Self {
        let (cursor, opening) = match placement {
            Placement::Placed(cursor, opening) => (cursor, Ok(opening)),
            Placement::NeedStore(cursor, read, pending) => (cursor, Err((read, pending))),
        };
        Self { subscriber: subscriber(&cursor), cursor, opening }
    }
}
