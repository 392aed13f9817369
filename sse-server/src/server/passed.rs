//! Sockets that were opened for this process before it was started.

use std::{env, io};

use listenfd::ListenFd;
use tokio::net::TcpListener;

use super::{listener::Listener, unix::UnixSocket};

/// The sockets that systemd, or who does as it does, has opened for this process (`sd_listen_fds(3)`).
pub(super) struct Passed {
    sockets: ListenFd,
    names: Vec<String>,
}

impl Passed {
    pub(super) fn of_the_environment() -> Self {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        Self { sockets: ListenFd::from_env(), names: names.split(':').map(str::to_owned).collect() }
    }

    /// Takes those with this name, or all that have none of the names `others`.
    pub(super) fn take(&mut self, name: Option<&str>, others: &[String]) -> io::Result<Vec<Listener>> {
        let mut taken = Vec::new();
        for place in 0..self.sockets.len() {
            let own = self.names.get(place).map(String::as_str);
            let is_wanted = match name {
                Some(_) => own == name,
                None => !others.iter().any(|other| own == Some(other)),
            };
            if !is_wanted {
                continue;
            }
            taken.extend(self.take_one(place)?);
        }
        if taken.is_empty() {
            return Err(io::Error::other("it has passed no such socket"));
        }
        Ok(taken)
    }

    fn take_one(&mut self, place: usize) -> io::Result<Option<Listener>> {
        if let Ok(tcp) = self.sockets.take_tcp_listener(place) {
            let Some(tcp) = tcp else { return Ok(None) }; // it is taken
            tcp.set_nonblocking(true)?;
            return TcpListener::from_std(tcp).map(|tcp| Some(Listener::Tcp(tcp)));
        }
        let Some(unix) = self.sockets.take_unix_listener(place)? else { return Ok(None) };
        UnixSocket::opened(unix).map(|unix| Some(Listener::Unix(unix)))
    }
}
