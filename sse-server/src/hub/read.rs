//! What a cursor needs: the next step from the window, and pages from the store for what has left it.

use std::{task::Waker, time::Duration};

use sse_engine::{Cursor, DrainReason, EncodedPage, Failed, Lasts, Step, StoreRead, Surroundings, Write};

use super::{Hub, Subscriber};
use crate::base::seldom::Seldom;
use crate::store::{Entry, PAGE_EVENTS, Page, PageBuilder, Query, StoreError};

/// Thousands may wait for the store, and it is logged now and then.
static WAITING: Seldom = Seldom::a_minute();

/// The delay before a failed read of the store is retried.
const RETRY: Duration = Duration::from_secs(1);

/// Whom to wake when there is an event for a group whose members have caught up.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Waiter<'a> {
    /// The task of the subscriber.
    Task(&'a Subscriber, &'a Waker),
    /// The shard with this number.
    Shard(usize),
}

impl Hub {
    /// The next step of `cursor`, with at most `room` bytes of events. If it has caught up, `waiter` is woken at the
    /// next event.
    pub(crate) fn next(&self, cursor: &mut Cursor, room: usize, waiter: Waiter<'_>) -> Result<Step, Failed> {
        let date = self.clock().date();
        let mut state = self.0.core.state()?;
        let step = state.engine.next(cursor, room, date);
        if step == Step::CaughtUp {
            match waiter {
                Waiter::Task(subscriber, waker) => state.wait(subscriber.group, subscriber.id, waker),
                Waiter::Shard(shard) => state.arm(cursor.group(), shard),
            }
        }
        Ok(step)
    }

    /// The next step of a stream that begins with the last event of each topic.
    pub(crate) fn next_lasts(&self, cursor: &mut Cursor, lasts: &mut Lasts, room: usize) -> Result<Step, Failed> {
        lasts.arrange();
        let mut state = self.0.core.state()?;
        let step = state.engine.next_lasts(cursor, lasts, room);
        if step == Step::Yield {
            state.give_way()?; // it goes on at once, and would be the first to take the lock again
        }
        Ok(step)
    }

    /// Continues with the page read for the last [`Step::ReadStore`].
    pub(crate) fn accept_page(&self, cursor: &mut Cursor, page: EncodedPage) -> Result<Step, Failed> {
        let date = self.clock().date();
        Ok(self.0.core.state()?.engine.accept_page(cursor, page, date))
    }

    /// Reads the next page for a subscriber: at most `room` bytes, but at least one event if there is one. A failed
    /// read is retried while `is_wanted` returns true.
    ///
    /// # Errors
    ///
    /// Why the stream ends instead: the store is closed or gone, or the page is no longer wanted.
    pub(crate) async fn read(
        &self,
        read: StoreRead,
        room: usize,
        is_wanted: impl Fn() -> bool,
    ) -> Result<EncodedPage, DrainReason> {
        loop {
            match self.fail_if_gone(self.read_once(&read, room).await) {
                Ok(page) => return Ok(self.encode_page(&read, page)),
                Err(StoreError::Gone) => return Err(DrainReason::Store),
                Err(StoreError::Closed) => return Err(DrainReason::Shutdown),
                Err(error) => {
                    if let Some(others) = WAITING.due() {
                        tracing::warn!(%error, others, "a subscriber waits for the store, which can't be read");
                    }
                    tokio::time::sleep(RETRY).await;
                    if !is_wanted() {
                        return Err(DrainReason::Shutdown);
                    }
                }
            }
        }
    }

    /// Reads a page of a range, or some events of it.
    async fn read_once(&self, read: &StoreRead, room: usize) -> Result<Page, StoreError> {
        let query = query(read, PAGE_EVENTS, room);
        if read.only.is_empty() {
            return self.0.store.read(query).await;
        }
        let some: Vec<_> = read.only.iter().copied().take(PAGE_EVENTS).collect();
        let through = some.last().copied().unwrap_or(read.through);
        let entries = self.0.store.read_at(some, query.selectors.clone()).await?;
        Ok(PageBuilder::new(&query, through).fill(entries))
    }

    /// Where topics were reopened since, their former last events are no ends any more.
    fn drop_stale_ends(&self, entries: &mut [Entry]) {
        let mut ends = entries.iter_mut().filter(|entry| entry.draft.end).peekable();
        if ends.peek().is_none() {
            return;
        }
        let state = self.0.core.state().ok();
        for entry in ends {
            let ended = state.as_ref().and_then(|state| state.engine.ended(&entry.draft.topic));
            entry.draft.end = ended == Some(entry.seq);
        }
    }

    pub(super) fn encode_page(&self, read: &StoreRead, page: Page) -> EncodedPage {
        let Page { mut entries, through, damaged } = page;
        if read.selectors.envelope {
            self.drop_stale_ends(&mut entries); // nothing else tells of ends
        }
        let events = entries.len();
        let first = entries.first().map(|entry| (entry.seq, entry.time));
        let encoded = entries
            .into_iter()
            .map(|entry| sse_engine::encode(self.position(entry.seq), &entry.draft, read.selectors.envelope));
        let write = (events > 0).then(|| (Write::of(encoded.collect()), events));
        EncodedPage { write, first, through, damaged }
    }
}

/// The query for a page that has room for `events` events of `bytes` bytes.
pub(super) fn query(read: &StoreRead, events: usize, bytes: usize) -> Query {
    let StoreRead { selectors, after, through, .. } = read;
    Query { selectors: selectors.clone(), after: *after, through: *through, events, bytes }
}
