//! What the clients of a fleet share with the test.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::watch, time::Instant};

use super::view::{FleetView, Observed, Record};

pub(super) type Observer = Box<dyn FnMut(&Record) + Send>;

pub(super) struct FleetState {
    slots: Vec<Mutex<Slot>>,
    start: Instant,
    /// Notified of each new record.
    pub(super) changed: watch::Sender<()>,
    /// Whether all clients have to stay from now on.
    pub(super) calm: watch::Sender<bool>,
}

/// The records of one client, and who else gets them.
pub(super) struct Slot {
    pub(super) view: FleetView,
    observers: Vec<Observer>,
    /// Whether recording has ended.
    over: bool,
}

impl Slot {
    pub(super) const fn new(view: FleetView, observers: Vec<Observer>) -> Self {
        Self { view, observers, over: false }
    }

    fn record(&mut self, record: Record) {
        if self.over {
            return;
        }
        for observer in &mut self.observers {
            observer(&record);
        }
        self.view.push(record);
    }
}

impl FleetState {
    pub(super) fn new(slots: Vec<Slot>) -> Self {
        Self {
            slots: slots.into_iter().map(Mutex::new).collect(),
            start: Instant::now(),
            changed: watch::Sender::new(()),
            calm: watch::Sender::new(false),
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn slot(&self, client: usize) -> MutexGuard<'_, Slot> {
        // a closure of the test that panicked left the slot unchanged
        self.slots[client].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record(&self, client: usize, what: Observed) {
        let record = Record::new(self.start.elapsed(), what);
        self.slot(client).record(record);
        self.changed.send_replace(());
    }

    /// Ends all recording. Clients that are connected leave.
    pub(super) fn end(&self) -> Vec<FleetView> {
        let at = self.start.elapsed();
        let ended = (0..self.len()).map(|client| {
            let mut slot = self.slot(client);
            if slot.view.is_connected() {
                slot.record(Record::new(at, Observed::Left));
            }
            slot.over = true;
            slot.view.clone()
        });
        ended.collect()
    }
}

impl fmt::Debug for FleetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetState").field("clients", &self.len()).finish_non_exhaustive()
    }
}
