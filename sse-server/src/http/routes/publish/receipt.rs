//! Responses to publishers.

use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

use crate::{
    base::SHUTTING_DOWN,
    http::problem::Problem,
    hub::{AppendError, Published},
    metrics::RefusalKind,
    store::StoreError,
};

/// The response to the publish of one event.
#[derive(Serialize)]
pub(super) struct Receipt {
    id: String,
    topic: String,
    duplicate: bool,
}

pub(super) fn draining() -> Problem {
    let detail = format!("{SHUTTING_DOWN}; publish again in a moment");
    Problem::later(StatusCode::SERVICE_UNAVAILABLE, RefusalKind::draining, detail, Duration::from_secs(1)).closing()
}

pub(super) fn receipt(published: Published, topic: String) -> Receipt {
    Receipt { id: published.position.to_string(), topic, duplicate: published.duplicate }
}

pub(super) fn refusal(error: AppendError) -> Problem {
    match error {
        AppendError::Draining | AppendError::Store(StoreError::Closed | StoreError::Gone) => draining(),
        AppendError::Store(StoreError::Stalled(time)) => {
            let detail = format!(
                "the disk has not answered for {} s, so it is not known whether the event is published; publish it again, \
                 with the same idempotency key if it has one",
                time.as_secs()
            );
            Problem::later(StatusCode::SERVICE_UNAVAILABLE, RefusalKind::store, detail, time)
        }
        AppendError::Store(error) => {
            let detail = format!("the event is not published: {error}; publish it again in a moment");
            Problem::later(StatusCode::SERVICE_UNAVAILABLE, RefusalKind::store, detail, Duration::from_secs(1))
        }
        AppendError::Ended(_, at) => {
            let refused = |detail| Problem::new(StatusCode::CONFLICT, RefusalKind::ended, detail);
            if at.seq() == 0 {
                return refused(
                    "an earlier event of the same request ends the topic, so nothing is published".to_owned(),
                );
            }
            refused(format!("the topic ended at {at}; delete it to publish to it again"))
                .with("ended_at", at.to_string())
        }
        AppendError::Conflict(index) => {
            let detail = "the idempotency key was used for other content; use a new key for new content";
            let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, RefusalKind::key, detail);
            match index {
                Some(index) => problem.with("index", index),
                None => problem,
            }
        }
    }
}
