//! The whole: a listener with the page, a hub in process or elsewhere, and what publishes into it.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    pin::pin,
    time::Duration,
};

use sse_server::{Config, Hub, RouteSet, routes};
use tokio::{
    net::TcpListener,
    sync::{broadcast, oneshot},
    time::timeout,
};
use warp::{Filter, Reply, filters::BoxedFilter, reply::Response};

use crate::{
    event::Host,
    hub_url::HubUrl,
    page::Page,
    proc::{Proc, ProcError},
    publisher::Publisher,
    sampler::Sampler,
};

/// Readings that wait for a hub that is away; the oldest are dropped. Four minutes' worth at one a second.
const WAITING: usize = 256;

/// Over how long the streams end at a stop: pages come back by themselves, so only as long as one notices.
const DRAIN: Duration = Duration::from_secs(1);

/// How long connections may take to close after the streams have ended.
const LAST_MOMENTS: Duration = Duration::from_millis(500);

/// As long as Linux allows, which keeps topics within a hub's 256 bytes however it is written.
const MAX_NAME: usize = 64;

/// What can be chosen.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Where the page is served. Loopback by default: showing a machine's counters to a network is a decision.
    pub listen: SocketAddr,
    /// The hub to publish to; without one, a hub is started in process, beside the page.
    pub hub: Option<HubUrl>,
    /// How often the counters are read. A second by default: the kernel counts a hundred ticks in it.
    pub interval: Duration,
    /// The name of this machine in topics, at most 64 bytes; without one, its own.
    pub name: Option<String>,
    /// Where the kernel shows its counters; elsewhere than `/proc` in a container that is given its host's.
    pub proc: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8090)),
            hub: None,
            interval: Duration::from_secs(1),
            name: None,
            proc: "/proc".into(),
        }
    }
}

/// Why there is no dashboard, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// A dashboard that listens.
#[derive(Debug)]
pub struct Dashboard {
    listener: TcpListener,
    address: SocketAddr,
    /// The hub in process.
    own: Option<Hub>,
    hub: HubUrl,
    name: String,
    sampler: Sampler,
}

impl Dashboard {
    /// Reads the counters once, and listens.
    ///
    /// # Errors
    ///
    /// [`Error`] if the counters can't be read, the address can't be listened on, or no hub can be begun.
    pub async fn bind(options: Options) -> Result<Self, Error> {
        let Options { listen, hub, interval, name, proc } = options;
        let proc = Proc::new(proc);
        proc.read().map_err(|error| no_counters(&error))?;
        let own_name = proc.host_name();
        let name = name.or_else(|| own_name.clone()).unwrap_or_else(|| "localhost".into());
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(Error(format!("the name {name:?} can't be used: it must have 1 to {MAX_NAME} bytes")));
        }
        let in_use = |error| Error(format!("can't listen on {listen}: {}", reason(&error)));
        let listener = TcpListener::bind(listen).await.map_err(in_use)?;
        let address = listener.local_addr().map_err(in_use)?;
        let (own, hub) = match hub {
            Some(hub) => (None, Some(hub)),
            None => (Some(begin_hub(address, own_name)?), HubUrl::local(reachable(address))),
        };
        let hub = hub.ok_or_else(|| Error(format!("{address} is no address to publish to")))?;
        let sampler = Sampler::new(proc, Host::new(&name, interval), interval);
        Ok(Self { listener, address, own, hub, name, sampler })
    }

    /// Where the page is served: the port is known even if 0 was asked for.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The hub that is published to.
    #[must_use]
    pub const fn hub(&self) -> &HubUrl {
        &self.hub
    }

    /// The name of this machine.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads, publishes and serves until `stop` is ready; then streams of a hub in process are ended within a second.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let (batches, waiting) = broadcast::channel(WAITING);
        let (stopping, stopped) = oneshot::channel();
        let filter = filter(self.own.clone(), &self.hub);
        let stopped = async {
            // an error would mean that nobody is left to say it
            let _ = stopped.await;
        };
        let mut serving = pin!(warp::serve(filter).incoming(self.listener).graceful(stopped).run());
        tokio::select! {
            () = stop => {}
            // none of these ends by itself
            () = self.sampler.run(batches) => {}
            () = Publisher::new(self.hub).run(waiting) => {}
            () = &mut serving => {}
        }
        if let Some(hub) = self.own {
            hub.drain();
        }
        let _ = stopping.send(());
        let _ = timeout(DRAIN + LAST_MOMENTS, serving).await;
    }
}

/// The page, and beside it the hub's routes if it is in process, so that they are of one origin. The hub's own page,
/// which shows every event as it comes, is at `/hub`.
fn filter(own: Option<Hub>, hub: &HubUrl) -> BoxedFilter<(Response,)> {
    let page = Page::new(if own.is_some() { None } else { Some(hub) });
    let page = warp::path::end().and(warp::get().or(warp::head()).unify()).map(move || page.response());
    match own {
        None => page.boxed(),
        Some(hub) => {
            let routes = routes(hub, RouteSet::All);
            let under_hub = warp::path("hub").and(routes.clone());
            page.or(under_hub).unify().or(routes).unify().map(Reply::into_response).boxed()
        }
    }
}

/// A hub with its log in memory, known by the address that it shares and the machine's own name in the network.
fn begin_hub(address: SocketAddr, name: Option<String>) -> Result<Hub, Error> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let mut config = Config::in_memory();
    config.server.listen = vec![address.into()];
    config.server.hosts = name.into_iter().filter(|name| name.bytes().all(plain)).collect();
    config.server.drain = DRAIN;
    Hub::new(config).map_err(|error| Error(format!("can't begin a hub: {error}")))
}

/// The address as this machine itself reaches it.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

fn no_counters(error: &ProcError) -> Error {
    Error(format!("{error}: this program reads the counters that Linux keeps in /proc"))
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "it is in use; stop what listens there, or choose another with --listen".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_listener_is_reached_over_loopback() {
        let reached = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(reached("[::]:80"), "[::1]:80");
        assert_eq!(reached("192.0.2.1:80"), "192.0.2.1:80");
    }

    #[tokio::test]
    async fn a_machine_without_counters_is_told_in_one_line() {
        let options = Options { proc: "/nowhere".into(), ..Options::default() };
        let error = Dashboard::bind(options).await.unwrap_err().to_string();
        let expect = "/nowhere/stat can't be read (No such file or directory (os error 2)): this program reads the \
                      counters that Linux keeps in /proc";
        assert_eq!(error, expect);
    }
}
