//! Where a new stream begins, and whether something was lost before it.

use super::{
    Cursor, GroupId, Hub, Log, Millis, Position,
    cursor::{any_topic, first_after, lost},
};

/// Where a subscriber wants to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the head: only what is published from now on.
    Head,
    /// After a last event ID, whatever its text is.
    After(String),
    /// With the oldest event retained.
    Earliest,
    /// With the first event published at or after a time; asked for in these words.
    Since { time: Millis, asked: String },
}

/// How a stream begins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    /// The position through which the subscriber has been served.
    pub(crate) position: Position,
    pub(crate) gap: Option<Gap>,
}

/// Something that matches may have been lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) reason: Reason,
    /// What the subscriber asked for.
    pub(crate) requested: String,
    /// The first event that follows.
    pub(crate) first: Option<Position>,
    /// Just before it, or the head.
    pub(crate) position: Position,
}

/// Why a resume is not exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// A matching event after the position is no longer retained.
    Trimmed,
    /// The position is of another incarnation of the log.
    Epoch,
    /// The position is not one of this hub's, or beyond the head.
    Unknown,
    /// In the middle of a stream: the subscriber was too slow.
    Lagged,
}

impl Reason {
    /// The word for it on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Trimmed => "trimmed",
            Self::Epoch => "epoch",
            Self::Unknown => "unknown",
            Self::Lagged => "lagged",
        }
    }
}

impl Gap {
    pub(super) fn new(log: &Log, reason: Reason, requested: String, seq: u64, first: Option<u64>) -> Self {
        Self { reason, requested, first: first.map(|first| log.at(first)), position: log.at(seq) }
    }
}

/// Puts a member of a group at its start.
pub(super) fn place(hub: &mut Hub, group: GroupId, start: &Start) -> (Cursor, Opening) {
    let head = hub.log.head();
    match start {
        Start::Head => exact(hub, group, head),
        Start::Earliest => {
            let before = first_after(&hub.log, hub.groups.get(group), 0).map_or(head, |first| first - 1);
            exact(hub, group, before)
        }
        Start::After(id) => match place_of(&hub.log, id) {
            Err(reason) => gap(hub, group, reason, id, 0),
            Ok(seq) if lost(&hub.log, hub.groups.get_mut(group), seq, 0) => gap(hub, group, Reason::Trimmed, id, seq),
            Ok(seq) => exact(hub, group, seq),
        },
        Start::Since { time, asked } => {
            let seq = hub.log.before(*time);
            let selectors = &hub.groups.get(group).selectors;
            if any_topic(hub.log.topics(), selectors, |trimmed| trimmed.through > 0 && trimmed.time >= *time) {
                return gap(hub, group, Reason::Trimmed, asked, seq);
            }
            let before = first_after(&hub.log, hub.groups.get(group), seq).map_or(head, |first| first - 1);
            exact(hub, group, before)
        }
    }
}

/// The sequence number that an ID stands for.
fn place_of(log: &Log, id: &str) -> Result<u64, Reason> {
    match Position::parse(id) {
        Some(position) if position.epoch != log.epoch() => Err(Reason::Epoch),
        Some(position) if position.seq <= log.head() => Ok(position.seq),
        _ => Err(Reason::Unknown),
    }
}

fn exact(hub: &Hub, group: GroupId, seq: u64) -> (Cursor, Opening) {
    (Cursor::new(group, seq, hub.log.trims()), Opening { position: hub.log.at(seq), gap: None })
}

fn gap(hub: &Hub, group: GroupId, reason: Reason, requested: &str, after: u64) -> (Cursor, Opening) {
    let first = first_after(&hub.log, hub.groups.get(group), after);
    let seq = first.map_or(hub.log.head(), |first| first - 1);
    let gap = Gap::new(&hub.log, reason, requested.to_owned(), seq, first);
    (Cursor::new(group, seq, hub.log.trims()), Opening { position: gap.position, gap: Some(gap) })
}
