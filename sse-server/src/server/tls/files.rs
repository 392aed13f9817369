//! What TLS needs of files: the hub's certificate and its key, and the certificates of those who vouch for clients.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use rustls::{
    CertificateError, Error, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::{ProducesTickets, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};
use webpki::EndEntityCert;

use crate::{
    auth::ClientCertificate,
    base::{lock::Lock, watched_files::Parse},
};

/// The protocols of a connection, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A time after the end of every certificate: a date has a year of four digits.
const NEVER: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(300_000_000_000));

/// How the files are read.
#[derive(Debug)]
pub(super) struct Files {
    /// A client has to show a certificate, if there is a third file with those who vouch for it.
    client_required: bool,
    known: Lock<Known>,
}

/// What stays when the files are read again.
#[derive(Debug)]
struct Known {
    roots: Vec<CertificateDer<'static>>,
    ticketer: Arc<dyn ProducesTickets>,
    /// False once one of the roots is gone.
    vouched: Arc<AtomicBool>,
}

/// What connections are made with.
#[derive(Debug)]
pub(super) struct Material {
    pub(super) server: Arc<ServerConfig>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    vouched: Arc<AtomicBool>,
}

impl Parse for Files {
    const WHAT: &'static str = "a certificate or a key";
    const HINT: &'static str = "it has to be there, in PEM";
    const MAX_BYTES: u64 = 1 << 20;
    type Parsed = Material;

    fn parse(&self, files: &[Vec<u8>]) -> Result<Material, String> {
        let [chain, key, clients @ ..] = files else {
            return Err("a certificate and its key are two files".to_owned());
        };
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("the key can't be read: {error}"))?;
        let provider = Arc::new(ring::default_provider());
        let (roots, clients) = match clients {
            [pem, ..] => {
                let roots = certificates(pem)?;
                let clients = self.clients(&roots, provider.clone())?;
                (roots, Some(clients))
            }
            [] => (Vec::new(), None),
        };
        let verifier = clients.clone().unwrap_or_else(WebPkiClientVerifier::no_client_auth);
        let protocols = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12]);
        let protocols = protocols.map_err(|error| error.to_string())?;
        let server = protocols.with_client_cert_verifier(verifier).with_single_cert(chain, key);
        let mut server = server.map_err(|error| format!("the key is of no use: {error}"))?;
        server.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        let mut known = self.known.lock_even_so();
        if known.roots.iter().all(|root| roots.contains(root)) {
            known.roots = roots;
        } else {
            known.vouched.store(false, Ordering::Release);
            *known = Known::new(roots)?;
        }
        // Who comes back, perhaps with thousands of others, costs no signature. A ticket holds the certificate of its client, which
        // is not verified again: it ends with those who vouched for it.
        server.ticketer = known.ticketer.clone();
        server.send_tls13_tickets = 1;
        Ok(Material { server: Arc::new(server), clients, vouched: known.vouched.clone() })
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|error| format!("the certificate can't be read: {error}"))?;
    if all.is_empty() { Err("there is no certificate in PEM".to_owned()) } else { Ok(all) }
}

impl Known {
    fn new(roots: Vec<CertificateDer<'static>>) -> Result<Self, String> {
        let ticketer = ring::Ticketer::new().map_err(|error| error.to_string())?;
        Ok(Self { roots, ticketer, vouched: Arc::new(AtomicBool::new(true)) })
    }
}

impl Files {
    /// A client has to show a certificate if it is `client_required` and there is a file with those who vouch for it.
    pub(super) fn new(client_required: bool) -> Result<Self, String> {
        Ok(Self { client_required, known: Lock::new(Known::new(Vec::new())?) })
    }

    fn clients(
        &self,
        roots: &[CertificateDer<'static>],
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, String> {
        let mut store = RootCertStore::empty();
        for root in roots {
            store
                .add(root.clone())
                .map_err(|error| format!("a certificate of server.tls.client_ca can't be used: {error}"))?;
        }
        let mut clients = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider);
        if !self.client_required {
            clients = clients.allow_unauthenticated();
        }
        clients.build().map(|clients| clients as Arc<dyn ClientCertVerifier>).map_err(|error| error.to_string())
    }
}

impl Material {
    /// What the first of `chain`, which has been verified, says of its client; `None` if there is none.
    pub(super) fn client(&self, chain: Option<&[CertificateDer<'_>]>) -> Option<ClientCertificate> {
        let (own, issuers) = chain?.split_first()?;
        let certificate = EndEntityCert::try_from(own).ok()?;
        let names = certificate.valid_dns_names().chain(certificate.valid_uri_names()).map(Box::from).collect();
        // nothing else tells when a certificate ends
        let late = self.clients.as_ref()?.verify_client_cert(own, issuers, NEVER);
        let Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) = late else {
            return None;
        };
        let until = UNIX_EPOCH.checked_add(Duration::from_secs(not_after.as_secs()));
        Some(ClientCertificate { names, until, vouched: self.vouched.clone() })
    }

    /// Returns true if nobody who vouched for clients is gone since.
    pub(super) fn is_vouched(&self) -> bool {
        self.vouched.load(Ordering::Acquire)
    }
}
