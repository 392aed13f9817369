//! The tabs, their browser, and time.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap, VecDeque},
    mem,
    time::Duration,
};

use sse_core::hub::names::event::{DRAIN, GAP};

use super::{
    hub::{Kind, Server, TICK},
    input::Input,
    page::{Connection, Frozen, Happening, Page, Seen},
    record::Record,
};
use crate::{
    CloseReason, State,
    tabs::{
        notice::{Notice, Says},
        output::Output,
    },
};

/// See [`World::slow`].
pub(super) const USUAL: u64 = 400;

/// A fault of the tabs, which the tests have to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A new leader begins at its own position.
    StartsAtOwn,
    /// Tabs get again what they have had.
    PassesNothingOver,
    /// A leader does not repeat what was missed.
    NeverRepeats,
    /// A leader does not hear the others' positions.
    HearsNoPositions,
    /// A silent leader keeps the lock.
    NeverSteals,
    /// A leader does not notice that its lock was stolen, and hears nothing.
    Deaf,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Duration,
    pub(super) server: Server,
    pub(super) pages: BTreeMap<u64, Page>,
    fault: Option<Fault>,
    random: u64,
    /// The longest time in milliseconds that a message takes, now and at any time so far.
    pub(super) slow: u64,
    pub(super) slowest: u64,
    pub(super) next: u64,
    /// By time, then by order.
    happenings: BinaryHeap<Reverse<(Duration, u64, u64)>>,
    what: HashMap<u64, Happening>,
    /// When the last message from a tab or a connection arrived at a tab.
    arrived: HashMap<(u64, u64), Duration>,
    holder: Option<(u64, u64)>,
    waiting: VecDeque<(u64, u64)>,
    /// The tabs whose connections are open at the server, by the numbers of those.
    open: BTreeMap<u64, u64>,
    /// Until when old events may arrive at a leader.
    pub(super) repeated_until: Duration,
    /// Gaps that pages were told of.
    pub(super) gaps: usize,
    pub(super) trace: Vec<String>,
    pub(super) record: Option<Record>,
}

impl World {
    pub(super) fn new(kind: Kind, seed: u64, fault: Option<Fault>) -> Self {
        let slow = if seed.is_multiple_of(8) { 6000 } else { USUAL };
        Self {
            now: Duration::ZERO,
            server: Server::new(kind),
            pages: BTreeMap::new(),
            fault,
            random: seed | 1,
            slow,
            slowest: slow,
            next: 0,
            happenings: BinaryHeap::new(),
            what: HashMap::new(),
            arrived: HashMap::new(),
            holder: None,
            waiting: VecDeque::new(),
            open: BTreeMap::new(),
            repeated_until: Duration::ZERO,
            gaps: 0,
            trace: Vec::new(),
            record: None,
        }
    }

    pub(super) fn close(&mut self, tab: u64) {
        if self.pages.get(&tab).is_some_and(|page| page.frozen.is_none()) {
            self.trace(tab, "closes");
            self.input(tab, &Input::Close);
            self.kill(tab);
        }
    }

    pub(super) fn kill(&mut self, tab: u64) {
        self.trace(tab, "is gone");
        self.pages.remove(&tab);
        self.open.retain(|_, of| *of != tab);
        self.release(tab);
    }

    pub(super) fn freeze(&mut self, tab: u64, is_announced: bool, keeps: bool) {
        if self.pages.get(&tab).is_some_and(|page| page.frozen.is_none()) {
            self.trace(tab, if is_announced { "freezes, as announced" } else { "freezes" });
            if is_announced {
                self.input(tab, &Input::Frozen);
            }
            if let Some(page) = self.pages.get_mut(&tab) {
                page.frozen = Some(Frozen { keeps, backlog: Vec::new() });
                page.joined_at = page.joined_at.filter(|_| page.positioned_at.is_some());
            }
        }
    }

    pub(super) fn thaw(&mut self, tab: u64) {
        let Some(page) = self.pages.get_mut(&tab) else { return };
        let Some(Frozen { mut backlog, .. }) = page.frozen.take() else { return };
        self.repeated_until = self.repeated_until.max(self.now);
        self.trace(tab, "thaws");
        self.input(tab, &Input::Resumed);
        let is_lock = |happening: &Happening| matches!(happening, Happening::Granted(_) | Happening::Stolen(_));
        match self.draw(3) {
            0 => backlog.sort_by_key(|happening| !is_lock(happening)), // a stable sort
            1 => backlog.sort_by_key(is_lock),
            _ => {}
        }
        for happening in backlog {
            self.happen(tab, happening);
        }
    }

    pub(super) fn publish(&mut self) {
        if self.server.is_up && !self.server.has_ended {
            let event = self.server.publish(self.now);
            for (connection, tab) in self.open.clone() {
                self.send(connection, tab, Happening::Event(connection, event.clone()));
            }
        }
    }

    /// The topic ends, and with it every stream.
    pub(super) fn end_topic(&mut self) {
        self.server.has_ended = true;
        self.end_streams();
    }

