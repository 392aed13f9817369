//! The streams of a shard, independent of the kind of socket and poll.

mod time;

use std::collections::VecDeque;

use bytes::Bytes;
use slab::Slab;
use sse_engine::{Action, Chunk, DrainReason, EncodedPage, GroupId, Millis, Session, Surroundings, millis};

use super::{
    Reader,
    connection::{Connection, Id, Input, Sent, Stream},
    groups::Groups,
    shared_steps::{Memo, ShardDriver},
    socket::Socket,
    timers::Timers,
};
use crate::{
    base::{connections::OpenConnection, turn},
    hub::{Draining, Hub},
    metrics::EndReason,
    transport::{HALF_CLOSE, deliveries::Deliveries, takeover::TakenStream},
};

/// The number of members of a group that are served before another group has its turn.
const TURN: usize = 512;

/// The most writes in a row for a connection that is served alone.
const ROW: usize = 16;

/// The last chunk of a body.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A shard's connections.
#[derive(Debug)]
pub(super) struct Streams<S> {
    hub: Hub,
    reader: Reader,
    connections: Slab<Connection<S>>,
    /// That of the last connection: the number of connections that there have been.
    generation: u32,
    groups: Groups,
    timers: Timers,
    /// Connections with more to do than fitted into their last turn.
    more: VecDeque<Id>,
    memo: Memo,
    drain: Option<Draining>,
    /// How long a peer may take nothing, and, up to a bound of the session's, how long for the last bytes of a stream.
    write_stall: Millis,
    deliveries: Deliveries,
}

/// Whether a connection still exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stays {
    Yes,
    No,
}

impl<S: Socket> Streams<S> {
    pub(super) fn new(hub: Hub, reader: Reader) -> Self {
        let write_stall = millis(hub.config().stream.write_stall);
        Self {
            write_stall,
            hub,
            connections: Slab::new(),
            generation: 0,
            groups: Groups::default(),
            timers: Timers::default(),
            more: VecDeque::new(),
            memo: Memo::default(),
            reader,
            drain: None,
            deliveries: Deliveries::default(),
        }
    }

    /// The index of the next connection.
    pub(super) fn vacant(&self) -> usize {
        self.connections.vacant_key()
    }

    /// Adds a connection, and starts its stream.
    pub(super) fn add(&mut self, socket: S, taken: TakenStream, chunked: bool, open: OpenConnection, now: Millis) {
        let TakenStream { subscriber, cursor, opening, control } = taken;
        let entry = self.connections.vacant_entry();
        let index = entry.key();
        let Ok(slot) = u32::try_from(index) else { return };
        self.generation = self.generation.wrapping_add(1);
        let id = Id { index: slot, generation: self.generation };
        let mut session = Session::new(cursor, opening, control, now, &self.hub);
        if let Some(drain) = self.drain {
            session.drain(drain.began, drain.window, drain.reason, &self.hub);
        }
        if let Some(granted) = subscriber.granted() {
            granted.apply_to(&mut session, &self.reader.waker(id));
        }
        let due = session.due();
        let place = self.groups.add(subscriber.group(), slot);
        entry.insert(Connection::new(socket, id, Stream { session, subscriber, place }, chunked, open));
        self.set_timer(index, due);
        self.serve(index, now);
    }

    /// Queues a connection for another turn.
    fn queue(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if !std::mem::replace(&mut connection.queued, true) {
            self.more.push_back(connection.id);
        }
    }

    /// Marks a group as ready: there may be events for its members.
    pub(super) fn ready(&mut self, group: GroupId) {
        self.groups.ready(group);
    }

    /// Handles the readiness of the socket at `index`.
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

    /// Handles a shutdown: schedules the end of each stream within the window.
    pub(super) fn drain(&mut self, now: Millis) {
        let Some(drain) = self.hub.draining().filter(|_| self.drain.is_none()) else { return };
        self.drain = Some(drain);
        for (_, connection) in &mut self.connections {
            if let Some(stream) = &mut connection.stream {
                stream.session.drain(drain.began, drain.window, drain.reason, &self.hub);
            }
        }
        self.refresh_timers(now);
    }

