//! `application/x-ndjson`: one event a line, published as they arrive, in bounded memory.

use std::{mem, str};

use bytes::{Bytes, BytesMut};
use http::Response;
use memchr::memchr;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::{
    event::{not_utf8, one_event},
    json::{one_key, read},
    key,
    receipt::refusal,
};
use crate::{
    http::{
        problem::Problem,
        request::{
            Request,
            body::{BYTE_ORDER_MARK, Room, slow},
        },
        response::{ResponseBody, json as json_response},
    },
    hub::{AppendError, Hub, LinesPublished, Publication, Published, UploadedLines},
    store::{Fingerprint, Key, Scope},
};
use sse_engine::Draft;

/// The response to the publisher.
#[derive(Default, Serialize)]
struct Summary {
    published: u64,
    duplicates: u64,
    first_id: Option<String>,
    last_id: Option<String>,
}

/// The most lines published at once, and the most bytes.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 1 << 20;

struct Lines<'a> {
    hub: &'a Hub,
    request_key: Option<String>,
    /// The upload under that key.
    upload: Option<UploadedLines>,
    /// The number of the current line, from 1.
    line: u64,
    /// Lines read and not published yet.
    batch: Vec<Line>,
    bytes: usize,
    summary: Summary,
}

struct Line {
    number: u64,
    draft: Draft,
    key: Option<Key>,
}

pub(super) async fn publish(hub: &Hub, request: &mut Request) -> Result<Response<ResponseBody>, Problem> {
    let request_key = key::of_request(&request.headers)?;
    if let Some(text) = request_key.clone() {
        // reserves the key for this form
        let key = Key { scope: Scope::Request, text };
        let marker = Publication::whole(Vec::new(), key, Fingerprint::of([&b"lines"[..]]));
        hub.append(marker).await.map_err(refusal)?;
    }
    let (batch, summary) = (Vec::new(), Summary::default());
    let upload = request_key.clone().map(UploadedLines::new);
    let mut lines = Lines { hub, request_key, upload, line: 1, batch, bytes: 0, summary };
    let read = lines.read(request).await;
    // the lines before one that is refused are published
    match lines.flush().await.and(read).and_then(|()| lines.end()) {
        Ok(()) => Ok(json_response(&lines.summary)),
        Err(problem) => Err(problem
            .with("line", lines.line)
            .with("published", lines.summary.published)
            .with("duplicates", lines.summary.duplicates)
            .with("last_id", lines.summary.last_id)
            .closing()),
    }
}

/// The start of a line whose end has not arrived. It counts towards the memory for all bodies, and has a deadline.
struct Unfinished {
    bytes: BytesMut,
    room: Room,
    deadline: Option<Instant>,
}

impl Unfinished {
    fn new(room: Room) -> Self {
        Self { bytes: BytesMut::new(), room, deadline: None }
    }

    /// The next piece of the body. While a line is unfinished, it has to arrive before the deadline.
    async fn next(&self, request: &mut Request) -> Result<Option<Bytes>, Problem> {
        let Some(deadline) = self.deadline else { return request.body.next().await };
        timeout_at(deadline, request.body.next()).await.map_err(|_| slow("the line"))?
    }

    fn add(&mut self, bytes: &[u8], deadline: Instant) -> Result<(), Problem> {
        if !bytes.is_empty() {
            self.room.reserve(bytes.len())?;
            self.bytes.extend_from_slice(bytes);
            self.room.reserve_all(self.bytes.capacity())?;
            self.deadline.get_or_insert(deadline);
        }
        Ok(())
    }

    /// The whole line, which ends with `end`.
    fn finish(&mut self, end: &[u8]) -> BytesMut {
        self.room.release();
        self.deadline = None;
        let mut line = mem::take(&mut self.bytes);
        line.extend_from_slice(end);
        line
    }
}

