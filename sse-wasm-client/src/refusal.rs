//! Responses that are no stream.

use std::time::Duration;

use sse_core::hub::Problem;

/// A response that is no event stream, other than a 204, which is an end.
///
/// ```
/// use sse_wasm_client::{Refusal, Signal};
///
/// fn explain(signal: &Signal) -> Option<String> {
///     let Signal::Refused(Refusal { status, problem, .. }) = signal else { return None };
///     let detail = problem.as_ref().and_then(|problem| problem.detail.as_deref());
///     Some(match (status, detail) {
///         (Some(401), _) => "please sign in again".into(),
///         (_, Some(detail)) => detail.into(),
///         (Some(status), None) => format!("the server answered {status}"),
///         (None, None) => "the browser does not say why".into(),
///     })
/// }
/// # let mut refusal = Refusal::default();
/// # refusal.status = Some(401);
/// # assert_eq!(explain(&Signal::Refused(refusal)).unwrap(), "please sign in again");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The status code; 200 if only the content type was wrong. `None` over `EventSource`, which does not tell it.
    pub status: Option<u16>,
    /// The server's explanation, if it gives one in JSON (`application/problem+json`).
    pub problem: Option<Problem>,
    /// How long the server asks to wait (`Retry-After`).
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Returns true if such a refusal tends to pass by itself, so that the client tries again by default: if the status
    /// is unknown, 408 (timeout), 425 (too early), 429 (too many requests), or one of the server's own errors (500 to
    /// 599).
    ///
    /// ```
    /// use sse_wasm_client::Refusal;
    ///
    /// assert!(Refusal::default().may_pass());
    /// ```
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self.status, None | Some(408 | 425 | 429 | 500..=599))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself() {
        let passes = |status| Refusal { status: Some(status), ..Refusal::default() }.may_pass();
        let passing: Vec<u16> = (100..=499).filter(|status| passes(*status)).collect();
        assert_eq!(passing, [408, 425, 429]);
        assert!((500..=599).all(passes) && !passes(600));
        assert!(Refusal::default().may_pass());
    }
}
