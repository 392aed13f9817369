//! TLS around a hub, for clients that speak none: every attack comes over it without a change.

use std::{io, net::SocketAddr, path::Path, sync::Arc, thread, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use socket2::SockRef;
use tokio::{
    io::{AsyncWriteExt, copy},
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::Builder,
    sync::oneshot,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
};

/// The most bytes that the system keeps of what the hub has sent and its client has not taken: it must be the client who holds
/// the hub up, and not the tunnel that takes it all.
const KEPT: usize = 8 << 10;

/// How long the hub may take to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(20);

/// What a hub and its clients need to know each other.
pub(crate) struct Papers {
    client: ClientConfig,
}

fn fault(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

impl Papers {
    /// Writes a hub's certificate into `directory`, and a configuration by which whoever has a certificate of ours may do
    /// everything. Returns the configuration's path as well.
    pub(crate) fn write(directory: &Path) -> io::Result<(Self, std::path::PathBuf)> {
        let mut own = CertificateParams::new([]).map_err(fault)?;
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(fault)?;
        let ca = own.self_signed(&key).map_err(fault)?;
        let issuer = Issuer::new(own, key);
        let issue = |name: &str| -> io::Result<(rcgen::Certificate, KeyPair)> {
            let mut params = CertificateParams::new([]).map_err(fault)?;
            params.subject_alt_names = vec![SanType::DnsName(name.try_into().map_err(fault)?)];
            let key = KeyPair::generate().map_err(fault)?;
            Ok((params.signed_by(&key, &issuer).map_err(fault)?, key))
        };
        let (hub, hub_key) = issue("localhost")?;
        let (client, client_key) = issue("client.example")?;
        let write = |name: &str, text: String| std::fs::write(directory.join(name), text);
        write("ca.pem", ca.pem())?;
        write("hub.pem", hub.pem())?;
        write("hub.key", hub_key.serialize_pem())?;
        let path = |name: &str| format!("{:?}", directory.join(name));
        // for the modes that an attack chooses
        write("tokens.toml", "# there are none\n".to_owned())?;
        write("secret", "what nobody knows, of 32 bytes or more".to_owned())?;
        let text = [
            format!(
                "[server.tls]\ncertificate = {}\nkey = {}\nclient_ca = {}",
                path("hub.pem"),
                path("hub.key"),
                path("ca.pem")
            ),
            format!("[server]\nadmin_listen = {:?}", format!("unix:{}", directory.join("operator").display())),
            format!("[auth]\nmode = \"certificates\"\ntokens = {}", path("tokens.toml")),
            format!("[[auth.issuers]]\nsecret_file = {}", path("secret")),
            "[[auth.certificates]]\nname = \"*\"\npublish = [\"**\"]\nsubscribe = [\"**\"]\n".to_owned(),
        ]
        .join("\n");
        write("hub.toml", text)?;
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).map_err(fault)?;
        let provider = Arc::new(ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(fault)?;
        let key = PrivateKeyDer::try_from(client_key.serialize_der()).map_err(fault)?;
        let chain: Vec<CertificateDer<'static>> = vec![client.der().clone()];
        let client = builder.with_root_certificates(roots).with_client_auth_cert(chain, key).map_err(fault)?;
        Ok((Self { client }, directory.join("hub.toml")))
    }
}

/// A tunnel to a hub, until it is dropped.
#[derive(Debug)]
pub(crate) struct Tunnel {
    pub(crate) address: SocketAddr,
    _end: oneshot::Sender<()>,
}

impl Tunnel {
    /// Listens, and brings what comes to `hub` over TLS, from the address that it comes from. It has threads of its own.
    pub(crate) fn begin(hub: SocketAddr, papers: Papers) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let connector = TlsConnector::from(Arc::new(papers.client));
        let (end, ended) = oneshot::channel::<()>();
        thread::spawn(move || {
            let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener");
                let accept = async {
                    loop {
                        let Ok((plain, from)) = listener.accept().await else { continue };
                        tokio::spawn(carry(plain, from, hub, connector.clone()));
                    }
                };
                tokio::select! {
                    _ = ended => {}
                    () = accept => {}
                }
            });
            runtime.shutdown_background();
        });
        Ok(Self { address, _end: end })
    }
}

async fn carry(plain: TcpStream, from: SocketAddr, hub: SocketAddr, connector: TlsConnector) {
    let _ = (plain.set_nodelay(true), SockRef::from(&plain).set_send_buffer_size(KEPT));
    let Ok(Ok(tls)) = timeout(HANDSHAKE, open(from, hub, connector)).await else { return };
    let (mut hub_reads, mut hub_writes) = tokio::io::split(tls);
    let (mut reader, mut writer) = plain.into_split();
    let up = async {
        match copy(&mut reader, &mut hub_writes).await {
            Ok(_) => hub_writes.shutdown().await,
            Err(error) => Err(error), // its client is gone: so is it
        }
    };
    let down = async {
        let copied = copy(&mut hub_reads, &mut writer).await;
        let _ = writer.shutdown().await;
        copied
    };
    let _ = tokio::try_join!(up, async { down.await.map(drop) });
}

async fn open(
    from: SocketAddr,
    hub: SocketAddr,
    connector: TlsConnector,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let socket = TcpSocket::new_v4()?;
    SockRef::from(&socket).set_recv_buffer_size(KEPT)?;
    socket.bind((from.ip(), 0).into())?;
    let stream = socket.connect(hub).await?;
    stream.set_nodelay(true)?;
    connector.connect("localhost".try_into().map_err(fault)?, stream).await
}
