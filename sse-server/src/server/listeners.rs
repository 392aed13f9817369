//! All that a hub listens on, as its configuration says it.

use std::io;

use super::{error::ServeError, listener::Listener};
#[cfg(unix)]
use super::{passed::Passed, unix::UnixSocket};
use crate::config::{Listen, Server};

/// All that listen.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) public: Vec<Listener>,
    pub(super) admin: Option<Listener>,
}

impl Listeners {
    /// Opens what `config` says, and says there what systemd has passed.
    pub(super) fn open(config: &mut Server) -> Result<Self, ServeError> {
        let all = config.listen.iter().chain(&config.admin_listen);
        let named =
            all.filter_map(|listen| if let Listen::Systemd(Some(name)) = listen { Some(name.clone()) } else { None });
        let mut opening = Opening {
            named: named.collect(),
            #[cfg(unix)]
            passed: None,
        };
        let (mut public, mut admin) = (Vec::new(), None);
        if let Some(listen) = &config.admin_listen {
            let mut listeners = opening.open(listen, config.admin_unix_mode())?;
            admin = listeners.pop();
            if !listeners.is_empty() {
                let source = io::Error::other("it has passed several such sockets; the operator's listener is one");
                return Err(ServeError::Listen { at: listen.clone(), source });
            }
            config.admin_listen =
                admin.as_ref().map(Listener::is_at).filter(|_| is_passed(listen)).or(Some(listen.clone()));
        }
        let mut open = Vec::with_capacity(config.listen.len());
        for listen in &config.listen {
            let listeners = opening.open(listen, config.unix_mode())?;
            if is_passed(listen) {
                open.extend(listeners.iter().map(Listener::is_at));
            } else {
                open.push(listen.clone());
            }
            public.extend(listeners);
        }
        config.listen = open;
        Ok(Self { public, admin })
    }
}

const fn is_passed(listen: &Listen) -> bool {
    matches!(listen, Listen::Systemd(_))
}

/// What is known while listeners are opened.
struct Opening {
    /// The names of passed sockets that are asked for: who takes all does not take these.
    #[cfg_attr(not(unix), expect(dead_code, reason = "nothing is passed"))]
    named: Vec<String>,
    #[cfg(unix)]
    passed: Option<Passed>,
}

impl Opening {
    fn open(&mut self, listen: &Listen, unix_mode: u32) -> Result<Vec<Listener>, ServeError> {
        let at = |source| ServeError::Listen { at: listen.clone(), source };
        match listen {
            Listen::Tcp(address) => Listener::tcp(*address).map(|listener| vec![listener]),
            #[cfg(unix)]
            Listen::Unix(path) => {
                UnixSocket::make(path, unix_mode).map(|socket| vec![Listener::Unix(socket)]).map_err(at)
            }
            #[cfg(unix)]
            Listen::Systemd(name) => {
                let passed = self.passed.get_or_insert_with(Passed::of_the_environment);
                passed.take(name.as_deref(), &self.named).map_err(at)
            }
            #[cfg(not(unix))]
            Listen::Unix(_) | Listen::Systemd(_) => Err(at(io::ErrorKind::Unsupported.into())),
        }
    }
}
