//! Everything that is served over TLS, for who comes without: they are told where it is.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use sse_core::hub::names;

use crate::{
    config::Host,
    http::{problem::Problem, request::Request, response::ResponseBody},
    metrics::RefusalKind,
};

/// Sends a client to `target` on `port` of the host that it called, which is known to be one of the hub's.
///
/// A secret that was sent has been seen by whoever could: the client is told, rather than that it goes on.
pub(super) fn redirect(request: &Request, port: u16, target: &str) -> Result<Response<ResponseBody>, Problem> {
    let has_ticket = request.query.split('&').any(|pair| pair.split('=').next() == Some(names::query::TICKET));
    if has_ticket || request.headers.contains_key(header::AUTHORIZATION) {
        let detail =
            "the secret in this request has gone over the network in the clear; make another, and send it over https";
        return Err(Problem::new(StatusCode::FORBIDDEN, RefusalKind::forbidden, detail).closing());
    }
    let host = request.host().and_then(Host::of);
    let host = host.ok_or_else(|| Problem::invalid("there is no host to be sent to; come over https"))?;
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    let place = HeaderValue::try_from(format!("https://{host}{port}{target}"));
    let place = place.map_err(|_| Problem::invalid("the target can't be repeated; come over https"))?;
    let mut response = Response::new(ResponseBody::whole(Bytes::new()));
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(header::LOCATION, place);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}
