//! A socket that listens, and the connections that come in there.

use std::{io, net::SocketAddr, time::Duration};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::error::ServeError;
#[cfg(unix)]
use super::unix::UnixSocket;
use crate::config::Listen;

/// The kernel caps this at `net.core.somaxconn`. A full queue makes clients retry for seconds.
const BACKLOG: u32 = 65_535;

/// The most unsent bytes in the kernel's send buffer. Without this bound, events would be written to a stalled reader
/// until megabytes of buffer are full; they are better left in the log.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 16 << 10;

/// A socket that listens.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixSocket),
}

impl Listener {
    /// Listens on `address`.
    pub(super) fn tcp(address: SocketAddr) -> Result<Self, ServeError> {
        let open = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            // Like tokio's own listener: a restart must not wait for old connections to time out.
            #[cfg(unix)]
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        open().map(Self::Tcp).map_err(|source| ServeError::Listen { at: address.into(), source })
    }

    /// The address, if it has one.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    /// Where it listens.
    pub(super) fn is_at(&self) -> Listen {
        match self {
            // without an address it is as if all could reach it
            Self::Tcp(listener) => Listen::Tcp(listener.local_addr().unwrap_or(SocketAddr::from(([0; 4], 0)))),
            #[cfg(unix)]
            Self::Unix(socket) => Listen::Unix(socket.path().into()),
        }
    }

    /// The next connection, ready for what is written to it. By a Unix socket it comes from no address.
    ///
    /// A connection of a Unix socket is read and written by the same calls, and is in the same type.
    pub(super) async fn accept(&self) -> io::Result<(TcpStream, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => listener.accept().await.map(|(stream, address)| (stream, Some(address))),
            #[cfg(unix)]
            Self::Unix(socket) => socket.accept().await.map(|stream| (stream, None)),
        }
    }
}

/// Sets the options of a connection over TCP: send at once, drop peers that acknowledge nothing for `user_timeout`, and bound the
/// unsent bytes.
pub(super) fn prepare(stream: &TcpStream, user_timeout: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    {
        let socket = SockRef::from(stream);
        socket.set_tcp_user_timeout(Some(user_timeout))?;
        socket.set_tcp_notsent_lowat(UNSENT)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (SockRef::from(stream), user_timeout);
    Ok(())
}
