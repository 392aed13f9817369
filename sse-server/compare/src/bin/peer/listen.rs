//! What all peers have in common with the hub: descriptors, a long queue, and events that leave at once.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be accepted; the kernel takes `net.core.somaxconn` if that is less.
const BACKLOG: i32 = 65_535;

/// Listens on loopback, without blocking, with the descriptor limit raised as far as it goes.
pub(super) fn on(port: u16) -> io::Result<TcpListener> {
    // what is not enough shows when clients are refused
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    // Linux hands it on to the sockets that are accepted
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
