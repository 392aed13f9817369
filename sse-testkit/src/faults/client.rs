//! Faults for the answers that a client gets.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use http_body_util::BodyExt;

use super::{Faults, FaultyError};
use crate::{
    body::Body,
    client::TestClient,
    timeline::AnswerNote,
    transport::{Answering, BoxError, Transport},
};

impl TestClient {
    /// The same client, but the body of each answer has these faults. What is drawn is drawn anew for each answer, and
    /// repeats with the seed. A failed expectation shows the plan.
    ///
    /// ```
    /// # use sse_testkit::{Faults, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: ü\r\n\r\n"));
    /// let worst = Faults::none().cut_in_characters().cut_between_cr_and_lf();
    /// client.faults(worst).get("/events").connect().await.expect_event("ü").await;
    /// # }
    /// ```
    #[must_use]
    pub fn faults(&self, faults: Faults) -> Self {
        Self::over(WithFaults { inner: self.transport(), faults, answers: AtomicU64::new(0) })
    }
}

/// A transport with faults on the way back.
struct WithFaults {
    inner: Arc<dyn Transport>,
    faults: Faults,
    answers: AtomicU64,
}

impl Transport for WithFaults {
    fn authority(&self) -> String {
        self.inner.authority()
    }

    fn is_socket(&self) -> bool {
        self.inner.is_socket()
    }

    fn faults(&self) -> Option<String> {
        let plan = format!("faults, {}", self.faults);
        Some(self.inner.faults().map_or_else(|| plan.clone(), |inner| format!("{inner}; {plan}")))
    }

    fn send(&self, request: http::Request<Body>) -> Answering {
        let answer = self.answers.fetch_add(1, Ordering::Relaxed);
        let faults = self.faults.of(answer);
        let mut plan = format!("faults, {faults}");
        if faults.seed != self.faults.seed && !faults.is_none() {
            plan += &format!("; of answer {} by seed {}", answer + 1, self.faults.seed);
        }
        let answering = self.inner.send(request);
        Box::pin(async move {
            let mut answer = answering.await?;
            answer.extensions_mut().insert(AnswerNote(plan));
            Ok(answer.map(|body| faults.body(body).map_err(source).boxed_unsync()))
        })
    }
}

/// Passes an error of the server on as it was.
fn source(error: FaultyError<BoxError>) -> BoxError {
    match error {
        FaultyError::Source(error) => error,
        FaultyError::Reset => Box::new(FaultyError::<Infallible>::Reset),
    }
}
