//! What a shard needs of a socket, and the sockets of the system, with TLS or without.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    time::Duration,
};

use mio::net::TcpStream;

use crate::{
    base::unacknowledged::{extend_user_timeout, unacknowledged},
    transport::tls::TlsSession,
};

/// A socket that never blocks.
pub(super) trait Socket: Read + Write {
    /// Shuts down the write side: the peer reads the end of the stream after everything written. `WouldBlock` if something of
    /// that is held back.
    fn shutdown(&mut self) -> io::Result<()>;

    /// The bytes written that the peer has not acknowledged, where that is known.
    fn unacknowledged(&self) -> Option<usize>;

    /// Lets the peer keep its window shut for longer than `usual`.
    fn extend_user_timeout(&self, usual: Duration);

    /// The bytes that were accepted, but are kept by the program until the system accepts them.
    fn held_back(&self) -> usize;
}

/// A socket of the system's.
#[derive(Debug)]
pub(super) struct ShardSocket {
    tcp: TcpStream,
    tls: Option<Box<TlsSession>>,
}

impl ShardSocket {
    pub(super) const fn new(tcp: TcpStream, tls: Option<Box<TlsSession>>) -> Self {
        Self { tcp, tls }
    }
}

impl Read for ShardSocket {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.tcp.read(bytes),
            Some(tls) => tls.read(&mut self.tcp, bytes),
        }
    }
}

impl Write for ShardSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.tcp.write(bytes),
            Some(tls) => tls.write(&mut self.tcp, bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tls.as_mut().map_or(Ok(()), |tls| tls.flush(&mut self.tcp))
    }
}

impl Socket for ShardSocket {
    fn shutdown(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.end(&mut self.tcp)?;
        }
        self.tcp.shutdown(Shutdown::Write)
    }

    fn unacknowledged(&self) -> Option<usize> {
        unacknowledged(&self.tcp)
    }

    fn extend_user_timeout(&self, usual: Duration) {
        extend_user_timeout(&self.tcp, usual);
    }

    fn held_back(&self) -> usize {
        self.tls.as_ref().map_or(0, |tls| tls.held_back())
    }
}
