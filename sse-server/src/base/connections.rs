//! How many connections are open.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;

/// The open connections of one listener, whoever serves them.
#[derive(Debug, Clone)]
pub(crate) struct Connections(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    open: AtomicUsize,
    gauge: Gauge,
    none: Notify,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection(Arc<Counts>);

impl Connections {
    pub(crate) fn new(gauge: Gauge) -> Self {
        Self(Arc::new(Counts { open: AtomicUsize::new(0), gauge, none: Notify::new() }))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    pub(crate) fn open(&self) -> OpenConnection {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        self.0.gauge.inc();
        OpenConnection(self.0.clone())
    }

    /// Waits until none is open.
    pub(crate) async fn closed(&self) {
        loop {
            let none = self.0.none.notified();
            if self.count() == 0 {
                return;
            }
            none.await;
        }
    }
}

#[cfg(test)]
impl OpenConnection {
    /// One of no listener.
    pub(crate) fn uncounted() -> Self {
        Connections::new(Gauge::default()).open()
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.gauge.dec();
        if self.0.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.none.notify_waiters();
        }
    }
}
