//! The streams of a shard, whatever their sockets are and whatever waits for them.

mod time;

use std::collections::VecDeque;

use bytes::Bytes;
use slab::Slab;

use super::{
    Reader,
    connection::{Connection, Input, Sent, Socket},
    frames::{LAST_CHUNK, Memo, Next},
    groups::Groups,
    timers::{Id, Timers},
};
use crate::{
    driver::{body::reconnection_time, handoff::Handed, life},
    handle::Hub,
    hub::{Chunk, DrainReason, Found, GroupId, Millis},
    metrics::Ended,
    server::Open,
    wire,
};

/// How many members of a group get their write before another group has its turn.
const TURN: usize = 512;

/// How many writes one connection gets in a row where it is served alone.
const ROW: usize = 16;

/// How long a client may take to end its side.
const PATIENCE: Millis = 1000;

/// A shard's connections.
#[derive(Debug)]
pub(super) struct Streams<S> {
    hub: Hub,
    reader: Reader,
    connections: Slab<Connection<S>>,
    /// How often a place of the slab was used.
    uses: u32,
    groups: Groups,
    timers: Timers,
    /// Connections that have more to do than their last turn had room for.
    more: VecDeque<Id>,
    memo: Memo,
    draining: bool,
    delivered: u64,
    bytes: u64,
}

/// Whether a connection is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stays {
    Yes,
    No,
}

impl<S: Socket> Streams<S> {
    pub(super) fn new(hub: Hub, reader: Reader) -> Self {
        Self {
            hub,
            connections: Slab::new(),
            uses: 0,
            groups: Groups::default(),
            timers: Timers::default(),
            more: VecDeque::new(),
            memo: Memo::new(reader.shard),
            reader,
            draining: false,
            delivered: 0,
            bytes: 0,
        }
    }

    /// Where the next connection will be.
    pub(super) fn vacant(&self) -> usize {
        self.connections.vacant_key()
    }

    /// Begins a stream.
    pub(super) fn join(&mut self, socket: S, stream: Handed, chunked: bool, open: Open, now: Millis) {
        let Handed { subscriber, opening, heartbeat } = stream;
        let entry = self.connections.vacant_entry();
        let index = entry.key();
        let Ok(place) = u32::try_from(index) else { return };
        self.uses = self.uses.wrapping_add(1);
        let id = Id { index: place, use_count: self.uses };
        let config = &self.hub.config().stream;
        let member = self.groups.join(subscriber.group(), place);
        let mut connection = Connection::new(socket, id, subscriber, chunked, open);
        connection.member = member;
        connection.heartbeat = heartbeat;
        connection.silent_until = now + life::millis(config.heartbeat);
        connection.end = life::age(config.max_age).map(|age| (now + age, DrainReason::Age));
        let bytes = wire::opening(reconnection_time(config.retry), opening.position, opening.gap.as_ref());
        entry.insert(connection);
        if self.draining {
            self.leave_soon(index);
        }
        self.set_timer(index, self.connections[index].due());
        if self.write(index, &Chunk::new(&bytes), now) == Stays::Yes {
            self.queue(index);
        }
    }

    /// Gives a connection another turn.
    fn queue(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if !std::mem::replace(&mut connection.queued, true) {
            self.more.push_back(connection.id);
        }
    }

    /// The group may have something for its members.
    pub(super) fn ready(&mut self, group: GroupId) {
        self.groups.ready(group);
    }

    /// The socket at this place takes more, or has input.
    pub(super) fn on_event(&mut self, index: usize, input: bool, now: Millis) {
        if !self.connections.contains(index) {
            return;
        }
        if input && self.drop_input(index) == Stays::No {
            return;
        }
        if self.connections[index].is_blocked() {
            self.unblock(index, now);
        }
    }

    /// A shutdown has begun: each stream gets a moment of its own within the window.
    pub(super) fn drain(&mut self) {
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        let indices: Vec<_> = self.connections.iter().map(|(index, _)| index).collect();
        indices.into_iter().for_each(|index| self.leave_soon(index));
        self.refresh_timers();
    }

    fn leave_soon(&mut self, index: usize) {
        if self.connections[index].leaving.is_some() {
            return;
        }
        if let Some(drain) = self.hub.draining() {
            let at = self.hub.millis(drain.began) + life::part_of(drain.window.mul_f64(0.9));
            self.connections[index].end = Some((at, DrainReason::Shutdown));
        }
    }

    /// When there is something to do, if nothing happens before.
    pub(super) fn due(&self) -> Option<Millis> {
        self.timers.next()
    }

