//! The ways in which tabs join.

use std::time::Duration;

use sse_core::EventId;

use super::{
    hub::Kind,
    input::Input,
    page::{Page, Seen},
    world::World,
};
use crate::tabs::Tab;

impl World {
    /// A tab joins: with nothing, or at the position of another.
    pub(super) fn join(&mut self, like: Option<u64>) -> u64 {
        match like.and_then(|tab| self.pages.get(&tab)) {
            Some(page) => {
                let (is_astray, seen, past, begins) = (page.is_astray, page.seen.clone(), page.past(), page.begins);
                let tab = self.enter(page.tab.state.seen.last(), seen, is_astray);
                if let Some(page) = self.pages.get_mut(&tab) {
                    (page.past, page.begins) = (past, begins);
                }
                tab
            }
            None => self.enter(EventId::default(), Vec::new(), false),
        }
    }

    /// A tab joins that has had nothing since `ago` events ago. Not with IDs that do not compare: it could recognize
    /// nothing before its own, and may get that late.
    pub(super) fn join_late(&mut self, ago: usize) {
        if self.server.kind == Kind::Hub
            && let Some((id, index)) = self.server.before(ago)
        {
            self.enter(id, vec![Seen::Tick(index)], false);
        }
    }

    /// A tab joins with an ID that the server does not know. What servers other than hubs do with it is not tested.
    pub(super) fn join_astray(&mut self) {
        if self.server.kind == Kind::Hub {
            let id = format!("astray {}", self.next);
            self.enter(EventId::new(id).unwrap(), Vec::new(), true);
        }
    }

    /// A tab joins that finds no lock.
    pub(super) fn join_alone(&mut self) {
        let tab = self.join(None);
        if let Some(page) = self.pages.get_mut(&tab) {
            page.is_alone = true;
        }
        self.input(tab, &Input::Unavailable);
    }

    fn enter(&mut self, id: EventId, seen: Vec<Seen>, is_astray: bool) -> u64 {
        self.next += 1;
        let number = self.next * 7919 % 100_003; // so that tabs don't join in the order of their numbers
        let (is_fresh, start) = (id.text().is_empty(), id.clone());
        let page = Page {
            tab: Tab::new(number, id.clone(), self.now),
            brought: seen.len(),
            past: 0,
            begins: 0,
            seen,
            told: id,
            positioned_at: (!is_fresh).then_some(self.server.published()),
            joined_at: is_fresh.then_some(self.now),
            frozen: None,
            is_throttled: false,
            is_alone: false,
            is_astray,
            request: 0,
            connection: None,
        };
        self.pages.insert(number, page);
        self.trace(number, "joins");
        if let Some(record) = &mut self.record {
            record.join(number, self.now, &start);
        }
        self.act(number);
        number
    }

    /// Notes when a page that has had nothing first knows its position.
    pub(super) fn note_position(&mut self, tab: u64) {
        let Some(page) = self.pages.get_mut(&tab) else { return };
        if page.positioned_at.is_none() && !page.tab.state.seen.last().text().is_empty() {
            page.positioned_at = Some(self.server.published());
            page.begins = self.server.index(&page.tab.state.seen.last());
            // It may lie amid old events. Or the tab leads, and begins where the others are.
            if page.connection.is_some() || self.now <= self.repeated_until + Duration::from_millis(self.slowest) {
                page.joined_at = None;
            }
        }
    }
}
