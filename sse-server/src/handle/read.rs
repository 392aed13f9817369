//! Subscribers whose next events are in the store, not in the window.

use std::{net::IpAddr, time::Duration};

use super::{Busy, Hub, Subscriber};
use crate::{
    hub::{Found, Opening, Placed, Selectors, Span, Start, Write},
    store::{Page, Query, StoreError},
};

/// How many events one page has at most.
const PAGE: usize = 256;

/// How long to wait before a store that could not be read is asked again.
const RETRY: Duration = Duration::from_secs(1);

impl Hub {
    /// Adds a subscriber, counted with its address. Where its place depends on what is in the store, that is looked up.
    pub(crate) async fn subscribe(
        &self,
        selectors: Selectors,
        mut start: Start,
        address: Option<IpAddr>,
    ) -> Result<(Subscriber, Opening), Busy> {
        if let Start::Since { time, before, .. } = &mut start
            && !self.state().hub.reaches_back_to(*time)
        {
            *before = Some(self.0.store.seek(*time).await.map_err(Busy::Store)?);
        }
        let mut placed = self.join(selectors, &start, address)?;
        loop {
            let (subscriber, span, beginning) = match placed {
                (subscriber, Ok(opening)) => {
                    if let Some(gap) = &opening.gap {
                        self.metrics().gap(gap.reason);
                    }
                    return Ok((subscriber, opening));
                }
                (subscriber, Err((span, beginning))) => (subscriber, span, beginning),
            };
            let page = self.0.store.read(query(&span, 1, usize::MAX)).await.map_err(Busy::Store)?;
            let first = page.entries.first().map(|entry| entry.seq);
            let placing = self.state().hub.looked_up(subscriber.cursor(), beginning, first, page.through);
            placed = match placing {
                Placed::Known(cursor, opening) => (subscriber.placed(cursor), Ok(opening)),
                Placed::Open(cursor, span, beginning) => (subscriber.placed(cursor), Err((span, beginning))),
            };
        }
    }

    #[allow(clippy::type_complexity)]
    fn join(
        &self,
        selectors: Selectors,
        start: &Start,
        address: Option<IpAddr>,
    ) -> Result<(Subscriber, Result<Opening, (Span, crate::hub::Beginning)>), Busy> {
        let mut state = self.state();
        if state.drain.is_some() {
            return Err(Busy::Draining);
        }
        let limit = self.config().limits.per_address;
        let standing = address.and_then(|address| state.by_address.get(&address)).copied().unwrap_or(0);
        if limit > 0 && standing >= limit {
            return Err(Busy::Address);
        }
        // over HTTP/2 one connection has many
        if state.hub.subscribers().0 >= self.config().limits.connections {
            return Err(Busy::Full);
        }
        Ok(match state.hub.subscribe(selectors, start).map_err(|_| Busy::Full)? {
            Placed::Known(cursor, opening) => (self.subscriber(&mut state, cursor, address), Ok(opening)),
            Placed::Open(cursor, span, beginning) => {
                (self.subscriber(&mut state, cursor, address), Err((span, beginning)))
            }
        })
    }

    /// Reads what is next for a subscriber: at most `room` bytes, but at least one event if there is one. A store that
    /// can't be read is asked until it can, while someone waits; `None`: it is closed, or nobody does.
    pub(crate) async fn read(&self, span: Span, room: usize, waits: impl Fn() -> bool) -> Option<Found> {
        loop {
            match self.0.store.read(query(&span, PAGE, room)).await {
                Ok(page) => return Some(self.found(&span, page)),
                Err(StoreError::Closed) => return None,
                Err(error) => {
                    tracing::warn!(%error, "a subscriber waits for the store, which can't be read");
                    tokio::time::sleep(RETRY).await;
                    if !waits() {
                        return None;
                    }
                }
            }
        }
    }

    fn found(&self, span: &Span, page: Page) -> Found {
        let Page { entries, through } = page;
        let events = entries.len();
        let first = entries.first().map(|entry| (entry.seq, entry.time));
        let encoded = entries
            .into_iter()
            .map(|entry| crate::hub::encode(self.position(entry.seq), &entry.draft, span.selectors.envelope));
        let write = (events > 0).then(|| (Write::of(encoded.collect()), events));
        Found { write, first, through }
    }
}

fn query(span: &Span, events: usize, bytes: usize) -> Query {
    let Span { selectors, after, until } = span;
    Query { selectors: selectors.clone(), after: *after, until: *until, events, bytes }
}
