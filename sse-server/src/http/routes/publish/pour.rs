//! `text/event-stream`: the events of another stream, published as they arrive.

use http::Response;
use memchr::memmem;
use sse_core::{BlockPart, Item, Limit, Limits, NotUtf8, Parser};
use sse_engine::{Draft, Topic};

use super::{
    event::{Wanted, event_name, one_event},
    key,
    one::end_topic,
    upload::Upload,
};
use crate::{
    base::turn,
    http::{
        access::Publisher,
        problem::Problem,
        request::{
            Request,
            body::{BodyLimit, Room},
        },
        response::ResponseBody,
    },
};

/// Publishes the events of the body to the topic of the path, or to those of the query. Their names and data are taken,
/// IDs and reconnection times are not.
pub(super) async fn publish(
    publisher: Publisher,
    topic: Option<Topic>,
    wanted: Wanted,
    request: &mut Request,
) -> Result<Response<ResponseBody>, Problem> {
    if wanted.alias.is_some() || wanted.name.is_some() {
        let which = if wanted.alias.is_some() { "alias" } else { "event" };
        let detail =
            format!("the parameter `{which}` is for one event; a stream's events say it themselves, or not at all");
        return Err(Problem::invalid(detail));
    }
    let ends = wanted.end;
    // each event is made of it; none of them is the last one, since it is not known which is
    let pattern = Wanted { end: false, ..wanted }.draft(topic, "".into())?;
    let key = key::of_request(&request.headers)?;
    let canonical = pattern.topic.clone();
    let hub = publisher.hub().clone();
    let mut pour = Pour::new(pattern, Upload::begin(publisher, key, "event stream", "event").await?);
    let read = pour.read(request).await;
    let Pour { mut upload, pattern, .. } = pour;
    // what came before a break is published, and then it is not the end
    let mut done = upload.complete(read).await;
    if ends && done.is_ok() {
        done = upload.check_publisher([&pattern].into_iter()).await;
    }
    if ends && done.is_ok() {
        done = end_topic(&hub, canonical, upload.may_be_repeat()).await.map(drop);
    }
    upload.ended(ends);
    upload.respond(done)
}

struct Pour {
    pattern: Draft,
    parser: Parser,
    upload: Upload,
}

/// What the parser may hold of an event that has not ended, counted towards the memory for all bodies.
struct Held {
    room: Room,
    bytes: usize,
    limit: BodyLimit,
}

impl Held {
    /// A piece was read, in which `items` events, comments and the like were whole.
    fn note(&mut self, piece: &[u8], items: usize) -> Result<(), Problem> {
        if items > 0 {
            self.room.release();
            self.bytes = 0;
        }
        self.bytes += if items > 0 { tail(piece) } else { piece.len() };
        // with the names of its fields, it is longer than its data
        if self.bytes > 2 * self.limit.bytes {
            return Err(self.limit.exceeded());
        }
        self.room.reserve_all(self.bytes)
    }
}

/// The bytes of `piece` behind its last blank line, or more.
fn tail(piece: &[u8]) -> usize {
    let last = |ends: &[u8]| memmem::rfind(piece, ends).map_or(0, |at| at + ends.len());
    piece.len() - last(b"\n\n").max(last(b"\n\r\n"))
}

impl Pour {
    fn new(pattern: Draft, upload: Upload) -> Self {
        let bytes = upload.hub().config().publish.max_event_bytes;
        // the line has the field's name besides
        let parser = Parser::with_limits(Limits::new(bytes + 6, bytes)).strict();
        Self { pattern, parser, upload }
    }

    async fn read(&mut self, request: &mut Request) -> Result<(), Problem> {
        let limit = one_event(&self.upload.hub().config().publish);
        let mut held = Held { room: request.body.room(), bytes: 0, limit };
        while let Some(piece) = request.body.next().await? {
            let mut items = 0;
            // a piece may have thousands of events, and others have requests
            for part in piece.chunks(PART) {
                items += self.parse(part)?;
                self.upload.flush().await?;
                turn::of_others().await;
            }
            held.note(&piece, items)?;
        }
        Ok(())
    }

    /// Adds the events that end in `piece` to those to publish, and returns how many items of the stream do.
    fn parse(&mut self, piece: &[u8]) -> Result<usize, Problem> {
        let Self { pattern, parser, upload } = self;
        let limit = one_event(&upload.hub().config().publish);
        let (mut items, mut refused) = (0, None);
        parser.feed(piece, |item| {
            items += 1;
            let draft = match item {
                _ if refused.is_some() => return,
                Item::Event(event) => {
                    event_name(event.name()).map(|name| Draft { name, data: event.data().into(), ..pattern.clone() })
                }
                Item::Dropped(Limit::Id) => Err(Problem::invalid("the event's ID is longer than 1024 bytes")),
                Item::Dropped(Limit::Name) => Err(Problem::invalid("the event's name is longer than 128 bytes")),
                Item::Dropped(_) => Err(limit.exceeded()),
                Item::NotUtf8(NotUtf8 { part, valid_up_to }) => {
                    let part = match part {
                        BlockPart::Name => "name",
                        BlockPart::Id => "ID",
                        _ => "data",
                    };
                    let detail = format!("the event's {part} is not UTF-8 from byte {valid_up_to} on; send UTF-8 text");
                    Err(Problem::invalid(detail))
                }
                _ => return,
            };
            match draft {
                Ok(draft) => {
                    let bytes = draft.weight();
                    match upload.push(draft, None, bytes) {
                        Ok(()) => upload.number += 1,
                        Err(problem) => refused = Some(problem),
                    }
                }
                Err(problem) => refused = Some(problem),
            }
        });
        refused.map_or(Ok(items), Err)
    }
}

/// The longest part of a piece that is parsed at once.
const PART: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_the_last_blank_line_is_held() {
        for (piece, held) in [("a", 1), ("a\n\nbc", 2), ("a\r\n\r\n", 0), ("\n\n\n\nabc\n", 4), ("", 0)] {
            assert_eq!(tail(piece.as_bytes()), held, "{piece:?}");
        }
    }
}
