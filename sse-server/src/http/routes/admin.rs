//! `GET /live`, `/ready` and `/metrics`, for operators.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::{
    base::SHUTTING_DOWN,
    http::{
        problem::Problem,
        request::accept::prefers_open_metrics,
        response::{ResponseBody, of_type},
    },
    hub::Hub,
    metrics::RefusalKind,
};

const TEXT: &str = "text/plain; charset=utf-8";

/// The process responds, and its hub has not failed.
pub(super) fn live(hub: &Hub) -> Result<Response<ResponseBody>, Problem> {
    match hub.failure() {
        Some(failure) => Err(unwell(RefusalKind::store, failure.to_string(), Duration::from_secs(1))),
        None => Ok(of_type("live\n", TEXT)),
    }
}

/// The hub accepts publishes and streams.
pub(super) fn ready(hub: &Hub) -> Result<Response<ResponseBody>, Problem> {
    if let Err(error) = hub.store_health() {
        return Err(unwell(RefusalKind::store, error.to_string(), Duration::from_secs(1)));
    }
    if let Some(failure) = hub.failure() {
        return Err(unwell(RefusalKind::store, failure.to_string(), Duration::from_secs(1)));
    }
    if let Some(drain) = hub.draining() {
        return Err(unwell(RefusalKind::draining, SHUTTING_DOWN.into(), drain.window));
    }
    Ok(of_type("ready\n", TEXT))
}

fn unwell(kind: RefusalKind, detail: String, after: Duration) -> Problem {
    Problem::later(StatusCode::SERVICE_UNAVAILABLE, kind, detail, after)
}

/// The counters in the format that is asked for. Prometheus asks for OpenMetrics; who does not say gets the text format,
/// which everything reads.
pub(super) fn metrics(hub: &Hub, headers: &HeaderMap) -> Response<ResponseBody> {
    hub.note_store();
    let mut response = match prefers_open_metrics(headers) {
        true => of_type(hub.metrics().open_metrics(), "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        false => of_type(hub.metrics().plain_text(), "text/plain; version=0.0.4; charset=utf-8"),
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}
