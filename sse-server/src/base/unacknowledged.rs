//! How much of what was written to a socket its peer has not acknowledged.

/// A socket of the system's.
#[cfg(target_os = "linux")]
pub(crate) use std::os::fd::AsFd as SystemSocket;

/// A socket of the system's.
#[cfg(not(target_os = "linux"))]
pub(crate) trait SystemSocket {}

#[cfg(not(target_os = "linux"))]
impl<T> SystemSocket for T {}

/// The bytes written to `socket` that its peer has not acknowledged, where the system tells: that number shrinks while
/// a slow peer takes bytes, long before the socket has room for more.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "no crate of this tree has the call in a safe form")]
pub(crate) fn unacknowledged(socket: &impl SystemSocket) -> Option<usize> {
    use std::os::fd::AsRawFd;

    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open while `socket` is borrowed, and `TIOCOUTQ` writes one `int`.
    let result = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if result == 0 { usize::try_from(bytes).ok() } else { None }
}

/// The bytes written to `socket` that its peer has not acknowledged, where the system tells.
#[cfg(not(target_os = "linux"))]
pub(crate) const fn unacknowledged(_: &impl SystemSocket) -> Option<usize> {
    None
}

/// Returns true if the peer has taken bytes: fewer are unacknowledged now than before, where both are known.
pub(crate) fn has_taken(before: Option<usize>, now: Option<usize>) -> bool {
    matches!((before, now), (Some(before), Some(now)) if now < before)
}

/// How many times as long as usual the system waits for a peer whose window is shut.
#[cfg(target_os = "linux")]
const SHUT_WINDOW_FACTOR: u32 = 4;

/// Has the system wait longer for the peer of a socket on which a write has stalled: its window may be shut though it
/// reads, since its system opens the window in large steps only. Whoever stalled has a time-out of its own for it. A
/// peer that has vanished is found later, too.
#[cfg(target_os = "linux")]
pub(crate) fn extend_user_timeout(socket: &impl SystemSocket, usual: std::time::Duration) {
    // a socket that refuses is closed in any case, only earlier
    let _ = socket2::SockRef::from(socket).set_tcp_user_timeout(Some(usual * SHUT_WINDOW_FACTOR));
}

/// The system waits as long as usual.
#[cfg(not(target_os = "linux"))]
pub(crate) const fn extend_user_timeout(_: &impl SystemSocket, _: std::time::Duration) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        io::{ErrorKind, Read, Write},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    #[test]
    fn it_shrinks_as_the_peer_reads() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut socket, _) = listener.accept().unwrap();
        assert_eq!(unacknowledged(&socket), Some(0));
        socket.set_nonblocking(true).unwrap();
        let full = loop {
            match socket.write_all(&[0; 65_536]) {
                Ok(()) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        let before = unacknowledged(&socket).unwrap();
        assert!(before > 0);
        let mut bytes = vec![0; 65_536];
        while unacknowledged(&socket).unwrap() >= before {
            peer.read_exact(&mut bytes).unwrap();
        }
    }
}
