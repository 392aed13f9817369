//! Opening connections.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use crate::{error::Kind, options::Target};

/// How long a publisher may take to connect.
const PUBLISHER: Duration = Duration::from_secs(5);

/// The receive buffer of a slow subscriber, in bytes; the system may take its least instead.
const SLOW_BUFFER: usize = 2048;

/// Begins a connection. `source` is which of the loopback addresses it comes from; without, the system chooses. The inner
/// error is the server's refusal.
pub(super) fn begin(target: &Target, source: Option<u8>, slow: bool) -> Result<io::Result<TcpStream>, Kind> {
    let open = || -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(target.address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        if slow {
            // before connecting, or the window is agreed upon already
            socket.set_recv_buffer_size(SLOW_BUFFER)?;
        }
        Ok(socket)
    };
    let socket = open().map_err(Kind::Socket)?;
    let bound = source.map_or(Ok(()), |last| {
        // from 127.0.0.1 on: all of 127.0.0.0/8 is this machine
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        socket.bind(&SocketAddr::new(address, 0).into())
    });
    match bound.and_then(|()| socket.connect(&target.address.into())) {
        Ok(()) => {}
        Err(error) if in_progress(&error) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable) => {
            return Err(Kind::Ports { host: target.host.clone(), error });
        }
        Err(error) => return Ok(Err(error)),
    }
    Ok(Ok(TcpStream::from_std(socket.into())))
}

/// Connects, and waits for it.
pub(super) fn publisher(target: &Target) -> io::Result<TcpStream> {
    let stream = std::net::TcpStream::connect_timeout(&target.address, PUBLISHER)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(TcpStream::from_std(stream))
}

/// Whether a connection stands: `None` while it is on its way.
pub(super) fn connected(stream: &TcpStream) -> io::Result<Option<()>> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(Some(())),
        Err(error) if error.kind() == io::ErrorKind::NotConnected || in_progress(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn in_progress(error: &io::Error) -> bool {
    const EINPROGRESS: [i32; 2] = [115, 36]; // Linux; macOS and the BSDs
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error().is_some_and(|code| EINPROGRESS.contains(&code))
}

#[cfg(not(unix))]
fn in_progress(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
