//! Addresses of this machine.

use std::{
    net::{SocketAddr, TcpListener},
    ops::Range,
    process,
    sync::atomic::{AtomicU16, Ordering},
};

/// A port of this machine, for its own programs only.
#[must_use]
pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// An address for something that starts later, or again: below the ports that systems give away by themselves, where
/// a connection of another test would take it in the meantime.
///
/// # Panics
/// If no port is free.
pub fn for_later() -> SocketAddr {
    const PORTS: Range<u16> = 20_000..32_000;
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let first = (process::id() % 1_000 * 12) as u16;
    loop {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        assert!(tried < PORTS.end - PORTS.start, "no port is free");
        let address = loopback(PORTS.start + (first + tried) % (PORTS.end - PORTS.start));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
