//! Subscribing: a cursor in the log, and a stream that is counted.

use std::{net::IpAddr, time::Duration};

use sse_engine::{
    Cursor, MAX_PATTERN_SEGMENTS, Opening, Placement, Position, Selector, Selectors, StartFound, StartPoint, Step,
    StoreRead, Surroundings, millis,
};

use super::{Decided, Failure, Hub, Subscriber, read::query};
use crate::{
    base::{SHUTTING_DOWN, seldom::Seldom, turn},
    store::{Page, StoreError},
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
    /// The client's address has all the streams, or sets of selectors, it may have.
    #[error("there are as many streams or sets of topics from this address as there may be; close some")]
    Address,
    /// Nothing can be said at the moment of who may read.
    #[error("nothing can be said at the moment of who may read; come back in a moment")]
    Undecided,
    /// Where to start depends on the log, which can't be read.
    #[error("the log can't be read at the moment; come back in a moment")]
    Store,
}

impl From<Failure> for SubscribeError {
    fn from(_: Failure) -> Self {
        Self::Draining
    }
}

/// What became of a subscriber.
#[derive(Debug)]
pub(crate) enum Subscribed {
    /// It is counted, and starts there.
    At(Subscriber, Cursor, Opening),
    /// All its topics have ended, and it has had everything.
    Ended,
}

#[allow(clippy::large_enum_variant, reason = "it is taken apart at once")]
enum Attempt {
    /// It is counted, and its place is being looked for.
    Begun(Subscriber, Placement),
    /// Where it starts depends on the store, which has to be asked first.
    ReadStore,
    Ended,
}

impl Hub {
    /// Returns true if a subscriber that starts at `start` would be told that it has had everything.
    pub(crate) async fn has_ended(&self, selectors: &Selectors, start: StartPoint) -> Result<bool, SubscribeError> {
        let start = self.resolve(start, selectors).await?;
        Ok(self.0.core.state()?.engine.has_ended(selectors, &start))
    }

    /// Adds a subscriber, counted by its address, that may read what was `decided`. If where it starts depends on the store,
    /// that is read.
    pub(crate) async fn add_subscriber(
        &self,
        selectors: Selectors,
        start: StartPoint,
        address: Option<IpAddr>,
        decided: Option<&Decided>,
    ) -> Result<Subscribed, SubscribeError> {
        let mut start = self.resolve(start, &selectors).await?;
        let (mut subscriber, mut placement) = loop {
            match self.try_subscribe(&selectors, &start, address)? {
                Attempt::Begun(subscriber, placement) => break (subscriber, placement),
                Attempt::Ended => return Ok(Subscribed::Ended),
                Attempt::ReadStore => {}
            }
            if let StartPoint::Since { time, before, .. } = &mut start {
                *before = Some(self.turn_away_if_unreadable(self.0.store.before(*time).await)?);
            }
        };
        loop {
            let (cursor, pending, found) = match placement {
                Placement::Placed(cursor, opening) => {
                    if let Some(gap) = &opening.gap {
                        self.metrics().gap(gap.reason);
                    }
                    if let Some(granted) = decided.and_then(|decided| self.hold(decided, selectors, address)) {
                        subscriber.grant(granted);
                    }
                    return Ok(Subscribed::At(subscriber, cursor, opening));
                }
                Placement::ReadStore(cursor, read, pending) => {
                    let page = self.first_of(&read).await?;
                    let found = match page.entries.first() {
                        // What can't be read any more is told by the cursor, which comes by it first.
                        _ if page.damaged && !pending.has_gap() => StartFound::DamagedAfter(read.after),
                        Some(first) => StartFound::First(first.seq, first.draft.topic.clone()),
                        None => StartFound::NoneThrough(page.through),
                    };
                    (cursor, pending, Some(found))
                }
                Placement::Yield(cursor, mut pending) => {
                    pending.arrange();
                    turn::of_others().await;
                    (cursor, pending, None)
                }
            };
            placement = self.0.core.state()?.engine.continue_start(cursor, pending, found);
        }
    }

