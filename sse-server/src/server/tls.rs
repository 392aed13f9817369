//! TLS on the public listener. The certificate is read again when it changes.

mod handshakes;

use std::{future::poll_fn, io, net::IpAddr, path::Path, sync::Arc, time::Duration};

use prometheus_client::metrics::gauge::Gauge;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use tokio::{
    net::TcpStream,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use self::handshakes::{Handshakes, Place};
use super::socket::{Blocking, Socket, polled};
use crate::{
    base::watched_files::{Parse, WATCH, WatchedFiles},
    hub::Hub,
    transport::tls::TlsSession,
};

/// The protocols of a connection, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What makes connections TLS.
#[derive(Clone)]
pub(super) struct Tls {
    hub: Hub,
    server: Arc<ServerConfig>,
    certificate: Arc<WatchedFiles<Certificate>>,
    handshakes: Handshakes,
}

/// A handshake that is to begin.
pub(super) struct Handshake {
    server: Arc<ServerConfig>,
    records: Gauge,
    limit: Duration,
    place: Place,
}

/// How a certificate and its key are read.
#[derive(Debug)]
struct Certificate(Arc<CryptoProvider>);

impl Parse for Certificate {
    const WHAT: &'static str = "a certificate or a key";
    const HINT: &'static str = "it has to be there, in PEM";
    const MAX_BYTES: u64 = 1 << 20;
    type Parsed = CertifiedKey;

    fn parse(&self, files: &[Vec<u8>]) -> Result<CertifiedKey, String> {
        let [chain, key] = files else { return Err("a certificate and its key are two files".to_owned()) };
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| format!("the certificate can't be read: {error}"))?;
        if chain.is_empty() {
            return Err("there is no certificate in PEM".to_owned());
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("the key can't be read: {error}"))?;
        CertifiedKey::from_der(chain, key, &self.0).map_err(|error| format!("the key is of no use: {error}"))
    }
}

/// Shows each client the certificate that was read last.
#[derive(Debug)]
struct Latest(Arc<WatchedFiles<Certificate>>);

impl ResolvesServerCert for Latest {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.parsed())
    }
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
        let Some([certificate, key]) = hub.config().tls.files() else { return Ok(None) };
        let paths: [&Path; 2] = [certificate, key];
        let provider = Arc::new(ring::default_provider());
        let certificate = Arc::new(WatchedFiles::open(&paths, Certificate(provider.clone()))?);
        let protocols = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12]);
        let protocols = protocols.map_err(|error| error.to_string())?;
        let mut server = protocols.with_no_client_auth().with_cert_resolver(Arc::new(Latest(certificate.clone())));
        server.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        // who comes back, perhaps with thousands of others, costs no signature
        server.ticketer = ring::Ticketer::new().map_err(|error| error.to_string())?;
        server.send_tls13_tickets = 1;
        let handshakes = Handshakes::new(hub.metrics().tls_handshakes.clone());
        Ok(Some(Self { hub: hub.clone(), server: Arc::new(server), certificate, handshakes }))
    }

    /// Begins with a client, unless too many have just begun. If too many had begun before, the oldest of them ends.
    pub(super) fn begin(&self, address: IpAddr) -> Option<Handshake> {
        let place = self.handshakes.begin(address, Instant::now())?;
        Some(Handshake {
            server: self.server.clone(),
            records: self.hub.metrics().tls_record_bytes.clone(),
            limit: self.hub.config().server.header_timeout,
            place,
        })
    }

    /// Reads the certificate and its key again when they change.
    pub(super) async fn watch(self) {
        let mut ticks = interval(WATCH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let certificate = self.certificate.clone();
            match tokio::task::spawn_blocking(move || certificate.reread(false)).await {
                Ok(Ok(Some(_))) => tracing::info!("the certificate was read again; new connections have it"),
                Ok(Err(error)) => {
                    self.hub.metrics().tls_reload_failures.inc();
                    tracing::warn!(%error, "the certificate can't be read; the one known before stays");
                }
                Ok(Ok(None)) | Err(_) => {}
            }
        }
    }
}

impl Handshake {
    /// Shakes hands with the client, which has its time for that.
    ///
    /// # Errors
    ///
    /// Why there is no connection, in one line.
    pub(super) async fn finish(mut self, stream: TcpStream) -> Result<Socket, String> {
        tokio::select! {
            biased;
            () = self.place.superseded() => Err("too many were under way, and it was the oldest".to_owned()),
            agreed = timeout(self.limit, agree(self.server, self.records, stream)) => {
                agreed.map_err(|_| "it took too long".to_owned())?.map_err(|error| error.to_string())
            }
        }
    }
}

async fn agree(server: Arc<ServerConfig>, records: Gauge, mut stream: TcpStream) -> io::Result<Socket> {
    let mut session = Box::new(TlsSession::new(server, records)?);
    poll_fn(|cx| polled(|| session.handshake(&mut Blocking(&mut stream, cx)))).await?;
    Ok(Socket::new(stream, Some(session)))
}
