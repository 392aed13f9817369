//! Requests in the form that routes use.

pub(super) mod accept;
pub(super) mod body;
pub(super) mod query;

use std::net::SocketAddr;

use bytes::Buf;
use http::{HeaderMap, HeaderValue, Method, header};

use crate::{hub::Hub, transport::takeover::Takeover};
use body::Body;

/// What the accept loop knows of a connection. It is in the request's extensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The hub has all the connections it may have, and this one is only kept to be told so.
    pub(crate) surplus: bool,
    /// The request is HTTP/1.1, which requires a `Host`.
    pub(crate) needs_host: bool,
}

/// The parts of a request.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) peer: Option<Peer>,
    /// The slot for a stream that continues without hyper.
    pub(super) takeover: Option<Takeover>,
    pub(super) body: Body,
}

impl Request {
    pub(super) fn new<B>(request: http::Request<B>, hub: &Hub) -> Self
    where
        B: http_body::Body<Data: Buf> + Send + 'static,
    {
        let (mut parts, body) = request.into_parts();
        // The target's authority, where there is one, is what counts (RFC 9112, 3.2.2). HTTP/2 has nothing else.
        let authority = parts.uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        if let Some(authority) = authority {
            parts.headers.insert(header::HOST, authority);
        }
        Self {
            method: parts.method,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            peer: parts.extensions.get().copied(),
            takeover: parts.extensions.get().cloned(),
            body: Body::new(body, hub),
        }
    }
}