    /// Finds out whether the store has lost something right after where a stream opens, for one that can be told only then.
    pub(crate) async fn look_ahead(&self, cursor: &mut Cursor, opening: &mut Opening) -> Result<(), SubscribeError> {
        if !self.0.backed {
            return Ok(()); // nothing is read from it
        }
        let (began, date) = (cursor.progress(), self.clock().date());
        let step = self.0.core.state()?.engine.next(cursor, 1, date);
        if let Step::ReadStore(read) = step {
            let page = self.first_of(&read).await?;
            if page.damaged {
                let page = self.encode_page(&read, page); // it takes the lock itself
                if let Step::Gap(gap) = self.0.core.state()?.engine.accept_page(cursor, page, date) {
                    self.metrics().gap(gap.reason);
                    opening.position = self.position(cursor.seq());
                    opening.gap = Some(gap);
                    return Ok(());
                }
            }
        }
        cursor.jump_to(began);
        Ok(())
    }

    /// The page with the first event of `read`, or none.
    async fn first_of(&self, read: &StoreRead) -> Result<Page, SubscribeError> {
        self.turn_away_if_unreadable(self.0.store.read(query(read, 1, usize::MAX)).await)
    }

    /// Turns a subscriber away if where it starts can't be read, which is logged now and then.
    fn turn_away_if_unreadable<T>(&self, found: Result<T, StoreError>) -> Result<T, SubscribeError> {
        static TURNED_AWAY: Seldom = Seldom::a_minute();
        self.fail_if_gone(found).map_err(|error| {
            if let Some(others) = TURNED_AWAY.due() {
                tracing::warn!(%error, others, "a subscriber is turned away, since where it starts can't be read");
            }
            SubscribeError::Store
        })
    }

    /// The same start, at the first event in the store with the ID of its publisher's if it is given by one. What only the
    /// window has is found there.
    async fn resolve(&self, start: StartPoint, selectors: &Selectors) -> Result<StartPoint, SubscribeError> {
        let asked = match start {
            StartPoint::After(text) if self.0.backed && !text.is_empty() && Position::parse(&text).is_none() => text,
            start => return Ok(start),
        };
        let found = self.0.store.aliased(asked.clone(), selectors.clone()).await;
        Ok(match self.turn_away_if_unreadable(found)? {
            Some(entry) => StartPoint::Alias { asked, seq: entry.seq },
            None => StartPoint::After(asked),
        })
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

    /// The start `time` ago, or as far back as dates go, which the client wrote as `asked`.
    pub(crate) fn since(&self, time: Duration, asked: String) -> StartPoint {
        StartPoint::Since { time: self.clock().date().saturating_sub(millis(time)), asked, before: None }
    }

    /// Counts a subscriber, and begins to place it.
    fn try_subscribe(
        &self,
        selectors: &Selectors,
        start: &StartPoint,
        address: Option<IpAddr>,
    ) -> Result<Attempt, SubscribeError> {
        if self.draining().is_some() {
            return Err(SubscribeError::Draining);
        }
        let limits = &self.config().limits;
        let mut state = self.0.core.state()?;
        if let StartPoint::Since { time, before: None, .. } = start
            && !state.engine.reaches_back_to(*time)
        {
            return Ok(Attempt::ReadStore);
        }
        if state.engine.has_ended(selectors, start) {
            return Ok(Attempt::Ended);
        }
        let is_new = !state.engine.has_members(selectors);
        if let Some(share) = address.map(|address| state.share(address)) {
            let groups = limits.groups_per_address;
            if share.streams >= self.max_streams_of_one() || is_new && groups > 0 && share.groups >= groups {
                return Err(SubscribeError::Address);
            }
        }
        // over HTTP/2 one connection carries many
        if self.0.core.streams() >= self.max_streams() {
            return Err(SubscribeError::Full);
        }
        let placement = state.engine.subscribe(selectors.clone(), start).map_err(|_| SubscribeError::Full)?;
        let group = (placement.cursor().group(), is_new);
        Ok(Attempt::Begun(Subscriber::new(self, &mut state, group, address), placement))
    }
}
