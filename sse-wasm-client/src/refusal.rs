//! What a server answers instead of a stream.

use std::time::Duration;

use serde::Deserialize;
use sse_core::Text;

/// An answer that is no event stream.
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
    /// The status code; 200 if only the type was wrong. `None` over `EventSource`, which does not tell it.
    pub status: Option<u16>,
    /// What the server says about it, if it does so as `application/problem+json`.
    pub problem: Option<Problem>,
    /// How long it asks to be left alone (`Retry-After`).
    pub retry_after: Option<Duration>,
}

/// Problem details ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)), as far as they are for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// A URI for this kind of problem (`type`); `about:blank` if none is given.
    pub kind: Text,
    /// What kind of problem it is, in words.
    pub title: Option<Text>,
    /// What is wrong in this case.
    pub detail: Option<Text>,
}

impl Refusal {
    /// Whether such a refusal tends to pass by itself, which is what decides whether the client tries again unless told
    /// otherwise: no status known, 408 (timeout), 425 (too early), 429 (too many requests), and all of the server's own
    /// faults (500 to 599).
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

impl Problem {
    /// Reads the body of an answer, of whatever type. What does not read is none.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Members {
            r#type: Option<String>,
            title: Option<String>,
            detail: Option<String>,
        }
        let Members { r#type, title, detail } = serde_json::from_slice(body).ok()?;
        (r#type.is_some() || title.is_some() || detail.is_some()).then(|| Self {
            kind: r#type.unwrap_or_else(|| "about:blank".into()).into(),
            title: title.map(Text::from),
            detail: detail.map(Text::from),
        })
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

    #[test]
    fn a_problem_as_hubs_send_it() {
        let body = br#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"say \"topic\"","more":[1]}"#;
        let problem = Problem {
            kind: "about:blank".into(),
            title: Some("Bad Request".into()),
            detail: Some("say \"topic\"".into()),
        };
        assert_eq!(Problem::read(body), Some(problem));
        let only_title = Problem::read(br#"{"title":"no"}"#).unwrap();
        assert_eq!((&*only_title.kind, only_title.detail), ("about:blank", None));
    }

    #[test]
    fn what_is_no_problem_is_none() {
        for body in ["", "{}", "null", "[]", "<html>", r#"{"title":7}"#, r#"{"error":"x"}"#] {
            assert_eq!(Problem::read(body.as_bytes()), None, "{body}");
        }
        assert_eq!(Problem::read(b"{\"title\":\"\xff\"}"), None);
    }
}
