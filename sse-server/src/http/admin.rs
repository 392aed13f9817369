//! `GET /live`, `/ready`, `/metrics`: for those who run the hub.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use warp::reply::Response;

use super::problem::Problem;
use crate::{handle::Hub, metrics::Refused};

/// The process answers.
pub(super) fn live() -> Response {
    text("live\n", "text/plain; charset=utf-8")
}

/// New publishes and streams are welcome.
pub(super) fn ready(hub: &Hub) -> Result<Response, Problem> {
    let later =
        |refused, detail: String, after| Problem::later(StatusCode::SERVICE_UNAVAILABLE, refused, detail, after);
    if let Some(drain) = hub.draining() {
        return Err(later(Refused::draining, "the hub is shutting down".into(), drain.window));
    }
    if let Err(error) = hub.store_health() {
        return Err(later(Refused::store, error.to_string(), Duration::from_secs(1)));
    }
    Ok(text("ready\n", "text/plain; charset=utf-8"))
}

pub(super) fn metrics(hub: &Hub) -> Response {
    hub.metrics().store_up.set(i64::from(hub.store_health().is_ok()));
    text(hub.metrics().render(), "application/openmetrics-text; version=1.0.0; charset=utf-8")
}

fn text(body: impl Into<String>, content_type: &'static str) -> Response {
    let mut response = Response::new(body.into().into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
