//! The ways in which a client comes: over HTTP/1.1 or HTTP/2, with TLS or without.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use http::{Request, Uri, header::HOST};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use sse_server::{Config, Listen};
use sse_test_support::blocks::checked;
use sse_testkit::{Body, TestClient};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, SignatureScheme,
        client::{
            WantsClientCert,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        },
        crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
        version::{TLS12, TLS13},
    },
};

/// A way to a hub that listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    tls: bool,
    http2: bool,
}

impl Way {
    pub(crate) const TLS: Self = Self { tls: true, http2: false };
    pub(crate) const HTTP2: Self = Self { tls: false, http2: true };

    pub(crate) const TLS_HTTP2: Self = Self { tls: true, http2: true };
    pub(crate) const ALL: [Self; 4] = [Self { tls: false, http2: false }, Self::HTTP2, Self::TLS, Self::TLS_HTTP2];

    /// Has a hub be there for this way, with what it needs in `directory`.
    pub(crate) fn configure(self, config: &mut Config, directory: &Path) {
        config.server.handoff = true;
        config.server.listen = vec![Listen::Tcp("127.0.0.1:0".parse().unwrap())];
        if self.tls {
            let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
            renew(&certificate, &key);
            (config.tls.certificate, config.tls.key) = (Some(certificate), Some(key));
        }
    }

    /// The origin of pages that come from the hub itself.
    pub(crate) const fn origin(self) -> &'static str {
        if self.tls { "https://localhost" } else { "http://localhost" }
    }

    /// A client of the hub that listens there.
    pub(crate) async fn client(self, hub: SocketAddr) -> TestClient {
        self.client_with(hub, client(&[], false).0).await
    }

    /// The same, which offers `config` where there is TLS.
    pub(crate) async fn client_with(self, hub: SocketAddr, mut config: ClientConfig) -> TestClient {
        let protocol: &[u8] = if self.http2 { b"h2" } else { b"http/1.1" };
        config.alpn_protocols = vec![protocol.to_vec()];
        let address = if self.tls { forward(hub, config).await } else { hub };
        checked(&if self.http2 { over_http2(address, self.origin()).await } else { TestClient::tcp(address) })
    }
}

/// A client whose requests share a connection of HTTP/2.
async fn over_http2(address: SocketAddr, origin: &'static str) -> TestClient {
    let socket = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (requests, connection) = http2::handshake(TokioExecutor::new(), socket).await.unwrap();
    tokio::spawn(connection);
    TestClient::from_fn(async move |mut request: Request<Body>| {
        let (scheme, own) = origin.split_once("://").unwrap();
        let host = request.headers_mut().remove(HOST);
        let host = host.as_ref().map_or(own, |host| host.to_str().unwrap());
        let path = request.uri().path_and_query().unwrap().as_str();
        let uri = Uri::builder().scheme(scheme).authority(host).path_and_query(path);
        *request.uri_mut() = uri.build().unwrap();
        let mut requests = requests.clone();
        requests.ready().await.unwrap();
        requests.send_request(request).await.unwrap()
    })
}

/// Writes a new certificate of localhost and its key.
pub(crate) fn renew(certificate: &Path, key: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let replace = |path: &Path, text: String| {
        let beside = path.with_extension("new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, path).unwrap();
    };
    replace(certificate, made.cert.pem());
    replace(key, made.signing_key.serialize_pem());
}

/// Takes every certificate, and keeps the last one.
#[derive(Debug, Default)]
pub(crate) struct Shown(pub(crate) Mutex<Vec<u8>>);

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl ServerCertVerifier for Shown {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.0.lock().unwrap() = certificate.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

/// What a client offers that takes every certificate, and the one it was shown.
pub(crate) fn client(protocols: &[&[u8]], only_tls12: bool) -> (ClientConfig, Arc<Shown>) {
    let (builder, shown) = builder(only_tls12);
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    (config, shown)
}

fn builder(only_tls12: bool) -> (ConfigBuilder<ClientConfig, WantsClientCert>, Arc<Shown>) {
    let shown = Arc::new(Shown::default());
    let versions: &[_] = if only_tls12 { &[&TLS12] } else { &[&TLS13, &TLS12] };
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap();
    (builder.dangerous().with_custom_certificate_verifier(shown.clone()), shown)
}

/// Somebody who issues certificates to clients.
pub(crate) struct Ca(Issuer<'static, KeyPair>, String);

impl Ca {
    pub(crate) fn new() -> Self {
        let mut own = CertificateParams::new([]).unwrap();
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = own.self_signed(&key).unwrap().pem();
        Self(Issuer::new(own, key), pem)
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> &str {
        &self.1
    }

    /// What a client offers that has a certificate with this name, until then.
    pub(crate) fn client(&self, name: SanType, until: SystemTime, only_tls12: bool) -> ClientConfig {
        let mut own = CertificateParams::new([]).unwrap();
        own.subject_alt_names = vec![name];
        own.not_after = until.into();
        let key = KeyPair::generate().unwrap();
        let certificate = own.signed_by(&key, &self.0).unwrap().der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        builder(only_tls12).0.with_client_auth_cert(vec![certificate], key).unwrap()
    }
}

pub(crate) async fn connect(to: SocketAddr, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect("localhost".try_into().unwrap(), TcpStream::connect(to).await?).await
}

/// Listens without TLS, and forwards each connection with it.
async fn forward(to: SocketAddr, config: ClientConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut plain, _)) = listener.accept().await {
            let config = config.clone();
            tokio::spawn(async move {
                let Ok(mut tls) = connect(to, config).await else { return };
                let _ = copy_bidirectional(&mut plain, &mut tls).await;
            });
        }
    });
    address
}
