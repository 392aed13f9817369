//! `[server.tls]`

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::{
    certificate::CertificateGrant,
    error::ConfigError,
    listen::Listen,
    section::{DAY, section},
    server::Server,
};

const REDIRECTS_NOWHERE: &str = "is empty, and server.tls.redirect_listen is to send everybody to where there is TLS";

section! {
    /// TLS on `server.listen`, with HTTP/2 and HTTP/1.1. The operator's listener has none.
    pub struct Tls {
        /// The certificate in PEM, and those of its issuers behind it. Empty: there is no TLS.
        ///
        /// It and its key are read again when they change; connections that are open stay.
        pub certificate: Option<PathBuf> = None, see "[TLS](operations.md#tls)";

        /// The certificate's key in PEM.
        pub key: Option<PathBuf> = None;

        /// Certificates in PEM of those who issue certificates to clients. Empty: no client is asked for one.
        ///
        /// It is read again when it changes. What a client may do with its certificate is said by `auth.certificates`.
        pub client_ca: Option<PathBuf> = None, see "[access](access.md#client-certificates)";

        /// Whether a client without a certificate is turned away before it can ask for anything.
        pub client_required: bool = false;

        /// The address and port of a listener without TLS that sends everybody to `server.listen`, such as `0.0.0.0:80`. Empty:
        /// there is none.
        ///
        /// What would be sent with a body is refused there: it has gone over the network in the clear. The listener has 128
        /// connections of its own, of which one client may have a few.
        pub redirect_listen: Option<SocketAddr> = None;

        /// For how long browsers that have been here come back over TLS only, whatever they are told
        /// (`Strict-Transport-Security`). 0: that is not said.
        ///
        /// They do so with everything under the hub's name, on every port.
        pub hsts: Duration = Duration::ZERO, takes Duration::ZERO..=730 * DAY;
    }
}

impl Tls {
    /// The files of the certificate and its key, if there is TLS.
    pub(crate) fn files(&self) -> Option<[&PathBuf; 2]> {
        Some([self.certificate.as_ref()?, self.key.as_ref()?])
    }

    /// Refuses half of what TLS needs.
    pub(super) fn check(&self, certificates: &[CertificateGrant], server: &Server) -> Result<(), ConfigError> {
        if self.client_ca.is_none() && (self.client_required || !certificates.is_empty()) {
            return Err(ConfigError::conflict(
                "server.tls.client_ca",
                "is empty, and certificates of clients are to count",
            ));
        }
        let has_tls = |listen: &Listen| !matches!(listen, Listen::Unix(_));
        let needs_tls = self.redirect_listen.is_some() || self.client_ca.is_some();
        if needs_tls && !server.listen.iter().any(has_tls) {
            let what = "has Unix sockets only, which have no TLS: server.tls.redirect_listen and server.tls.client_ca \
                        need some";
            return Err(ConfigError::conflict("server.listen", what));
        }
        let missing = match (&self.certificate, &self.key) {
            (Some(_), None) => "server.tls.key",
            (None, Some(_)) => "server.tls.certificate",
            (None, None) if self.client_ca.is_some() => {
                let what = "is empty, and with server.tls.client_ca clients are to show certificates: that takes TLS";
                return Err(ConfigError::conflict("server.tls.certificate", what));
            }
            (None, None) if self.redirect_listen.is_some() => {
                return Err(ConfigError::conflict("server.tls.certificate", REDIRECTS_NOWHERE));
            }
            _ => return Ok(()),
        };
        Err(ConfigError::conflict(missing, "is empty: a certificate needs its key, and a key its certificate"))
    }
}