impl Lines<'_> {
    async fn read(&mut self, request: &mut Request) -> Result<(), Problem> {
        let limit = one_event(&self.hub.config().publish);
        let mut unfinished = Unfinished::new(request.body.room());
        while let Some(piece) = unfinished.next(request).await? {
            let mut rest = &*piece;
            while let Some(end) = memchr(b'\n', rest) {
                if unfinished.bytes.len() + end > limit.bytes {
                    return Err(limit.exceeded());
                }
                if unfinished.bytes.is_empty() {
                    self.take(&rest[..end])?;
                } else {
                    self.take(&unfinished.finish(&rest[..end]))?;
                }
                if self.batch.len() == BATCH || self.bytes >= BATCH_BYTES {
                    self.flush().await?;
                    // a piece may have thousands of lines, and others have requests
                    tokio::task::yield_now().await;
                }
                self.line += 1;
                rest = &rest[end + 1..];
            }
            self.flush().await?;
            if unfinished.bytes.len() + rest.len() > limit.bytes {
                return Err(limit.exceeded());
            }
            unfinished.add(rest, request.body.deadline())?;
            // A body that is always ready would keep this task from ever yielding.
            tokio::task::yield_now().await;
        }
        self.take(&unfinished.bytes)
    }

    /// Parses a line and adds it to the batch.
    fn take(&mut self, line: &[u8]) -> Result<(), Problem> {
        let text = str::from_utf8(line).map_err(|error| not_utf8("the line", &error))?;
        let text = if self.line == 1 { text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text) } else { text };
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        let (draft, own_key) = read(text, &self.hub.config().publish)?;
        one_key(self.request_key.as_ref(), own_key.as_ref())?;
        let key = own_key.map(|text| Key { scope: Scope::Topic(draft.topic.clone()), text });
        self.bytes += line.len();
        self.batch.push(Line { number: self.line, draft, key });
        Ok(())
    }

    /// Publishes the batch. If a line is refused for its key, those before it are published.
    async fn flush(&mut self) -> Result<(), Problem> {
        self.bytes = 0;
        let batch = mem::take(&mut self.batch);
        let Some(first) = batch.first().map(|line| line.number) else { return Ok(()) };
        if let Some(upload) = &mut self.upload {
            let numbers: Vec<_> = batch.iter().map(|line| line.number).collect();
            let drafts = batch.into_iter().map(|line| line.draft).collect();
            let done = self.hub.append_lines(upload, drafts).await.map_err(|error| match error {
                AppendError::Conflict(Some(index)) => {
                    self.line = numbers.get(index).copied().unwrap_or(first);
                    refusal(AppendError::Conflict(None))
                }
                error => {
                    self.line = first;
                    refusal(error)
                }
            })?;
            self.count_upload(&done);
            return Ok(());
        }
        let of = |lines: &[Line]| {
            let (drafts, keys) = lines.iter().map(|line| (line.draft.clone(), line.key.clone())).unzip();
            Publication::each(drafts, keys)
        };
        let published = match self.hub.append(of(&batch)).await {
            Err(AppendError::Conflict(Some(index))) => {
                let before = &batch[..index.min(batch.len())];
                if !before.is_empty() {
                    self.line = first;
                    let published = self.hub.append(of(before)).await.map_err(refusal)?;
                    self.count(published);
                }
                self.line = batch.get(index).map_or(first, |line| line.number);
                return Err(refusal(AppendError::Conflict(None)));
            }
            Err(error) => {
                self.line = first;
                return Err(refusal(error));
            }
            Ok(published) => published,
        };
        self.count(published);
        Ok(())
    }

    /// An upload that ends before what was published under its key is another one.
    fn end(&self) -> Result<(), Problem> {
        self.upload.as_ref().map_or(Ok(()), |upload| self.hub.end_lines(upload).map_err(refusal))
    }

    fn count_upload(&mut self, done: &LinesPublished) {
        self.summary.published += done.published;
        self.summary.duplicates += done.duplicates;
        if let Some((first, last)) = &done.ends {
            self.summary.first_id.get_or_insert_with(|| first.position.to_string());
            self.summary.last_id = Some(last.position.to_string());
        }
    }

    fn count(&mut self, published: Vec<Published>) {
        for event in published {
            let id = event.position.to_string();
            if event.duplicate {
                self.summary.duplicates += 1;
            } else {
                self.summary.published += 1;
            }
            self.summary.first_id.get_or_insert_with(|| id.clone());
            self.summary.last_id = Some(id);
        }
    }
}
