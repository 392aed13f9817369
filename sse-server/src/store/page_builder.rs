//! How much a page holds.

use super::{Entry, Page, Query};

/// The most events of a page, for whoever reads one after the other.
pub(crate) const PAGE_EVENTS: usize = 256;

/// The room of a page: for so many events, of so many bytes together. The first event always has room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageRoom {
    is_empty: bool,
    events: usize,
    bytes: usize,
}

impl PageRoom {
    pub(crate) const fn of(query: &Query) -> Self {
        Self { is_empty: true, events: query.events, bytes: query.bytes }
    }

    /// Gives an event of `weight` bytes its room. Returns false if there is none: then the page is over.
    pub(crate) const fn admit(&mut self, weight: usize) -> bool {
        if !self.is_empty && (self.events == 0 || self.bytes < weight) {
            return false;
        }
        self.is_empty = false;
        self.events = self.events.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(weight);
        true
    }
}

/// A page that is being filled.
#[derive(Debug)]
pub(crate) struct PageBuilder {
    room: PageRoom,
    page: Page,
    is_over: bool,
}

impl PageBuilder {
    /// An empty page for `query`, which has come through `through` if all that is added has room.
    pub(crate) const fn new(query: &Query, through: u64) -> Self {
        let page = Page { entries: Vec::new(), through, damaged: false };
        Self { room: PageRoom::of(query), page, is_over: false }
    }

    /// Adds `entry`, which follows those added before. Returns false if it has no room: then the page ends before it.
    pub(crate) fn push(&mut self, entry: Entry) -> bool {
        if self.room.admit(entry.draft.weight()) {
            self.page.entries.push(entry);
            return true;
        }
        // the first one always has room
        let through = self.page.entries.last().map_or(self.page.through, |last| last.seq);
        self.end(through);
        false
    }

    /// What follows `before` can't be read. Returns true if the page, which is empty, goes on after it.
    pub(crate) fn step_over(&mut self, before: u64) -> bool {
        if !self.page.entries.is_empty() {
            self.end(before);
            return false;
        }
        self.page.damaged = true;
        true
    }

    /// Ends the page, which has come through `through`.
    pub(crate) const fn end(&mut self, through: u64) {
        self.page.through = through;
        self.is_over = true;
    }

    /// Returns true if nothing more is to be added.
    pub(crate) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Adds those of `entries` that have room.
    pub(crate) fn fill(mut self, entries: impl IntoIterator<Item = Entry>) -> Page {
        for entry in entries {
            if !self.push(entry) {
                break;
            }
        }
        self.done()
    }

    pub(crate) fn done(self) -> Page {
        self.page
    }
}

#[cfg(test)]
mod tests {
    use sse_engine::{Draft, Selectors, Topic};

    use super::*;

    #[test]
    fn a_page_has_an_event_however_large_and_then_what_has_room() {
        let entry = |seq| Entry { seq, time: 0, draft: Draft::text(Topic::new("a").unwrap(), "four") };
        let weight = entry(1).draft.weight();
        let page = |events, bytes| {
            let query = Query { selectors: Selectors::new(Vec::new(), false), after: 0, through: 9, events, bytes };
            let page = PageBuilder::new(&query, 9).fill((1..=3).map(entry));
            (page.entries.len(), page.through)
        };
        assert_eq!(page(3, 3 * weight), (3, 9));
        assert_eq!(page(2, 3 * weight), (2, 2));
        assert_eq!(page(3, 2 * weight), (2, 2));
        assert_eq!(page(3, 2 * weight - 1), (1, 1));
        assert_eq!(page(3, 0), (1, 1));
    }
}
