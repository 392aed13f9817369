//! All that a hub listens on, as its configuration says it.

#[cfg(not(unix))]
use std::io;

use super::{error::ServeError, listener::Listener};
#[cfg(unix)]
use super::{passed::Passed, unix::UnixSocket};
use crate::config::{Listen, Server};

/// All that listen.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) public: Vec<Listener>,
    pub(super) admin: Vec<Listener>,
}

impl Listeners {
    /// Opens what `config` says, and says there what systemd has passed.
    pub(super) fn open(config: &mut Server) -> Result<Self, ServeError> {
        let mut opening = Opening { unix_mode: config.unix_mode(), ..Opening::default() };
        // what is asked for by name is not for who takes all
        let is_rest = |listen: &Listen| *listen == Listen::Systemd(None);
        config.listen.sort_by_key(is_rest);
        let (mut public, mut admin) = (Vec::new(), Vec::new());
        if let Some(listen) = &config.admin_listen {
            admin = opening.open(listen)?;
            if let (Listen::Systemd(_), [one, ..]) = (listen, &admin[..]) {
                config.admin_listen = Some(one.is_at());
            }
        }
        let mut open = Vec::with_capacity(config.listen.len());
        for listen in &config.listen {
            let listeners = opening.open(listen)?;
            match listen {
                Listen::Systemd(_) => open.extend(listeners.iter().map(Listener::is_at)),
                listen => open.push(listen.clone()),
            }
            public.extend(listeners);
        }
        config.listen = open;
        Ok(Self { public, admin })
    }
}

/// What is known while listeners are opened.
#[derive(Default)]
struct Opening {
    unix_mode: u32,
    #[cfg(unix)]
    passed: Option<Passed>,
}

impl Opening {
    fn open(&mut self, listen: &Listen) -> Result<Vec<Listener>, ServeError> {
        let at = |source| ServeError::Listen { at: listen.clone(), source };
        match listen {
            Listen::Tcp(address) => Listener::tcp(*address).map(|listener| vec![listener]),
            #[cfg(unix)]
            Listen::Unix(path) => {
                UnixSocket::make(path, self.unix_mode).map(|socket| vec![Listener::Unix(socket)]).map_err(at)
            }
            #[cfg(unix)]
            Listen::Systemd(name) => {
                let passed = self.passed.get_or_insert_with(Passed::of_the_environment);
                passed.take(name.as_deref()).map_err(at)
            }
            #[cfg(not(unix))]
            Listen::Unix(_) | Listen::Systemd(_) => Err(at(io::ErrorKind::Unsupported.into())),
        }
    }
}
