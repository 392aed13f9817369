//! What happens to a shard's streams because time has passed.

use super::{Stays, Streams};
use crate::{
    driver::{body::Heartbeat, life, shard::connection::Socket},
    hub::{Chunk, Millis},
    metrics::Ended,
    wire,
};

/// How many timers go off before sockets are looked at again.
const TIMERS: usize = 1024;

impl<S: Socket> Streams<S> {
    pub(super) fn run_timers(&mut self, now: Millis) {
        for _ in 0..TIMERS {
            let Some((at, id)) = self.timers.pop(now) else { break };
            let Some(index) = self.find(id).filter(|index| self.connections[*index].timer == at) else { continue };
            self.connections[index].timer = Millis::MAX;
            if self.connections[index].due() > now || self.on_time(index, now) == Stays::Yes {
                self.set_timer(index, self.connections[index].due().max(now + 1));
            }
        }
        if self.timers.is_crowded(self.connections.len()) {
            self.refresh_timers();
        }
    }

    /// Looks at a connection at this time, or before.
    pub(super) fn set_timer(&mut self, index: usize, at: Millis) {
        let connection = &mut self.connections[index];
        if at < connection.timer {
            connection.timer = at;
            self.timers.set(at, connection.id);
        }
    }

    pub(super) fn refresh_timers(&mut self) {
        self.timers.replace(self.connections.iter_mut().map(|(_, connection)| {
            connection.timer = connection.due();
            (connection.timer, connection.id)
        }));
    }

    fn on_time(&mut self, index: usize, now: Millis) -> Stays {
        let connection = &mut self.connections[index];
        let id = connection.id;
        if connection.leaving.is_none() && connection.end.is_some_and(|(at, _)| at <= now) {
            connection.leaving = Some(self.hub.head());
            if connection.reading.is_some() && !connection.is_blocked() {
                return self.end(index, now); // what is left is much; it comes back for it
            }
        }
        if connection.is_blocked() {
            return self.on_stall(index, now);
        }
        if connection.subscriber.is_none() {
            return self.close(index, Ended::client);
        }
        self.serve(index, now);
        match self.find(id) {
            None => Stays::No,
            Some(index) => self.beat(index, now),
        }
    }

    /// The socket has told of no room for a while. It does so only where there is much, so it is tried once more.
    fn on_stall(&mut self, index: usize, now: Millis) -> Stays {
        let id = self.connections[index].id;
        self.unblock(index, now);
        let Some(index) = self.find(id) else { return Stays::No };
        let stall = life::millis(self.hub.config().stream.write_stall);
        let connection = &mut self.connections[index];
        match connection.stalled_since() {
            Some(since) if since + stall <= now => return self.close(index, Ended::lag),
            Some(since) => connection.silent_until = since + stall,
            None => {}
        }
        Stays::Yes
    }

    /// A heartbeat, if nothing was written for its interval.
    fn beat(&mut self, index: usize, now: Millis) -> Stays {
        let connection = &self.connections[index];
        let Some(subscriber) = &connection.subscriber else { return Stays::Yes };
        if connection.silent_until > now || connection.is_blocked() {
            return Stays::Yes;
        }
        let beat = match connection.heartbeat {
            Heartbeat::Cursor => wire::cursor(subscriber.position()),
            Heartbeat::Comment => wire::comment(),
        };
        self.hub.metrics().heartbeats.inc();
        self.write(index, &Chunk::new(&beat), now)
    }
}
