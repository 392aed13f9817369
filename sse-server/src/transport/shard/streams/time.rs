//! Timeouts of a shard's streams.

use sse_engine::Millis;

use super::{Stays, Streams};
use crate::{
    metrics::EndReason,
    transport::shard::{connection::Stream, socket::Socket},
};

/// The most timers handled before sockets are polled again.
const TIMERS: usize = 1024;

impl<S: Socket> Streams<S> {
    pub(super) fn run_timers(&mut self, now: Millis) {
        for _ in 0..TIMERS {
            let Some((at, id)) = self.timers.pop(now) else { break };
            let Some(index) = self.find(id).filter(|index| self.connections[*index].timer == at) else { continue };
            self.connections[index].timer = Millis::MAX;
            if self.due_of(index) > now || self.on_time(index, now) == Stays::Yes {
                let due = self.due_of(index).max(now + 1);
                self.set_timer(index, due);
            }
        }
        if self.timers.is_crowded(self.connections.len()) {
            self.refresh_timers(now);
        }
    }

    /// When a connection has to be looked at if nothing happens before.
    pub(super) fn due_of(&self, index: usize) -> Millis {
        let connection = &self.connections[index];
        match (connection.stalled_since(), &connection.stream) {
            (Some(since), Some(stream)) => {
                let session = &stream.session;
                let gone = session.overdue_at(self.write_stall).min(since.saturating_add(self.write_stall));
                session.ends_at().min(gone)
            }
            (Some(since), None) => connection.close_by.min(since.saturating_add(self.write_stall)),
            (None, Some(stream)) => stream.session.due(),
            (None, None) => connection.close_by,
        }
    }

    /// Makes sure that a connection is looked at by `at`.
    pub(super) fn set_timer(&mut self, index: usize, at: Millis) {
        let connection = &mut self.connections[index];
        if at < connection.timer {
            connection.timer = at;
            self.timers.set(at, connection.id);
        }
    }

    pub(super) fn refresh_timers(&mut self, now: Millis) {
        let indices: Vec<_> = self.connections.iter().map(|(index, _)| index).collect();
        let entries: Vec<_> = indices
            .into_iter()
            .map(|index| {
                let due = self.due_of(index).max(now);
                let connection = &mut self.connections[index];
                connection.timer = due;
                (due, connection.id)
            })
            .collect();
        self.timers.replace(entries.into_iter());
    }

    fn on_time(&mut self, index: usize, now: Millis) -> Stays {
        let id = self.connections[index].id;
        if self.connections[index].is_blocked() {
            return self.on_stall(index, now);
        }
        if self.connections[index].stream.is_none() {
            return self.close(index, EndReason::client);
        }
        self.serve(index, now);
        if self.find(id).is_some() { Stays::Yes } else { Stays::No }
    }

    /// The socket has not become writable for a while. It reports that only once there is plenty of room, so try once
    /// more.
    fn on_stall(&mut self, index: usize, now: Millis) -> Stays {
        let id = self.connections[index].id;
        if let Some(stream) = &mut self.connections[index].stream {
            stream.session.end_if_due(now, &self.hub);
        }
        self.unblock(index, now);
        let Some(index) = self.find(id) else { return Stays::No };
        let connection = &mut self.connections[index];
        let Some(since) = connection.stalled_since() else { return Stays::Yes };
        match &connection.stream {
            Some(Stream { session, .. }) if session.overdue_at(self.write_stall) <= now => {
                let reason = session.end_reason().into();
                return self.close(index, reason);
            }
            None if connection.close_by <= now => return self.close(index, EndReason::client),
            _ => {}
        }
        if since.saturating_add(self.write_stall) <= now && !connection.has_moved(now) {
            return self.close(index, EndReason::lag);
        }
        Stays::Yes
    }
}
