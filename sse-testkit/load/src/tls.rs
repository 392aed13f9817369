//! TLS to the server: which certificates are taken, and the settings of every connection.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem, pem::PemObject},
};

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error(
        "https://{0}: nothing says which certificate is right; give its authority by --ca FILE, or take any by --insecure"
    )]
    NoTrust(String),
    #[error("{0} is for a server at https://")]
    NoTls(&'static str),
    #[error("--ca {}: {error}; it has to be certificates in PEM", path.display())]
    Authority { path: PathBuf, error: String },
    #[error("https://{0}: its name is none that a certificate could have")]
    Name(String),
    #[error("TLS can't be set up: {0}")]
    Settings(#[from] Error),
}

/// The settings of all connections: the authorities in a file are trusted, or, without one, every certificate is taken.
pub(crate) fn settings(authorities: Option<&Path>) -> Result<Arc<ClientConfig>, Unusable> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match authorities {
        Some(path) => builder.with_root_certificates(read(path)?),
        None => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider))),
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // each subscriber is a browser of its own, and who comes back costs the server as much as who comes
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// The name by which a server's certificate is looked at, of its HOST:PORT.
pub(crate) fn name(host: &str) -> Result<ServerName<'static>, Unusable> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    ServerName::try_from(name.to_owned()).map_err(|_| Unusable::Name(host.to_owned()))
}

/// Whether a handshake failed because of the server's certificate.
pub(crate) fn is_distrust(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(inner, Some(Error::InvalidCertificate(_)))
}

fn read(path: &Path) -> Result<RootCertStore, Unusable> {
    let unusable = |error: String| Unusable::Authority { path: path.to_owned(), error };
    let unread = |error| match error {
        pem::Error::Io(error) => unusable(error.to_string()),
        error => unusable(error.to_string()),
    };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(unread)? {
        store.add(certificate.map_err(unread)?).map_err(|error| unusable(error.to_string()))?;
    }
    if store.is_empty() {
        return Err(unusable("it has none".to_owned()));
    }
    Ok(store)
}

/// Takes every certificate. That the server has its key is still looked at: it costs a client what it costs any.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_certificate() {
        for (host, expected) in [("127.0.0.1:81", "127.0.0.1"), ("[::1]:81", "::1"), ("hub.example:81", "hub.example")]
        {
            assert_eq!(name(host).unwrap().to_str(), expected);
        }
        assert!(name("a_b!:81").is_err());
    }

    #[test]
    fn a_file_without_certificates_is_told_with_its_name() {
        let missing = settings(Some(Path::new("/nowhere.pem"))).unwrap_err().to_string();
        assert!(missing.starts_with("--ca /nowhere.pem: ") && missing.ends_with("in PEM"), "{missing}");
        let other = settings(Some(Path::new("Cargo.toml")));
        assert_eq!(other.unwrap_err().to_string(), "--ca Cargo.toml: it has none; it has to be certificates in PEM");
    }
}