    /// Does some of what there is to do. `true`: there is more.
    pub(super) fn turn(&mut self, now: Millis) -> bool {
        self.run_timers(now);
        for _ in 0..self.more.len().min(TURN) {
            let Some(index) = self.more.pop_front().and_then(|id| self.find(id)) else { continue };
            let connection = &mut self.connections[index];
            connection.queued = false;
            if std::mem::take(&mut connection.unread) && self.drop_input(index) == Stays::No {
                continue;
            }
            self.serve(index, now);
        }
        if let Some(group) = self.groups.turn() {
            self.walk(group, now);
        }
        let metrics = self.hub.metrics();
        metrics.deliveries.inc_by(std::mem::take(&mut self.delivered));
        metrics.bytes.inc_by(std::mem::take(&mut self.bytes));
        self.groups.is_ready() || !self.more.is_empty() || self.due().is_some_and(|due| due <= now)
    }

    /// One write for each member that can take it.
    fn walk(&mut self, group: GroupId, now: Millis) {
        self.memo.clear(); // what it remembers is of another group, or of before
        for _ in 0..TURN {
            let Some(member) = self.groups.member(group) else { break };
            let (stays, again) = self.step(member as usize, now);
            self.groups.visited(group, stays == Stays::Yes, again);
        }
        self.memo.clear();
        self.groups.turned(group);
    }

    /// Serves one connection until there is nothing more, or it takes no more, or others should have their turn.
    fn serve(&mut self, index: usize, now: Millis) {
        for _ in 0..ROW {
            self.memo.clear();
            let (stays, again) = self.step(index, now);
            if stays == Stays::No || !again {
                return;
            }
        }
        self.queue(index);
    }

    /// Gives a connection, if it can take it, what comes next. Whether it stays, and whether there may be more.
    fn step(&mut self, index: usize, now: Millis) -> (Stays, bool) {
        let connection = &mut self.connections[index];
        if connection.is_blocked() || connection.reading.is_some() {
            return (Stays::Yes, false);
        }
        let Some(subscriber) = &mut connection.subscriber else { return (Stays::Yes, false) };
        if connection.leaving.is_some_and(|through| subscriber.has_reached(through)) {
            return (self.end(index, now), false);
        }
        let next = self.memo.next(subscriber);
        self.give(index, next, now)
    }

    /// What was read from the store for a connection; nothing if it is closed, and there is no more to be had.
    pub(super) fn on_read(&mut self, id: Id, found: Option<Found>, now: Millis) {
        let Some(index) = self.find(id) else { return };
        let connection = &mut self.connections[index];
        connection.reading = None;
        let Some(found) = found else {
            connection.end = Some((now, DrainReason::Shutdown));
            connection.leaving = Some(0);
            self.queue(index);
            return;
        };
        // Meanwhile a heartbeat may have been written in part: then it is read again.
        if !connection.is_blocked()
            && let Some(subscriber) = &mut connection.subscriber
        {
            let next = Next::from(subscriber.take(found));
            if self.give(index, next, now).0 == Stays::No {
                return;
            }
        }
        self.queue(index);
    }

    /// Does what comes next for a connection.
    fn give(&mut self, index: usize, next: Next, now: Millis) -> (Stays, bool) {
        let connection = &mut self.connections[index];
        match next {
            Next::Events { chunk, events } => {
                self.delivered += events as u64;
                self.bytes += chunk.len() as u64;
                (self.write(index, &chunk, now), true)
            }
            Next::Gap(gap) => {
                self.hub.metrics().gap(gap.reason);
                (self.write(index, &Chunk::new(&wire::gap(&gap)), now), true)
            }
            Next::Lagged => {
                connection.end = Some((now, DrainReason::Lag));
                connection.leaving = Some(0);
                (self.end(index, now), false)
            }
            // What is left is much; it comes back for it.
            Next::Read(_) if connection.leaving.is_some() => (self.end(index, now), false),
            Next::Read(span) => {
                connection.reading = Some(self.reader.read(&self.hub, connection.id, span));
                (Stays::Yes, false)
            }
            Next::Again => (Stays::Yes, true),
            Next::Wait => {
                let leaves = connection.leaving.is_some();
                (if leaves { self.end(index, now) } else { Stays::Yes }, false)
            }
        }
    }

    fn write(&mut self, index: usize, chunk: &Chunk, now: Millis) -> Stays {
        if self.connections[index].chunked {
            self.send(index, chunk.framed(), now)
        } else {
            self.send(index, &chunk.payload(), now)
        }
    }

