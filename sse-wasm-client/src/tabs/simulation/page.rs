//! The page of one tab: what happens to it, and what it should have had.

use std::{collections::HashSet, time::Duration};

use sse_core::EventId;

use super::hub::{Kind, Server};
use crate::{Delivery, Message, tabs::Tab};

#[derive(Debug)]
pub(super) struct Page {
    pub(super) tab: Tab,
    pub(super) seen: Vec<Seen>,
    /// How many of these another tab had, at whose position this one joined.
    pub(super) brought: usize,
    /// How many of those the other tab had brought itself before a gap. They may come again.
    pub(super) past: usize,
    /// The ID of the last event that its program got: where that would resume.
    pub(super) told: EventId,
    /// How many events had been published when it first knew its position.
    pub(super) positioned_at: Option<usize>,
    /// With IDs that do not compare: the index of the first event that it has to have, if it joined with nothing.
    pub(super) begins: usize,
    /// When it joined with nothing, if its first event has to be later than that.
    pub(super) joined_at: Option<Duration>,
    /// Its timers fire once a minute.
    pub(super) is_throttled: bool,
    /// It has found no lock.
    pub(super) is_alone: bool,
    /// It came with an ID that the server does not know.
    pub(super) is_astray: bool,
    /// Set while it is frozen: what has happened meanwhile, and whether the channel keeps notices for it.
    pub(super) frozen: Option<Frozen>,
    /// The number of its last request for the lock.
    pub(super) request: u64,
    pub(super) connection: Option<Connection>,
}

#[derive(Debug)]
pub(super) struct Frozen {
    pub(super) keeps: bool,
    pub(super) backlog: Vec<Happening>,
}

/// A connection as the tab sees it, which reconnects by itself.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) number: u64,
    pub(super) last_event_id: EventId,
    pub(super) is_open: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Seen {
    Tick(usize),
    Gap,
}

/// What happens to a tab.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    Notice(String),
    Granted(u64),
    Stolen(u64),
    /// The connection with this number reaches the server.
    Arrive(u64),
    Event(u64, Delivery<Message>),
    Lost(u64),
    Refused(u64),
}

impl Page {
    /// Its connection, if it still is the one with this number.
    pub(super) fn connection(&mut self, number: u64) -> Option<&mut Connection> {
        self.connection.as_mut().filter(|connection| connection.number == number)
    }

    pub(super) fn next_time(&self) -> Option<Duration> {
        const MINUTE: u64 = 60;
        let at = self.tab.next_time()?;
        Some(if self.is_throttled { at.max(Duration::from_secs(at.as_secs().next_multiple_of(MINUTE))) } else { at })
    }

    /// How many of the events that it has seen may come again.
    pub(super) fn past(&self) -> usize {
        if self.seen[self.brought..].contains(&Seen::Gap) { self.brought } else { self.past }
    }

    /// Checks that its program knows the tab's position.
    pub(super) fn check_position(&self) -> Result<(), String> {
        let position = self.tab.state.seen.last();
        if self.told == position {
            Ok(())
        } else {
            Err(format!("its program is at {:?}, and itself at {position:?}", self.told))
        }
    }

    /// Checks that it knows of the end, and had everything before, as [`check`](Self::check) does. One that joined with
    /// nothing, and knew no position before the last event, has nothing to have; nor has one after a last gap.
    pub(super) fn check_end(&self, server: &Server, has_gaps: bool, late: Duration) -> Result<(), String> {
        if !self.tab.state.stream_state.has_ended() || self.connection.is_some() {
            return Err(format!("is not told of the end: {:?}", self.tab.state.stream_state));
        }
        let came_late = self.positioned_at.is_none_or(|at| at >= server.published());
        let has_nothing_to_have = (self.seen.is_empty() && came_late) || self.seen.last() == Some(&Seen::Gap);
        let (last, end) = (self.check_order(server, has_gaps, late)?, server.published().checked_sub(1));
        if last == end || has_nothing_to_have { Ok(()) } else { Err(format!("ends with {last:?} of {end:?}")) }
    }

    /// Checks that it has had what it should, in order: everything since it knew its position, nothing from before it
    /// joined, and no gap that the server did not announce. With IDs that do not compare, and a gap somewhere: that it
    /// has had nothing twice. `late` is how long an event may be on its way.
    pub(super) fn check(&self, server: &Server, has_gaps: bool, late: Duration) -> Result<(), String> {
        if server.kind == Kind::Foreign && has_gaps {
            // Late events come in no known order then, but once; to a tab that brought an ID from elsewhere, once since
            // then. What another tab had twice is that tab's fault.
            let own = &self.seen[self.brought..];
            let mut once: HashSet<_> = self.seen[self.past()..self.brought].iter().collect();
            let twice = own.iter().find(|seen| **seen != Seen::Gap && !once.insert(*seen));
            return twice.map_or(Ok(()), |seen| Err(format!("{seen:?} twice")));
        }
        let (last, end) = (self.check_order(server, has_gaps, late)?, server.published().checked_sub(1));
        if last == end { Ok(()) } else { Err(format!("ends with {last:?} of {end:?}")) }
    }

    /// Checks the order, and that there are no gaps that were not announced. Returns the last event.
    fn check_order(&self, server: &Server, has_gaps: bool, late: Duration) -> Result<Option<usize>, String> {
        let mut last: Option<usize> = None;
        let mut gap = false;
        // With such IDs a tab that joined amid a resume may get the events of the resume too, and is not told.
        let is_late = |seen: &&Seen| matches!(seen, Seen::Tick(index) if *index < self.begins);
        for seen in self.seen.iter().filter(|seen| !is_late(seen)) {
            match (seen, last) {
                // As the first event it may be for another tab, which is astray.
                (Seen::Gap, last) if !has_gaps && !self.is_astray && (last.is_some() || server.stray_gaps == 0) => {
                    return Err("a gap that no server announced".into());
                }
                (Seen::Gap, _) => gap = true,
                (Seen::Tick(index), None) if Some(*index) > self.positioned_at && !gap && !self.is_astray => {
                    return Err(format!("begins with {index}, but was there at {:?}", self.positioned_at));
                }
                (Seen::Tick(index), None)
                    if server.kind == Kind::Hub
                        && self.joined_at.is_some_and(|joined| server.times[*index] + late < joined) =>
                {
                    return Err(format!("begins with {index}, which was there long before it"));
                }
                (Seen::Tick(index), Some(last)) if *index <= last => return Err(format!("{index} after {last}")),
                (Seen::Tick(index), Some(last)) if *index > last + 1 && !gap => {
                    return Err(format!("{index} right after {last}"));
                }
                (Seen::Tick(index), _) => {
                    last = Some(*index);
                    gap = false;
                }
            }
        }
        Ok(last)
    }
}
