//! Counting open connections.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;

use super::network::network;

/// The count of a listener's open connections, whoever serves them.
#[derive(Debug, Clone)]
pub(crate) struct Connections(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    open: AtomicUsize,
    /// All that were opened so far.
    opened: AtomicUsize,
    /// The most that were open at once since this was last asked.
    most: AtomicUsize,
    /// Those with open connections. All that come by Unix sockets are one.
    clients: Mutex<HashMap<Option<IpAddr>, Arc<Client>>>,
    gauge: Gauge,
    none: Notify,
}

/// The open connections of one client; see [`network`].
#[derive(Debug)]
struct Client {
    address: Option<IpAddr>,
    /// Changed under the lock of all clients.
    open: AtomicUsize,
    all: Arc<Counts>,
}

/// An open connection, counted until this is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection(Arc<Client>);

impl Connections {
    pub(crate) fn new(gauge: Gauge) -> Self {
        let clients = Mutex::default();
        let (open, opened, most) = <(AtomicUsize, AtomicUsize, AtomicUsize)>::default();
        Self(Arc::new(Counts { open, opened, most, clients, gauge, none: Notify::new() }))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// All that were opened so far.
    pub(crate) fn opened(&self) -> usize {
        self.0.opened.load(Ordering::Relaxed)
    }

    /// The most that were open at once since this was last asked.
    pub(crate) fn take_most(&self) -> usize {
        self.0.most.swap(self.count(), Ordering::Relaxed)
    }

    /// The number of open connections of the client with `address`.
    pub(crate) fn count_of(&self, address: Option<IpAddr>) -> usize {
        self.0.clients.lock().get(&address.map(network)).map_or(0, |client| client.open.load(Ordering::Relaxed))
    }

    pub(crate) fn open(&self, address: Option<IpAddr>) -> OpenConnection {
        let address = address.map(network);
        let mut clients = self.0.clients.lock();
        let all = &self.0;
        let client = clients
            .entry(address)
            .or_insert_with(|| Arc::new(Client { address, open: AtomicUsize::new(0), all: Arc::clone(all) }));
        client.open.fetch_add(1, Ordering::Relaxed);
        let before = self.0.open.fetch_add(1, Ordering::Relaxed);
        self.0.opened.fetch_add(1, Ordering::Relaxed);
        self.0.most.fetch_max(before + 1, Ordering::Relaxed);
        self.0.gauge.inc();
        OpenConnection(Arc::clone(client))
    }

    /// Waits until no connection is open.
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
    /// A connection that belongs to no listener.
    pub(crate) fn uncounted() -> Self {
        Connections::new(Gauge::default()).open(None)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let Client { address, open, all } = &*self.0;
        let mut clients = all.clients.lock();
        if open.fetch_sub(1, Ordering::Relaxed) == 1 {
            clients.remove(address);
        }
        drop(clients);
        all.gauge.dec();
        if all.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            all.none.notify_waiters();
        }
    }
}
