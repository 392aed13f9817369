//! `POST /tickets`: a connect ticket for one event stream, for a client that can send no header.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use sse_engine::Selector;

use crate::{
    http::{
        access,
        problem::Problem,
        request::{Request, body::BodyLimit, query::selector},
        response::{ResponseBody, json},
    },
    hub::Hub,
    metrics::RefusalKind,
};

/// The most bytes of a request.
const BODY: BodyLimit = BodyLimit { what: "the body", bytes: 16 << 10, key: None };

/// How long a ticket may be unused, in seconds.
const DEFAULT_TTL: u64 = 60;
const MAX_TTL: u64 = 3600;

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    topics: Vec<String>,
    ttl: Option<u64>,
}

pub(super) async fn issue(hub: &Hub, request: &mut Request) -> Result<Response<ResponseBody>, Problem> {
    hub.access().ok_or_else(Problem::nowhere)?;
    let body = request.body.read(&request.headers, BODY, |_| BODY).await?;
    let wish: Wish = serde_json::from_slice(&body.bytes).map_err(|error| {
        Problem::invalid(format!("the body is no request for a ticket ({error}); it takes {EXAMPLE}"))
    })?;
    if wish.topics.is_empty() {
        return Err(Problem::invalid(format!("`topics` is empty; name what the stream is to select: {EXAMPLE}")));
    }
    let ttl = wish.ttl.unwrap_or(DEFAULT_TTL);
    if !(1..=MAX_TTL).contains(&ttl) {
        return Err(Problem::invalid(format!("`ttl` is {ttl}; it takes 1 to {MAX_TTL} seconds")));
    }
    let selectors: Arc<[Selector]> = wish.topics.iter().map(|text| selector(text)).collect::<Result<_, _>>()?;
    let decided = access::bearer_subscriber(hub, &request.headers, &selectors).await?;
    let ticket = hub.ticket(&decided, selectors, Duration::from_secs(ttl)).ok_or_else(|| {
        let detail =
            "the topics are too long for a ticket, which is a part of an address; ask for fewer, or for a pattern";
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, RefusalKind::too_large, detail)
    })?;
    #[derive(Serialize)]
    struct Issued {
        ticket: String,
        expires_in: u64,
    }
    let left = decided.grant.until.and_then(|until| until.duration_since(SystemTime::now()).ok());
    let expires_in = left.map_or(ttl, |left| ttl.min(left.as_secs()));
    Ok(json(&Issued { ticket, expires_in }))
}

const EXAMPLE: &str = r#"{"topics":["users/7/**"],"ttl":60}"#;
