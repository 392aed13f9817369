//! Publishes batches in their order, each until the hub has it.

mod backoff;
mod standing;

use std::{error::Error, fmt, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Deserialize;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{sleep, timeout},
};

use crate::{hub_url::HubUrl, sampler::Batch};
use backoff::Backoff;
use standing::Standing;

/// How long the hub may take for one batch.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is read of an answer: the hub's are far shorter.
const MAX_ANSWER: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct Publisher {
    client: Client<HttpConnector, Full<Bytes>>,
    hub: HubUrl,
    backoff: Backoff,
    standing: Standing,
}

/// Why a batch is not published.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Failure {
    /// Nothing was answered, or not in time.
    Away(String),
    /// The hub takes nothing just now.
    Busy { detail: String, after: Option<Duration> },
    /// The hub takes no such thing, and trying again does not change that.
    Refused(String),
}

impl Publisher {
    pub(crate) fn new(hub: HubUrl) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, hub, backoff: Backoff::new(), standing: Standing::default() }
    }

    /// Publishes until there is nobody left to read counters.
    pub(crate) async fn run(mut self, mut batches: broadcast::Receiver<Batch>) {
        let Some(uri) = self.hub.publish() else { return };
        loop {
            match batches.recv().await {
                Ok(batch) => self.deliver(&uri, &batch).await,
                Err(RecvError::Lagged(count)) => {
                    eprintln!("host-dashboard: {count} readings were dropped: only the latest wait for the hub");
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Tries until the hub has the batch, or will never take it.
    async fn deliver(&mut self, uri: &Uri, batch: &Batch) {
        loop {
            let outcome = self.attempt(uri, batch).await;
            let failure = outcome.as_ref().err().map(ToString::to_string);
            if let Some(sentence) = self.standing.note(failure.as_deref()) {
                eprintln!("host-dashboard: the hub at {} {sentence}", self.hub);
            }
            let at_least = match outcome {
                Ok(()) | Err(Failure::Refused(_)) => return self.backoff.reset(),
                Err(Failure::Busy { after, .. }) => after,
                Err(Failure::Away(_)) => None,
            };
            sleep(self.backoff.next(at_least)).await;
        }
    }

    async fn attempt(&self, uri: &Uri, batch: &Batch) -> Result<(), Failure> {
        let mut request = Request::post(uri.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(batch.body.clone()))
            .map_err(|error| Failure::Refused(error.to_string()))?;
        if let Ok(key) = batch.key.parse() {
            request.headers_mut().insert("idempotency-key", key);
        }
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| away(&error))?;
            let (head, body) = response.into_parts();
            // Read to its end, so that the connection can be used again.
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            let body = body.map_err(|error| Failure::Away(error.to_string()))?.to_bytes();
            judge(&Response::from_parts(head, body))
        };
        let late = || Failure::Away(format!("no answer within {} s", PATIENCE.as_secs()));
        timeout(PATIENCE, exchange).await.unwrap_or_else(|_| Err(late()))
    }
}

/// The first cause says the most: `Connection refused`.
fn away(error: &hyper_util::client::legacy::Error) -> Failure {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    Failure::Away(cause.to_string())
}

fn judge(answer: &Response<Bytes>) -> Result<(), Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let detail = detail(answer);
    let passes = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    if !status.is_server_error() && !passes.contains(&status) {
        return Err(Failure::Refused(detail));
    }
    let after = answer.headers().get(header::RETRY_AFTER);
    let after = after.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
    Err(Failure::Busy { detail, after: after.map(Duration::from_secs) })
}

/// The sentence of a problem answer, or what can be said without one.
fn detail(answer: &Response<Bytes>) -> String {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    let said = serde_json::from_slice::<Problem>(answer.body()).ok().map(|problem| problem.detail);
    said.unwrap_or_else(|| format!("status {}", answer.status()))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) => write!(f, "can't be reached ({why})"),
            Self::Busy { detail, .. } => write!(f, "takes nothing just now ({detail})"),
            Self::Refused(detail) => write!(f, "refuses the readings ({detail})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Response<Bytes> {
        Response::builder().status(status).body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[test]
    fn a_refusal_is_told_from_a_hub_that_is_busy() {
        assert_eq!(judge(&answer(200, "{}")), Ok(()));
        let refused = Failure::Refused("no such topic".into());
        assert_eq!(judge(&answer(400, r#"{"detail":"no such topic","status":400}"#)), Err(refused));
        assert_eq!(judge(&answer(404, "<html>")), Err(Failure::Refused("status 404 Not Found".into())));
        let busy = |after| Failure::Busy { detail: "draining".into(), after };
        let mut draining = answer(503, r#"{"detail":"draining"}"#);
        assert_eq!(judge(&draining), Err(busy(None)));
        draining.headers_mut().insert(header::RETRY_AFTER, 3.into());
        assert_eq!(judge(&draining), Err(busy(Some(Duration::from_secs(3)))));
        assert!(matches!(judge(&answer(429, "")), Err(Failure::Busy { .. })));
    }
}