    fn send(&mut self, index: usize, bytes: &Bytes, now: Millis) -> Stays {
        let connection = &mut self.connections[index];
        connection.silent_until = now + life::millis(self.hub.config().stream.heartbeat);
        match connection.send(bytes, now) {
            Sent::Whole => Stays::Yes,
            Sent::Blocked => {
                self.hub.metrics().stalled.inc();
                let pinned = connection.pinned() as i64;
                let others = self.hub.metrics().pinned.inc_by(pinned);
                let most = i64::try_from(self.hub.config().limits.pinned_bytes).unwrap_or(i64::MAX);
                if others.saturating_add(pinned) > most {
                    return self.close(index, Ended::lag);
                }
                // until it takes more there is no heartbeat, but a look at whether it stalls for too long
                let connection = &mut self.connections[index];
                connection.silent_until = now + life::millis(self.hub.config().stream.write_stall);
                let due = connection.due();
                self.set_timer(index, due);
                Stays::Yes
            }
            Sent::Gone => self.close(index, Ended::client),
        }
    }

    /// The last words, and the end of our side.
    fn end(&mut self, index: usize, now: Millis) -> Stays {
        let connection = &mut self.connections[index];
        let (Some(subscriber), Some((_, reason))) = (&connection.subscriber, connection.end) else { return Stays::Yes };
        let retry = reconnection_time(self.hub.config().stream.retry);
        let words = Chunk::new(&wire::drain(retry, subscriber.position(), reason));
        let bytes = if connection.chunked { [words.framed(), LAST_CHUNK].concat().into() } else { words.payload() };
        self.leave(index, life::ended(reason));
        if self.send(index, &bytes, now) == Stays::No {
            return Stays::No;
        }
        // else it is half closed when it has taken them
        if self.connections[index].is_blocked() { Stays::Yes } else { self.half_close(index, now) }
    }

    /// The socket may take more.
    fn unblock(&mut self, index: usize, now: Millis) {
        let connection = &mut self.connections[index];
        let pinned = connection.pinned() as i64;
        match connection.flush(now) {
            Sent::Blocked => return,
            Sent::Gone => {
                self.close(index, Ended::client);
                return;
            }
            Sent::Whole => {}
        }
        self.hub.metrics().pinned.dec_by(pinned);
        self.hub.metrics().stalled.dec();
        let connection = &mut self.connections[index];
        if connection.subscriber.is_some() {
            connection.silent_until = now + life::millis(self.hub.config().stream.heartbeat);
            let due = connection.due();
            self.set_timer(index, due);
            self.serve(index, now);
        } else {
            self.half_close(index, now);
        }
    }

    /// The last words are written: ends our side, and has patience until the client ends its own.
    fn half_close(&mut self, index: usize, now: Millis) -> Stays {
        let connection = &mut self.connections[index];
        if !connection.shutdown() {
            return self.close(index, Ended::client);
        }
        connection.silent_until = now + PATIENCE;
        self.set_timer(index, now + PATIENCE);
        Stays::Yes
    }

    fn drop_input(&mut self, index: usize) -> Stays {
        match self.connections[index].drop_input() {
            Input::Nothing => Stays::Yes,
            Input::More => {
                self.connections[index].unread = true;
                self.queue(index);
                Stays::Yes
            }
            Input::End => self.close(index, Ended::client),
        }
    }

    /// The connection with this name, if it is still there.
    fn find(&self, id: Id) -> Option<usize> {
        let index = id.index as usize;
        self.connections.get(index).filter(|connection| connection.id == id).map(|_| index)
    }

    /// Takes the subscriber out of the hub.
    fn leave(&mut self, index: usize, ended: Ended) {
        let connection = &mut self.connections[index];
        let Some(mut subscriber) = connection.subscriber.take() else { return };
        let at = connection.member;
        if let Some(moved) = self.groups.leave(subscriber.group(), at) {
            self.connections[moved as usize].member = at;
        }
        subscriber.ends(ended);
    }

    fn close(&mut self, index: usize, ended: Ended) -> Stays {
        self.leave(index, ended);
        let connection = self.connections.remove(index);
        if connection.is_blocked() {
            self.hub.metrics().stalled.dec();
            self.hub.metrics().pinned.dec_by(connection.pinned() as i64);
        }
        Stays::No
    }
}

impl<S> Drop for Streams<S> {
    /// The hub may live on: what was counted of these connections is taken back.
    fn drop(&mut self) {
        let metrics = self.hub.metrics();
        for (_, connection) in self.connections.iter().filter(|(_, connection)| connection.is_blocked()) {
            metrics.stalled.dec();
            metrics.pinned.dec_by(connection.pinned() as i64);
        }
    }
}
