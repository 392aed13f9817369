//! What is published alone: one event, or the end of a topic.

use http::Response;
use serde::Serialize;
use sse_engine::{Draft, Position, Topic};

use super::receipt::{receipt, refusal};
use crate::{
    http::{
        problem::Problem,
        response::{ResponseBody, json},
    },
    hub::{AppendError, Hub, Publication},
    store::Key,
};

pub(super) async fn publish_one(hub: &Hub, draft: Draft, key: Option<Key>) -> Result<Response<ResponseBody>, Problem> {
    let topic = draft.topic.to_string();
    let published = hub.append(Publication::one(draft, key)).await.map_err(refusal)?;
    let receipt = published.first().map(|published| receipt(*published, topic));
    Ok(json(&receipt))
}

/// Ends the canonical topic of `draft`, which has no data, without an event.
pub(super) async fn publish_end(
    hub: &Hub,
    draft: Draft,
    key: Option<String>,
) -> Result<Response<ResponseBody>, Problem> {
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
    let (position, duplicate) = end_topic(hub, draft.topic, key.is_some()).await?;
    Ok(json(&Ended { id: position.to_string(), topic, duplicate, ended: true }))
}

/// Ends `topic` without an event. Returns where it ended, and whether it had ended before: that is a repeat if it may be
/// one, as the publisher's key says, and otherwise refused.
pub(super) async fn end_topic(hub: &Hub, topic: Topic, may_be_repeat: bool) -> Result<(Position, bool), Problem> {
    match hub.end_topic(topic).await {
        Ok(position) => Ok((position, false)),
        Err(AppendError::Ended(_, position)) if may_be_repeat => Ok((position, true)),
        Err(error) => Err(refusal(error)),
    }
}
