//! What a hub and its clients say to each other over Server-Sent Events: positions, the hub's own events, problem
//! details, and the names of all of it.
//!
//! A hub is a server that keeps its events in one log. Each event's ID is a [`Position`] in that log, so a client
//! resumes exactly where it was. The hub's own events tell a client how far it has been served ([`Cursor`]), where
//! events may be missing ([`Gap`]), that the stream is about to end ([`Drain`]), and that there is nothing more to come
//! ([`End`]). Each of them is one block, and no block that a hub writes lacks data: clients differ in what they do with
//! an ID or a reconnection time in a block without.
//!
//! ```
//! use core::time::Duration;
//! use sse_core::hub::{ControlEvent, Cursor, Epoch, GapReason, Position};
//!
//! let position = Position::new(Epoch::new(7), 41);
//! let mut wire = Vec::new();
//! Cursor::new().encode(position, Some(Duration::from_secs(2)), &mut wire);
//! assert_eq!(wire, b"event: sse-cursor\nid: 000000000007-00000000019\nretry: 2000\ndata: {}\n\n");
//!
//! let data = r#"{"reason":"trimmed","requested":"000000000007-00000000001","first":null}"#;
//! let Some(ControlEvent::Gap(gap)) = ControlEvent::decode("sse-gap", data) else { unreachable!() };
//! assert_eq!(gap.reason, GapReason::Trimmed);
//! ```
//!
//! Decoding is lenient, for a client may be older than its hub: a reason that it doesn't know is
//! [`GapReason::Other`], and a gap whose data doesn't read is a gap all the same.

pub mod names;

mod position;

mod control;
mod cursor;
mod drain;
mod end;
mod gap;

mod problem;

mod reason;
mod write;

pub use control::ControlEvent;
pub use cursor::Cursor;
pub use drain::{Drain, DrainReason};
pub use end::End;
pub use gap::{Gap, GapReason};
pub use position::{Epoch, Position};
pub use problem::Problem;

/// The heartbeat of a stream that asked for comments: an empty comment, and no blank line.
pub const COMMENT_HEARTBEAT: &[u8] = b":\n";