    fn end_streams(&mut self) {
        let end = self.server.end();
        for (connection, tab) in mem::take(&mut self.open) {
            self.send(connection, tab, Happening::Event(connection, end.clone()));
            self.send(connection, tab, Happening::Lost(connection));
        }
    }

    /// The server stops, and every connection with it.
    pub(super) fn stop_server(&mut self) {
        self.server.is_up = false;
        for (connection, tab) in mem::take(&mut self.open) {
            self.send(connection, tab, Happening::Lost(connection));
        }
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let timers = self.pages.iter().filter(|(_, page)| page.frozen.is_none());
            let timer = timers.filter_map(|(tab, page)| Some((page.next_time()?, *tab))).min();
            let next = self.happenings.peek().map(|Reverse((at, ..))| *at);
            match (timer, next) {
                (Some((at, tab)), next) if at <= until && next.is_none_or(|next| at < next) => {
                    self.now = self.now.max(at);
                    self.input(tab, &Input::Time);
                }
                (_, Some(at)) if at <= until => {
                    let Some(Reverse((_, number, tab))) = self.happenings.pop() else { unreachable!() };
                    self.now = self.now.max(at);
                    if let Some(what) = self.what.remove(&number) {
                        self.happen(tab, what);
                    }
                }
                _ => break,
            }
        }
        self.now = until;
    }

    /// How many open connections the server has from running pages.
    pub(super) fn connections(&self) -> usize {
        let runs = |tab| self.pages.get(tab).is_some_and(|page| page.frozen.is_none());
        self.open.values().filter(|tab| runs(tab)).count()
    }

    fn happen(&mut self, tab: u64, what: Happening) {
        let Some(page) = self.pages.get_mut(&tab) else { return };
        if let Some(frozen) = &mut page.frozen {
            if frozen.keeps || !matches!(what, Happening::Notice(_)) {
                frozen.backlog.push(what);
            }
            return;
        }
        if !matches!(what, Happening::Notice(_)) {
            self.trace.push(format!("{:?} {tab} <- {what:?}", self.now));
        }
        let is_deaf = self.fault == Some(Fault::Deaf);
        let leads = page.connection.is_some();
        let request = page.request;
        match what {
            Happening::Notice(_) if is_deaf && leads => {}
            Happening::Stolen(_) if is_deaf => {}
            Happening::Notice(text) => self.input(tab, &Input::Notice(text)),
            Happening::Granted(of) if of == request => self.input(tab, &Input::Granted),
            Happening::Stolen(of) if of == request => self.input(tab, &Input::Stolen),
            Happening::Granted(_) | Happening::Stolen(_) => {}
            Happening::Arrive(number) => self.arrive(tab, number),
            Happening::Event(number, event) => {
                if let Some(connection) = page.connection(number) {
                    connection.last_event_id = event.id.clone();
                    let opens = connection.is_open || event.value.name.as_str() != DRAIN;
                    if opens && !mem::replace(&mut connection.is_open, true) {
                        self.input(tab, &Input::State(State::Open));
                    }
                    self.input(tab, &Input::Event(event));
                }
            }
            Happening::Lost(number) => {
                if let Some(connection) = page.connection(number) {
                    connection.is_open = false;
                    let waits = State::Waiting { attempt: 1, until: self.now + Duration::from_millis(1500) };
                    let state = if number.is_multiple_of(2) { waits } else { State::Connecting };
                    self.input(tab, &Input::State(state));
                    self.connect_soon(tab);
                }
            }
            Happening::Refused(number) => {
                if page.connection(number).is_some() {
                    self.input(tab, &Input::State(State::Closed { why: CloseReason::Ended }));
                }
            }
        }
    }

    /// Carries out the outputs of a tab.
    pub(super) fn act(&mut self, tab: u64) {
        while let Some(page) = self.pages.get_mut(&tab) {
            if self.fault == Some(Fault::PassesNothingOver) {
                page.tab.state.ahead = false;
            }
            let Some(output) = page.tab.poll_output() else { break };
            self.trace.push(format!("{:?} {tab} -> {output:?}", self.now));
            if let Some(record) = &mut self.record {
                record.output(self.now, &output);
            }
            if let Output::Event(event) = &output
                && !event.id.text().is_empty()
            {
                page.told = event.id.clone();
            }
            match output {
                Output::Request => {
                    self.release(tab);
                    let request = self.new_request(tab);
                    self.waiting.push_back((tab, request));
                    self.grant();
                }
                Output::Steal if self.fault == Some(Fault::NeverSteals) => {}
                Output::Steal => {
                    self.waiting.retain(|(of, _)| *of != tab);
                    if let Some((robbed, request)) = self.holder.take() {
                        self.soon(robbed, Happening::Stolen(request));
                    }
                    let request = self.new_request(tab);
                    self.holder = Some((tab, request));
                    self.soon(tab, Happening::Granted(request));
                }
                Output::Release => {
                    self.new_request(tab);
                    self.release(tab);
                }
                Output::Post(notice) => self.post(tab, &notice),
                Output::Connect { last_event_id } => {
                    assert!(page.connection.is_none(), "one connection at a time");
                    let own = page.tab.state.seen.last();
                    let last_event_id = if self.fault == Some(Fault::StartsAtOwn) { own } else { last_event_id };
                    page.connection = Some(Connection { number: 0, last_event_id, is_open: false });
                    self.connect_soon(tab);
                }
                Output::Disconnect => {
                    let connection = page.connection.take().expect("a connection to close");
                    self.open.remove(&connection.number);
                }
                Output::Event(event) if event.value.name == TICK => {
                    page.seen.push(Seen::Tick(event.value.data.parse().unwrap()));
                }
                Output::Event(event) if event.value.name.as_str() == GAP => {
                    page.seen.push(Seen::Gap);
                    self.gaps += 1;
                }
                Output::Event(_) | Output::State(_) | Output::Aside(_) | Output::CheckDeadlines => {}
            }
        }
        if let (Some(record), Some(page)) = (&mut self.record, self.pages.get(&tab)) {
            record.settle(page.tab.next_time());
        }
        self.note_position(tab);
    }

    fn post(&mut self, tab: u64, notice: &Notice) {
        let is_swallowed = match &notice.says {
            Says::Replay { .. } => self.fault == Some(Fault::NeverRepeats),
            Says::Here(here) => self.fault == Some(Fault::HearsNoPositions) && !here.fresh,
            _ => false,
        };
        if !is_swallowed {
            for to in self.pages.keys().copied().filter(|to| *to != tab).collect::<Vec<_>>() {
                self.send(tab, to, Happening::Notice(notice.clone().encode(self.now)));
            }
        }
    }

    /// The browser makes an attempt to connect.
    fn connect_soon(&mut self, tab: u64) {
        self.next += 1;
        let number = self.next;
        if let Some(connection) = self.pages.get_mut(&tab).and_then(|page| page.connection.as_mut()) {
            connection.number = number;
            let wait = self.draw(1500);
            self.at(self.now + Duration::from_millis(wait), tab, Happening::Arrive(number));
        }
    }

    fn arrive(&mut self, tab: u64, number: u64) {
        let Some(page) = self.pages.get(&tab) else { return };
        let Some(connection) = page.connection.as_ref().filter(|connection| connection.number == number) else {
            return;
        };
        if !self.server.is_up {
            return self.connect_soon(tab);
        }
        self.server.asked += 1;
        if self.server.wants_no_more(&connection.last_event_id) {
            self.server.refused += 1;
            return self.send(number, tab, Happening::Refused(number));
        }
        if self.server.is_busy {
            let event = Server::turn_away(&connection.last_event_id);
            self.send(number, tab, Happening::Event(number, event));
            return self.send(number, tab, Happening::Lost(number));
        }
        let is_alone = page.is_alone;
        for event in self.server.open(&connection.last_event_id) {
            self.send(number, tab, Happening::Event(number, event));
        }
        self.open.insert(number, tab);
        if self.server.has_ended {
            self.end_streams();
        }
        let until = self.arrived.get(&(number, tab)).copied().unwrap_or_default();
        self.repeated_until = self.repeated_until.max(if is_alone { Duration::ZERO } else { until });
    }

    fn new_request(&mut self, tab: u64) -> u64 {
        self.next += 1;
        if let Some(page) = self.pages.get_mut(&tab) {
            page.request = self.next;
        }
        self.next
    }

    fn release(&mut self, tab: u64) {
        self.waiting.retain(|(of, _)| *of != tab);
        if self.holder.is_some_and(|(of, _)| of == tab) {
            self.holder = None;
        }
        self.grant();
    }

    fn grant(&mut self) {
        if self.holder.is_none()
            && let Some((tab, request)) = self.waiting.pop_front()
        {
            self.holder = Some((tab, request));
            self.soon(tab, Happening::Granted(request));
        }
    }

    /// Sends a message to a tab. It arrives after those of the same sender that are on their way.
    fn send(&mut self, from: u64, to: u64, what: Happening) {
        let delay = if self.draw(20) == 0 { self.draw(self.slow) } else { self.draw(20) };
        let last = self.arrived.get(&(from, to)).copied().unwrap_or_default();
        let at = last.max(self.now + Duration::from_millis(delay));
        self.arrived.insert((from, to), at);
        self.at(at, to, what);
    }

    fn soon(&mut self, tab: u64, what: Happening) {
        let delay = self.draw(30);
        self.at(self.now + Duration::from_millis(delay), tab, what);
    }

    fn at(&mut self, at: Duration, tab: u64, what: Happening) {
        self.next += 1;
        self.what.insert(self.next, what);
        self.happenings.push(Reverse((at, self.next, tab)));
    }

    pub(super) fn draw(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) % below
    }

    pub(super) fn trace(&mut self, tab: u64, what: &str) {
        self.trace.push(format!("{:?} {tab} {what}", self.now));
    }
}
