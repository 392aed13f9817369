//! `application/x-ndjson`: events one a line, published as they come, in bounded memory.

use std::{mem, str};

use bytes::BytesMut;
use memchr::memchr;
use serde::Serialize;
use warp::reply::Response;

use super::{
    Hub, Key, Problem, Publication, Request, Scope,
    json::{one_key, read},
    json_response, key, not_utf8, one_event, refusal,
};
use crate::keys::Fingerprint;

/// What the publisher is told.
#[derive(Default, Serialize)]
struct Summary {
    published: u64,
    duplicates: u64,
    first_id: Option<String>,
    last_id: Option<String>,
}

struct Lines<'a> {
    hub: &'a Hub,
    request_key: Option<String>,
    /// The line that is being read, from 1.
    line: u64,
    /// Lines so far that were not blank.
    events: u64,
    summary: Summary,
}

pub(super) async fn publish(hub: &Hub, mut request: Request) -> Result<Response, Problem> {
    let request_key = key::of_request(&request.headers)?;
    if let Some(text) = request_key.clone() {
        // the key is this form's from here on
        let key = Key { scope: Scope::Request, text };
        let marker = Publication::whole(Vec::new(), key, Fingerprint::of([&b"lines"[..]]));
        hub.append(marker).await.map_err(refusal)?;
    }
    let mut lines = Lines { hub, request_key, line: 1, events: 0, summary: Summary::default() };
    match lines.read(&mut request).await {
        Ok(()) => Ok(json_response(&lines.summary)),
        Err(problem) => Err(problem
            .with("line", lines.line)
            .with("published", lines.summary.published)
            .with("duplicates", lines.summary.duplicates)
            .with("last_id", lines.summary.last_id)
            .closing()),
    }
}

impl Lines<'_> {
    async fn read(&mut self, request: &mut Request) -> Result<(), Problem> {
        let limit = one_event(&self.hub.config().publish);
        let mut begun = BytesMut::new();
        while let Some(piece) = request.body.next().await? {
            let mut rest = &*piece;
            while let Some(end) = memchr(b'\n', rest) {
                if begun.len() + end > limit.bytes {
                    return Err(limit.exceeded());
                }
                if begun.is_empty() {
                    self.publish(&rest[..end]).await?;
                } else {
                    begun.extend_from_slice(&rest[..end]);
                    self.publish(&mem::take(&mut begun)).await?;
                }
                self.line += 1;
                rest = &rest[end + 1..];
            }
            if begun.len() + rest.len() > limit.bytes {
                return Err(limit.exceeded());
            }
            begun.extend_from_slice(rest);
            // A body that is always there would keep this task from ever giving way.
            tokio::task::yield_now().await;
        }
        self.publish(&begun).await
    }

    async fn publish(&mut self, line: &[u8]) -> Result<(), Problem> {
        let text = str::from_utf8(line).map_err(|error| not_utf8("the line", &error))?;
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        let (draft, own_key) = read(text, &self.hub.config().publish)?;
        let scope = match &self.request_key {
            Some(_) => Scope::Line(self.events),
            None => Scope::Topic(draft.topic.clone()),
        };
        self.events += 1;
        let key = one_key(self.request_key.clone(), own_key)?.map(|text| Key { scope, text });
        for event in self.hub.append(Publication::one(draft, key)).await.map_err(refusal)? {
            let id = event.position.to_string();
            if event.duplicate {
                self.summary.duplicates += 1;
            } else {
                self.summary.published += 1;
            }
            self.summary.first_id.get_or_insert_with(|| id.clone());
            self.summary.last_id = Some(id);
        }
        Ok(())
    }
}
