//! `application/x-ndjson`: one event a line.

use std::{mem, str};

use bytes::{Bytes, BytesMut};
use http::Response;
use memchr::memchr;
use tokio::time::{Instant, timeout_at};

use super::{
    event::{not_utf8, one_event},
    json::{one_key, read},
    key,
    upload::Upload,
};
use crate::{
    base::turn,
    http::{
        access::Publisher,
        problem::Problem,
        request::{
            Request,
            body::{BYTE_ORDER_MARK, Room, slow},
        },
        response::ResponseBody,
    },
    store::Key,
};

pub(super) async fn publish(publisher: Publisher, request: &mut Request) -> Result<Response<ResponseBody>, Problem> {
    let key = key::of_request(&request.headers)?;
    let mut lines = Lines { upload: Upload::begin(publisher, key, "lines", "line").await? };
    let read = lines.read(request).await;
    let done = lines.upload.complete(read).await;
    lines.upload.respond(done)
}

struct Lines {
    upload: Upload,
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

impl Lines {
    async fn read(&mut self, request: &mut Request) -> Result<(), Problem> {
        let limit = one_event(&self.upload.hub().config().publish);
        let mut unfinished = Unfinished::new(request.body.room());
        while let Some(piece) = unfinished.next(request).await? {
            let mut rest = &*piece;
            while let Some(end) = memchr(b'\n', rest) {
                if unfinished.bytes.len() + end > limit.bytes {
                    return Err(limit.exceeded());
                }
                if unfinished.bytes.is_empty() {
                    self.parse(&rest[..end])?;
                } else {
                    self.parse(&unfinished.finish(&rest[..end]))?;
                }
                if self.upload.is_full() {
                    self.upload.flush().await?;
                    // a piece may have thousands of lines, and others have requests
                    turn::of_others().await;
                }
                self.upload.number += 1;
                rest = &rest[end + 1..];
            }
            self.upload.flush().await?;
            if unfinished.bytes.len() + rest.len() > limit.bytes {
                return Err(limit.exceeded());
            }
            unfinished.add(rest, request.body.deadline())?;
        }
        self.parse(&unfinished.bytes)
    }

    /// Parses a line, and adds it to those to publish.
    fn parse(&mut self, line: &[u8]) -> Result<(), Problem> {
        let text = str::from_utf8(line).map_err(|error| not_utf8("the line", &error))?;
        let text = if self.upload.number == 1 { text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text) } else { text };
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        let (draft, own_key) = read(text, &self.upload.hub().config().publish)?;
        one_key(self.upload.key.as_ref(), own_key.as_ref())?;
        let key = own_key.map(|text| Key::of_event(&draft, text));
        self.upload.push(draft, key, line.len())
    }
}
