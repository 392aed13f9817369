//! Requests in the form that routes use.

pub(super) mod accept;
pub(super) mod body;
pub(super) mod forwarded;
pub(super) mod query;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use bytes::Buf;
use http::{HeaderMap, HeaderName, Method, StatusCode, Version, header, uri::Authority};

use super::{place::Places, problem::Problem};
use crate::{auth::ClientCertificate, config::Host, hub::Hub, metrics::RefusalKind, transport::takeover::Takeover};
use body::Body;

/// What the accept loop knows of a connection. It is in the request's extensions.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// `None` if it came by a Unix socket.
    pub(crate) address: Option<SocketAddr>,
    /// The hub has all the connections it may have, and this one is only kept to be told so.
    pub(crate) surplus: bool,
    /// The request is HTTP/1.1, which requires a `Host`.
    pub(crate) needs_host: bool,
    /// The connection has TLS.
    pub(crate) is_tls: bool,
    /// What the client has shown there.
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
}

/// The parts of a request.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) version: Version,
    /// The authority of an absolute target. It is what counts, not the header `Host` (RFC 9112, 3.2.2); over HTTP/2
    /// there is nothing else.
    pub(super) authority: Option<Authority>,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) peer: Option<Peer>,
    /// The address of the client, perhaps behind proxies.
    pub(super) client: Option<IpAddr>,
    /// The slot for a stream that continues without hyper.
    pub(super) takeover: Option<Takeover>,
    /// The places for large responses, if its connection has many requests at once.
    pub(super) places: Option<Places>,
    pub(super) body: Body,
    /// It names an `Origin`, which is the hub's own or listed by its name.
    pub(super) has_own_origin: bool,
}

/// Who sends a request.
#[derive(Clone, Copy)]
pub(super) struct Sender<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) certificate: Option<&'a Arc<ClientCertificate>>,
    /// It is a page that may use the hub by its name.
    pub(super) has_own_origin: bool,
    /// The address of the client, perhaps behind proxies.
    pub(super) client: Option<IpAddr>,
}

impl Request {
    pub(super) fn sender(&self) -> Sender<'_> {
        let certificate = self.peer.as_ref().and_then(|peer| peer.certificate.as_ref());
        Sender { headers: &self.headers, certificate, has_own_origin: self.has_own_origin, client: self.client }
    }

    pub(super) fn new<B>(request: http::Request<B>, hub: &Hub) -> Self
    where
        B: http_body::Body<Data: Buf> + Send + 'static,
    {
        let (mut parts, body) = request.into_parts();
        Self {
            method: parts.method,
            version: parts.version,
            authority: parts.uri.authority().cloned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            peer: parts.extensions.remove(),
            client: None,
            takeover: parts.extensions.remove(),
            places: parts.extensions.remove(),
            body: Body::new(body, hub),
            has_own_origin: false,
        }
    }

    /// The host that is called and perhaps its port.
    pub(super) fn host(&self) -> Option<&str> {
        let header = || self.headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
        self.authority.as_ref().map(Authority::as_str).or_else(header)
    }

    /// Refuses a head that two readers could understand in two ways. Returns the host that is called, if one is.
    pub(super) fn check_head(&self) -> Result<Option<Host>, Problem> {
        if self.peer.as_ref().is_some_and(|peer| peer.needs_host) && !self.headers.contains_key(header::HOST) {
            return Err(Problem::invalid("there is no header Host, which HTTP/1.1 demands"));
        }
        let has_repeats = self.headers.len() > self.headers.keys_len();
        for (name, text) in [(header::HOST, "Host"), (header::ORIGIN, "Origin")] {
            if has_repeats && self.headers.get_all(name).iter().count() > 1 {
                return Err(Problem::invalid(format!("the header {text} is given twice; give it once")));
            }
        }
        let header = self.headers.get(header::HOST).map(|host| String::from_utf8_lossy(host.as_bytes()));
        let target = self.authority.as_ref().map(|authority| authority.as_str().into());
        let mut called = None;
        for host in header.into_iter().chain(target) {
            // the target counts, which comes last
            called = Host::of(&host);
            if called.is_none() {
                let detail = format!(
                    "the host {host:?} is malformed; it takes a name or an address, which has brackets if it is IPv6, \
                     and perhaps a port"
                );
                return Err(Problem::invalid(detail));
            }
        }
        // The one coding without which no body over HTTP/1.1 has an end is undone already.
        let codings: Vec<_> = tokens(&self.headers, &header::TRANSFER_ENCODING).collect();
        match &codings[..] {
            [] => Ok(called),
            [coding] if coding == "chunked" => Ok(called),
            _ => {
                let detail = format!("the transfer coding is {:?}; send chunked alone", codings.join(", "));
                Err(Problem::new(StatusCode::NOT_IMPLEMENTED, RefusalKind::invalid, detail).closing())
            }
        }
    }
}

/// The elements of a header that is a list, in lower case, whether they come in one line or in several.
pub(super) fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = String> + use<'a> {
    let lines = headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()).to_ascii_lowercase());
    let elements = |line: String| line.split(',').map(|element| element.trim().to_owned()).collect::<Vec<_>>();
    lines.flat_map(elements).filter(|element| !element.is_empty())
}
