//! Refusals as problem details, with a sentence that says what to do.

use std::{fmt::Display, time::Duration};

use super::response::{ResponseBody, of_type};
use crate::metrics::RefusalKind;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};
use sse_core::hub::{self, names};

/// A refusal: problem details, and the headers of its response.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: StatusCode,
    kind: RefusalKind,
    details: Box<hub::Problem>,
    members: Map<String, Value>,
    /// A header that says what is allowed, or asked for.
    allowed: Option<Box<(HeaderName, HeaderValue)>>,
    retry_after: Option<Duration>,
    close: bool,
}

/// `text` in quotes, cut where it is too long for a sentence.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &text[..end], text.len()),
        None => format!("{text:?}"),
    }
}

/// The most characters of what was sent that a sentence repeats.
const MAX_QUOTED: usize = 200;

impl Problem {
    pub(super) fn new(status: StatusCode, kind: RefusalKind, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or_default();
        let details = Box::new(hub::Problem::new(status.as_u16(), title, detail));
        Self { status, kind, details, members: Map::new(), allowed: None, retry_after: None, close: false }
    }

    /// 400: the request is invalid. `detail` names the field, the value and what is allowed.
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, RefusalKind::invalid, detail)
    }

    /// Returns true if the same may be asked again later.
    pub(super) const fn is_for_later(&self) -> bool {
        self.retry_after.is_some()
    }

    /// 404: no route has this path.
    pub(super) fn nowhere() -> Self {
        let detail = "there is nothing here; see / for what the hub serves";
        Self::new(StatusCode::NOT_FOUND, RefusalKind::other, detail)
    }

    /// 413: the body is longer than `limit` bytes. The connection closes, since the rest of the body is not read.
    pub(super) fn too_large(what: &str, limit: usize, key: Option<&str>) -> Self {
        let or_raise = key.map(|key| format!(", or raise {key}")).unwrap_or_default();
        let detail = format!("{what} is longer than {limit} bytes; send less at once{or_raise}");
        Self { close: true, ..Self::new(StatusCode::PAYLOAD_TOO_LARGE, RefusalKind::too_large, detail) }
    }

    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        let detail = format!("this address answers {allow}");
        let allowed = Some(Box::new((header::ALLOW, HeaderValue::from_static(allow))));
        Self { allowed, ..Self::new(StatusCode::METHOD_NOT_ALLOWED, RefusalKind::other, detail) }
    }

    /// 415: the body is encoded in a way that the hub does not undo.
    pub(super) fn encoded(coding: &str) -> Self {
        let detail = format!("the content coding {coding:?} is not undone here; send the body as it is");
        let allowed = Some(Box::new((header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))));
        Self { allowed, ..Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, RefusalKind::invalid, detail) }
    }

    /// 429 or 503: try again later.
    pub(super) fn later(status: StatusCode, kind: RefusalKind, detail: impl Into<String>, after: Duration) -> Self {
        Self { retry_after: Some(after), ..Self::new(status, kind, detail) }
    }

    /// 503: the hub has failed.
    pub(super) fn failed(failure: impl Display) -> Self {
        let after = Duration::from_secs(1);
        Self::later(StatusCode::SERVICE_UNAVAILABLE, RefusalKind::store, failure.to_string(), after).closing()
    }

    /// Asks for a token (RFC 6750, 3). `wrong` says what is wrong with the one that was sent.
    pub(super) fn challenging(mut self, wrong: Option<&str>) -> Self {
        let plain = |why: &str| why.replace(['"', '\\'], "'"); // it stands in quotes
        let challenge =
            match wrong.map(plain).map(|why| format!("Bearer error=\"invalid_token\", error_description=\"{why}\"")) {
                Some(text) => {
                    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Bearer error=\"invalid_token\""))
                }
                None => HeaderValue::from_static("Bearer"),
            };
        self.allowed = Some(Box::new((header::WWW_AUTHENTICATE, challenge)));
        self
    }

    pub(super) fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.into(), value.into());
        self
    }

    pub(super) fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) const fn kind(&self) -> RefusalKind {
        self.kind
    }

    pub(super) fn detail(&self) -> &str {
        self.details.detail.as_deref().unwrap_or_default()
    }

    pub(super) fn into_response(self) -> Response<ResponseBody> {
        let mut response = of_type(self.details.to_json(self.members), names::media_type::PROBLEM);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some((name, value)) = self.allowed.map(|header| *header) {
            headers.insert(name, value);
        }
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
