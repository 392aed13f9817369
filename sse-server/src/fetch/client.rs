//! A client of HTTP/1.1, with TLS where the address says so.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// The most bytes of an answer.
const MAX_BYTES: usize = 1 << 20;

/// Asks one server. Connections are kept, and no redirection is followed.
#[derive(Debug, Clone)]
pub(crate) struct Fetch(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>);

impl Fetch {
    /// Asks the server of `url`. If it has TLS, those whom the system trusts vouch for it. It blocks.
    ///
    /// # Errors
    ///
    /// Why it can't be asked, in one line.
    pub(crate) fn new(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("{url:?} is no address: {error}"))?;
        let mut roots = RootCertStore::empty();
        if uri.scheme_str() == Some("https") {
            let known = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(known.certs);
            if roots.is_empty() {
                return Err(format!("{url}: the system has no certificates of those who could vouch for it"));
            }
        }
        let config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// The status and the body that come from `address`.
    ///
    /// # Errors
    ///
    /// Why there is no answer, in one line.
    pub(crate) async fn get(&self, address: &str, headers: HeaderMap) -> Result<(StatusCode, Bytes), String> {
        let mut request = Request::get(address).body(Empty::new()).map_err(|error| error.to_string())?;
        request.headers_mut().extend(headers);
        let answer = match self.0.request(request.clone()).await {
            // perhaps of a connection that was kept, and which the server has just closed
            Err(error) if !error.is_connect() => self.0.request(request).await,
            answer => answer,
        };
        let (head, body) = answer.map_err(|error| reason(&error))?.into_parts();
        let body = Limited::new(body, MAX_BYTES).collect().await.map_err(|error| error.to_string())?;
        Ok((head.status, body.to_bytes()))
    }
}

/// The causes of an error, one behind the other.
fn reason(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
