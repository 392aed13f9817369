//! The hub without IO: one log, groups of subscribers, cursors, and the life of a stream.
//!
//! Plain data and functions. Nothing here knows a socket, a task, a channel or a clock: whoever drives it brings the
//! time and the randomness, and does the waking. Everything that a subscriber receives is read from the [`Window`]
//! through its [`Cursor`], so live delivery and replay are the same code.
//!
//! ```text
//! Draft ── Engine::append ──▶ Window ──▶ groups that match ──▶ Cursor ──▶ Session ──▶ bytes to write
//! ```
//!
//! ```
//! use sse_engine::{Bounds, Draft, Engine, Epoch, Selector, Selectors, StartPoint, Step, Topic};
//!
//! let mut engine = Engine::new(Epoch::new(1), Bounds::default());
//! let selectors = Selectors::new(vec![Selector::new("news/*")?], false);
//! let placement = engine.subscribe(selectors, &StartPoint::Head).expect("there is room for a group");
//! let mut cursor = placement.placed().expect("no store is needed").0;
//!
//! engine.publish(1, 0, &Draft::text(Topic::new("news/local")?, "hello"), &mut Vec::new())?;
//! assert!(matches!(engine.next(&mut cursor, 1000, 0), Step::Events { count: 1, .. }));
//! assert_eq!(engine.next(&mut cursor, 1000, 0), Step::CaughtUp);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// in the order in which data passes them: each imports from the blocks above, and within its block without a circle
mod bounds;
mod ids;
mod looks;
mod order;
mod portion;
mod stream_name;

mod matcher;
mod selector;
mod topic;

mod alias;
mod draft;
mod retained;

mod aliases;
mod by_size;
mod chunk;
mod envelopes;
mod frame;
mod topic_state;
mod topics;
mod window;

mod group;
mod group_list;
mod hidden;
mod interest;
mod pattern;

mod cursor;
mod lasts;
mod resume;

mod session;
mod wire;

mod engine;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

pub use alias::Alias;
pub use bounds::{Bounds, Full, LagPolicy, MAX_ALIASED, MAX_PATTERN_SEGMENTS};
pub use by_size::BySize;
pub use chunk::{Chunk, Write};
pub use cursor::{Cursor, EncodedPage, Progress, Step, StoreRead};
pub use draft::{Draft, MAX_TOPICS, Name, data_of};
pub use engine::Engine;
pub use frame::{decode, encode};
pub use ids::{GroupId, Millis, millis};
pub use lasts::Lasts;
pub use looks::MAX_LOOKS;
pub use matcher::{Matcher, Selection};
pub use order::OutOfOrder;
pub use resume::{Opening, Pending, Placement, StartFound, StartPoint};
pub use retained::{Hole, Kind, Loss, Retained, Stock, StoredHead, StoredTopic, Trim};
pub use selector::{Pattern, Selector, Selectors};
pub use session::{
    Action, Control, ControlKind, Driver, Failed, Session, StreamEnd, Surroundings, Timing, WRITE_BYTES,
    reconnection_time,
};
pub use sse_core::hub::{DrainReason, Epoch, Gap, GapReason, Position};
pub use stream_name::{NotAStreamName, StreamName};
pub use topic::{Topic, TopicError};
pub use topics::TopicInfo;
pub use window::Window;
pub use wire::turned_away;