    /// When there is something to do if nothing happens before.
    pub(super) fn due(&self) -> Option<Millis> {
        self.timers.next()
    }

    /// Does a bounded amount of work. Returns true if there is more.
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
        self.deliveries.flush(self.hub.metrics());
        self.groups.is_ready() || !self.more.is_empty() || self.due().is_some_and(|due| due <= now)
    }

    /// Serves one write to each member that is ready for it.
    fn walk(&mut self, group: GroupId, now: Millis) {
        self.memo.clear(); // it is for another group, or out of date
        for _ in 0..TURN {
            let Some(member) = self.groups.member(group) else { break };
            let (stays, again) = self.step(member as usize, now);
            self.groups.visited(group, stays == Stays::Yes, again);
        }
        self.memo.clear();
        self.groups.turned(group);
    }

    /// Serves one connection until it has caught up, its socket is full, or others should have their turn.
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

    /// Serves the next step to a connection that can accept it. Returns whether it still exists, and whether there may
    /// be more to do.
    fn step(&mut self, index: usize, now: Millis) -> (Stays, bool) {
        let connection = &mut self.connections[index];
        let blocked = connection.is_blocked();
        let Some(stream) = connection.stream.as_mut().filter(|_| !blocked) else { return (Stays::Yes, false) };
        let hub = (&self.hub, self.reader.shard);
        let (mut driver, now) = ShardDriver::of(&stream.subscriber, hub, &mut self.memo, now);
        let action = stream.session.poll(now, &mut driver);
        self.act(index, action, now)
    }

    /// Handles a page read from the store for a connection, or the reason for which there is none.
    pub(super) fn on_read(&mut self, id: Id, page: Result<EncodedPage, DrainReason>, now: Millis) {
        let Some(index) = self.find(id) else { return };
        let connection = &mut self.connections[index];
        connection.reading = None;
        let blocked = connection.is_blocked();
        if let Some(stream) = &mut connection.stream {
            if blocked {
                // A heartbeat is still partly unsent.
                stream.session.abandon_page();
            } else {
                let hub = (&self.hub, self.reader.shard);
                let (mut driver, now) = ShardDriver::of(&stream.subscriber, hub, &mut self.memo, now);
                let action = stream.session.accept_page(page, now, &mut driver);
                if self.act(index, action, now).0 == Stays::No {
                    return;
                }
            }
        }
        self.queue(index);
    }

    /// The grant of a connection's stream has changed.
    pub(super) fn on_grant(&mut self, id: Id, now: Millis) {
        let Some(index) = self.find(id) else { return };
        let waker = self.reader.waker(id);
        let Some(Stream { session, subscriber, .. }) = &mut self.connections[index].stream else { return };
        if let Some(granted) = subscriber.granted() {
            granted.apply_to(session, &waker);
        }
        let due = self.due_of(index).max(now);
        self.set_timer(index, due);
    }

    /// Performs an action of a session. Returns whether the connection still exists, and whether there may be more to
    /// do.
    fn act(&mut self, index: usize, action: Action<Chunk>, now: Millis) -> (Stays, bool) {
        self.deliveries.count(&action, Chunk::len, self.hub.metrics());
        match action {
            Action::Events { events, .. } => (self.write(index, &events, now), true),
            Action::Control { block, .. } => (self.write(index, &Chunk::new(&block), now), true),
            Action::ReadStore(read) => {
                let connection = &mut self.connections[index];
                connection.reading = Some(self.reader.read(&self.hub, connection.id, read));
                (Stays::Yes, false)
            }
            Action::Yield => {
                turn::of_threads();
                self.queue(index); // behind the others, whatever is left of its row
                (Stays::Yes, false)
            }
            Action::WaitUntil(_) => (Stays::Yes, false),
            Action::End { last_words, reason } => (self.end(index, &last_words, reason.into(), now), false),
            Action::Ended => (self.half_close(index, now), false),
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
        match self.connections[index].send(bytes, self.hub.pinned(), now) {
            Sent::Whole => Stays::Yes,
            Sent::Blocked => {
                self.hub.metrics().stalled_connections.inc();
                if self.hub.pinned().is_over() {
                    return self.close(index, EndReason::lag);
                }
                self.connections[index].extend_user_timeout(self.hub.config().stream.user_timeout());
                let due = self.due_of(index);
                self.set_timer(index, due);
                Stays::Yes
            }
            Sent::Gone => self.close(index, EndReason::client),
        }
    }

    /// Writes the last block, and closes our side.
    fn end(&mut self, index: usize, last_words: &Bytes, ended: EndReason, now: Millis) -> Stays {
        self.unsubscribe(index, ended);
        let words = (!last_words.is_empty()).then(|| Chunk::new(last_words));
        let bytes = match (self.connections[index].chunked, words) {
            (true, Some(words)) => [words.framed(), LAST_CHUNK].concat().into(),
            (true, None) => Bytes::from_static(LAST_CHUNK),
            (false, _) => last_words.clone(),
        };
        if !bytes.is_empty() && self.send(index, &bytes, now) == Stays::No {
            return Stays::No;
        }
        self.connections[index].close_by = now.saturating_add(self.write_stall);
        // otherwise it is half closed once the last block is sent
        if self.connections[index].is_blocked() { Stays::Yes } else { self.half_close(index, now) }
    }

    /// Handles a socket that may accept more.
    fn unblock(&mut self, index: usize, now: Millis) {
        if let Some(stream) = &mut self.connections[index].stream
            && stream.session.is_out_of_grant(now)
        {
            stream.session.end_if_due(now, &self.hub);
            let reason = stream.session.end_reason().into();
            self.close(index, reason);
            return;
        }
        match self.connections[index].flush(self.hub.pinned(), now) {
            Sent::Blocked => return,
            Sent::Gone => {
                self.close(index, EndReason::client);
                return;
            }
            Sent::Whole => {}
        }
        self.hub.metrics().stalled_connections.dec();
        if let Some(stream) = &mut self.connections[index].stream {
            stream.session.wrote(now, self.hub.timing());
            let due = self.due_of(index);
            self.set_timer(index, due);
            self.serve(index, now);
        } else {
            self.half_close(index, now);
        }
    }

    /// Closes our side after the last block, and waits for the client to close its own.
    fn half_close(&mut self, index: usize, now: Millis) -> Stays {
        let connection = &mut self.connections[index];
        match connection.shutdown(self.hub.pinned(), now) {
            Sent::Whole => {}
            Sent::Gone => return self.close(index, EndReason::client),
            Sent::Blocked => {
                // what is left has the time that there was for the last block
                self.hub.metrics().stalled_connections.inc();
                let due = self.due_of(index);
                self.set_timer(index, due);
                return Stays::Yes;
            }
        }
        connection.close_by = now + HALF_CLOSE;
        self.set_timer(index, now + HALF_CLOSE);
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
            Input::End => self.close(index, EndReason::client),
        }
    }

    /// The connection with this ID, if it still exists.
    fn find(&self, id: Id) -> Option<usize> {
        let index = id.index as usize;
        self.connections.get(index).filter(|connection| connection.id == id).map(|_| index)
    }

    /// Removes the subscriber of a connection from the hub. The connection stays.
    fn unsubscribe(&mut self, index: usize, ended: EndReason) {
        let Some(Stream { mut subscriber, place, .. }) = self.connections[index].stream.take() else { return };
        if let Some(moved) = self.groups.remove(subscriber.group(), place)
            && let Some(stream) = &mut self.connections[moved as usize].stream
        {
            stream.place = place;
        }
        subscriber.ends(ended);
    }

    fn close(&mut self, index: usize, ended: EndReason) -> Stays {
        self.unsubscribe(index, ended);
        let connection = self.connections.remove(index);
        if connection.is_blocked() {
            self.hub.metrics().stalled_connections.dec();
        }
        Stays::No
    }
}

impl<S> Drop for Streams<S> {
    /// Takes its connections out of the metrics of the hub, which may outlive the shard.
    fn drop(&mut self) {
        let metrics = self.hub.metrics();
        let stalled = self.connections.iter().filter(|(_, connection)| connection.is_blocked()).count();
        metrics.stalled_connections.dec_by(stalled as i64);
    }
}
