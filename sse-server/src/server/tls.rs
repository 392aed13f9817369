//! TLS on the public listener. Its files are read again when they change.

mod files;
mod handshakes;
mod threads;

use std::{
    future::poll_fn,
    io,
    net::IpAddr,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    net::TcpStream,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use self::{
    files::{Files, Material},
    handshakes::{Handshakes, Place},
    threads::Threads,
};
use super::socket::{Blocking, Socket, polled};
use crate::{
    auth::ClientCertificate,
    base::watched_files::{WATCH, WatchedFiles},
    hub::Hub,
    transport::tls::TlsSession,
};

/// How long the first of a request is waited for where its session was agreed on.
const FIRST: Duration = Duration::from_millis(20);

/// A connection over TLS, and the certificate of its client.
pub(super) type Agreed = (Socket, Option<Arc<ClientCertificate>>);

/// What makes connections TLS.
#[derive(Clone)]
pub(super) struct Tls {
    hub: Hub,
    files: Arc<WatchedFiles<Files>>,
    threads: Arc<Threads>,
    handshakes: Handshakes,
}

/// A handshake that is to begin.
pub(super) struct Handshake {
    material: Arc<Material>,
    records: Gauge,
    limit: Duration,
    place: Place,
    threads: Arc<Threads>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// What the configuration of `hub` says, if there is to be TLS. It blocks.
    ///
    /// # Errors
    ///
    /// What is wrong with the certificate or its key, in one line.
    pub(super) fn open(hub: &Hub) -> Result<Option<Self>, String> {
        let config = &hub.config().tls;
        let Some([certificate, key]) = config.files() else { return Ok(None) };
        let mut paths: Vec<&Path> = vec![certificate, key];
        paths.extend(config.client_ca.as_deref());
        let files = WatchedFiles::open(&paths, Files::new(config.client_required)?)?;
        let handshakes = Handshakes::new(hub.metrics().tls_handshakes.clone());
        let threads = Threads::start().map_err(|error| format!("no thread can be started: {error}"))?;
        Ok(Some(Self { hub: hub.clone(), files: Arc::new(files), threads: Arc::new(threads), handshakes }))
    }

    /// Begins with a client, unless too many have just begun. If too many had begun before, the oldest of them ends.
    pub(super) fn begin(&self, address: IpAddr) -> Option<Handshake> {
        let place = self.handshakes.begin(address, Instant::now())?;
        Some(Handshake {
            material: self.files.parsed(),
            records: self.hub.metrics().tls_record_bytes.clone(),
            limit: self.hub.config().server.header_timeout,
            place,
            threads: self.threads.clone(),
        })
    }

    /// Reads the certificate and its key again when they change.
    pub(super) async fn watch(self) {
        let mut ticks = interval(WATCH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let files = self.files.clone();
            match tokio::task::spawn_blocking(move || files.reread(false)).await {
                Ok(Ok(Some(changed))) => {
                    tracing::info!("the certificate, its key or client_ca was read again; new connections have it");
                    if !changed.old.is_vouched() {
                        self.hub.certificates_changed();
                    }
                }
                Ok(Err(error)) => {
                    self.hub.metrics().tls_reload_failures.inc();
                    tracing::warn!(%error, "the certificate, its key or client_ca can't be read; what was known before stays");
                }
                Ok(Ok(None)) | Err(_) => {}
            }
        }
    }
}

impl Handshake {
    /// Shakes hands with the client, which has its time for that. Returns the certificate that it has shown as well, if any.
    ///
    /// # Errors
    ///
    /// Why there is no connection, in one line.
    pub(super) async fn finish(mut self, stream: TcpStream) -> Result<Agreed, String> {
        let is_of_rush = self.place.is_of_rush();
        let agreed = async {
            let agreed = agree(self.material, self.records, stream);
            if is_of_rush { self.threads.run(agreed).await } else { Some(agreed.await) }
        };
        tokio::select! {
            biased;
            () = self.place.superseded() => Err("too many were under way, and another has its place".to_owned()),
            agreed = timeout(self.limit, agreed) => {
                let agreed = agreed.map_err(|_| "it took too long".to_owned())?.ok_or("its thread is gone")?;
                agreed.map_err(|error| error.to_string())
            }
        }
    }
}

async fn agree(material: Arc<Material>, records: Gauge, mut stream: TcpStream) -> io::Result<Agreed> {
    let mut session = Box::new(TlsSession::new(material.server.clone(), records)?);
    poll_fn(|cx| polled(|| session.handshake(&mut Blocking(&mut stream, cx)))).await?;
    // the first of the request, which is on its way, has rustls allocate what it keeps
    let _ = timeout(FIRST, poll_fn(|cx| polled(|| session.fill(&mut Blocking(&mut stream, cx))))).await;
    let client = material.client(session.peer_certificates());
    if client.as_ref().is_some_and(|client| client.has_ended(SystemTime::now())) {
        return Err(io::Error::other("the client's certificate, which a ticket holds, has expired"));
    }
    Ok((Socket::new(stream, Some(session)), client.map(Arc::new)))
}
