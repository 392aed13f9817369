//! Responses to publishers.

use std::time::Duration;

use http::{Response, StatusCode};
use serde::Serialize;
use sse_engine::Draft;

use crate::{
    base::SHUTTING_DOWN,
    http::{
        problem::Problem,
        response::{ResponseBody, json},
    },
    hub::{AppendError, Hub, Publication, Published},
    metrics::RefusalKind,
    store::{Key, StoreError},
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

pub(super) async fn publish_one(hub: &Hub, draft: Draft, key: Option<Key>) -> Result<Response<ResponseBody>, Problem> {
    let topic = draft.topic.to_string();
    let published = hub.append(Publication::one(draft, key)).await.map_err(refusal)?;
    let receipt = published.first().map(|published| receipt(*published, topic));
    Ok(json(&receipt))
}

/// Ends the canonical topic of `draft`, which has no data, without an event.
pub(super) async fn end_topic(hub: &Hub, draft: Draft, key: Option<String>) -> Result<Response<ResponseBody>, Problem> {
    #[derive(Serialize)]
    struct Ended {
        id: String,
        topic: String,
        duplicate: bool,
        ended: bool,
    }
    if !draft.others.is_empty() || draft.name.is_some() || draft.alias.is_some() || draft.private {
        let detail = "an end without data is for one topic, and no event: it has no name, no alias and is not private";
        return Err(Problem::invalid(detail));
    }
    let topic = draft.topic.to_string();
    let (position, duplicate) = match hub.end_topic(draft.topic).await {
        Ok(position) => (position, false),
        // to end what has ended is a repeat, if the publisher says that it may be one
        Err(AppendError::Ended(_, position)) if key.is_some() => (position, true),
        Err(error) => return Err(refusal(error)),
    };
    Ok(json(&Ended { id: position.to_string(), topic, duplicate, ended: true }))
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
