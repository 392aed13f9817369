//! Where to listen.

use std::{fmt, net::SocketAddr, path::PathBuf};

use super::setting::{Given, Setting};

/// Where a hub listens.
///
/// ```
/// use sse_server::{Config, Listen};
///
/// let mut config = Config::in_memory();
/// config.server.listen = vec![Listen::Tcp(([127, 0, 0, 1], 0).into()), Listen::Unix("/run/sse/hub.sock".into())];
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Listen {
    /// An address and port. Port 0 takes a free one.
    Tcp(SocketAddr),
    /// The path of a Unix socket, which is made, and removed at the end.
    Unix(PathBuf),
    /// The sockets of this name that systemd passes, or with `None` all that it passes under other names.
    Systemd(Option<String>),
}

const UNIX: &str = "unix:";
const SYSTEMD: &str = "systemd";

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
            Self::Systemd(None) => f.write_str(SYSTEMD),
            Self::Systemd(Some(name)) => write!(f, "{SYSTEMD}:{name}"),
        }
    }
}

impl Listen {
    fn read(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix(UNIX) {
            // a comma would part it where the environment says it
            return (cfg!(unix) && path.starts_with('/') && !path.contains(',')).then(|| Self::Unix(path.into()));
        }
        match text.strip_prefix(SYSTEMD) {
            Some(name) if cfg!(unix) => match name.strip_prefix(':') {
                Some(name) => {
                    (!name.is_empty() && !name.contains([',', ':'])).then(|| Self::Systemd(Some(name.into())))
                }
                None => name.is_empty().then_some(Self::Systemd(None)),
            },
            _ => text.parse().ok().map(Self::Tcp),
        }
    }

    /// The address, if it has one.
    pub(crate) const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) | Self::Systemd(_) => None,
        }
    }

    /// Returns true if others than those on this machine reach it.
    pub(super) fn is_public(&self) -> bool {
        self.address().is_some_and(|address| !address.ip().to_canonical().is_loopback())
    }
}

const ALLOWED: &str = "an address and port, such as 127.0.0.1:8080, `unix:` and the path of a socket, such as \
                       unix:/run/sse/hub.sock, or `systemd` or `systemd:NAME` for sockets that systemd passes";
const ALLOWED_IN_TABLE: &str = "an address and port, `unix:/PATH`, `systemd`, `systemd:NAME`";

/// One or more, as a list or with commas between them.
impl Setting for Vec<Listen> {
    type Takes = ();

    fn read(given: &Given, (): &()) -> Option<Self> {
        let all = given.texts()?.into_iter().map(Listen::read).collect::<Option<Self>>()?;
        (!all.is_empty()).then_some(all)
    }

    fn show(&self) -> toml::Value {
        match &self[..] {
            [one] => one.to_string().into(),
            all => toml::Value::Array(all.iter().map(|one| one.to_string().into()).collect()),
        }
    }

    fn allowed((): &()) -> String {
        format!("{ALLOWED}; or several of them")
    }

    fn allowed_in_table((): &()) -> String {
        format!("{ALLOWED_IN_TABLE}, or several of them")
    }
}

impl Setting for Option<Listen> {
    type Takes = ();

    fn read(given: &Given, (): &()) -> Option<Self> {
        match given.text()? {
            "" => Some(None),
            text => Listen::read(text).map(Some),
        }
    }

    fn show(&self) -> toml::Value {
        self.as_ref().map(ToString::to_string).unwrap_or_default().into()
    }

    fn allowed((): &()) -> String {
        format!("{ALLOWED}; or nothing")
    }

    fn allowed_in_table((): &()) -> String {
        format!("{ALLOWED_IN_TABLE}, or nothing")
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_printed_as_it_is_read() {
        for text in ["127.0.0.1:8080", "[::1]:0", "unix:/run/hub.sock", "systemd", "systemd:admin"] {
            assert_eq!(Listen::read(text).unwrap().to_string(), text);
        }
        for text in
            ["", "8080", "localhost:80", "unix:", "unix:hub.sock", "unix:/a,b", "systemd:", "systemd:a:b", "systemdx"]
        {
            assert_eq!(Listen::read(text), None, "{text}");
        }
    }

    #[test]
    fn one_or_several_but_not_none() {
        let read = |given| <Vec<Listen>>::read(&given, &()).map(|all| all.len());
        assert_eq!(read(Given::Text("127.0.0.1:1, unix:/a".into())), Some(2));
        assert_eq!(read(Given::List(vec!["127.0.0.1:1".into(), "unix:/a".into(), "systemd".into()])), Some(3));
        assert_eq!(read(Given::List(vec!["127.0.0.1:1,unix:/a".into()])), None);
        assert_eq!(read(Given::Text(" , ".into())), None);
        assert_eq!(read(Given::List(vec![])), None);
    }
}
