//! Refusals: problem details, with a sentence that says what to do.

use std::{fmt::Display, time::Duration};

use super::response::{ResponseBody, of_type};
use crate::metrics::RefusalKind;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

/// A refusal, as RFC 9457 has it.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: StatusCode,
    kind: RefusalKind,
    detail: String,
    members: Map<String, Value>,
    allow: Option<&'static str>,
    retry_after: Option<Duration>,
    close: bool,
}

/// The longest sentence: what a client sent is not sent back without end.
const MAX_DETAIL_BYTES: usize = 1024;

impl Problem {
    pub(super) fn new(status: StatusCode, kind: RefusalKind, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > MAX_DETAIL_BYTES {
            let end = (0..=MAX_DETAIL_BYTES).rev().find(|end| detail.is_char_boundary(*end)).unwrap_or(0);
            detail.truncate(end);
            detail.push('…');
        }
        Self { status, kind, detail, members: Map::new(), allow: None, retry_after: None, close: false }
    }

    /// 400: what was sent can't be taken; `detail` names the field, the value and what is allowed.
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, RefusalKind::invalid, detail)
    }

    /// 413: what is sent is longer than `limit` bytes. The connection closes, for the rest of it is not read.
    pub(super) fn too_large(what: &str, limit: usize, key: &str) -> Self {
        let detail = format!("{what} is longer than {limit} bytes; send less at once, or raise {key}");
        Self { close: true, ..Self::new(StatusCode::PAYLOAD_TOO_LARGE, RefusalKind::too_large, detail) }
    }

    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        let detail = format!("this address answers {allow}");
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, RefusalKind::other, detail) }
    }

    /// 429 or 503: come back later.
    pub(super) fn later(status: StatusCode, kind: RefusalKind, detail: impl Into<String>, after: Duration) -> Self {
        Self { retry_after: Some(after), ..Self::new(status, kind, detail) }
    }

    /// 503: the hub can't go on.
    pub(super) fn failed(failure: impl Display) -> Self {
        let after = Duration::from_secs(1);
        Self::later(StatusCode::SERVICE_UNAVAILABLE, RefusalKind::store, failure.to_string(), after).closing()
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
        &self.detail
    }

    pub(super) fn into_response(self) -> Response<ResponseBody> {
        let mut members = self.members;
        members.insert("type".into(), "about:blank".into());
        members.insert("title".into(), self.status.canonical_reason().into());
        members.insert("status".into(), self.status.as_u16().into());
        members.insert("detail".into(), self.detail.into());
        let mut response = of_type(Value::Object(members).to_string(), "application/problem+json");
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
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
