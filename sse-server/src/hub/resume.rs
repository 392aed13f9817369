//! Where a new stream begins, and whether something was lost before it.

use super::{
    Cursor, GapReason, GroupId, Hub, Log, Millis, Position, Span,
    cursor::{any_topic, first_after, is_stored, lost},
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
    /// With the first event published at or after a time; asked for in these words. If the window does not reach back to
    /// it, the last event before it was looked up in the store.
    Since { time: Millis, asked: String, before: Option<u64> },
}

/// Where a subscriber begins, as far as it is known without the store.
#[derive(Debug)]
pub(crate) enum Placed {
    Known(Cursor, Opening),
    /// The first event that follows may be in the store: it is the first of this span, if there is one.
    Open(Cursor, Span, Beginning),
}

/// A beginning that lacks the first event that follows.
#[derive(Debug)]
pub(crate) struct Beginning {
    after: u64,
    /// Why there is a gap, and what was asked for.
    gap: Option<(GapReason, String)>,
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
    pub(crate) reason: GapReason,
    /// What the subscriber asked for.
    pub(crate) requested: String,
    /// The first event that follows.
    pub(crate) first: Option<Position>,
    /// Just before it, or the head.
    pub(crate) position: Position,
}

impl Gap {
    pub(super) fn new(log: &Log, reason: GapReason, requested: String, seq: u64, first: Option<u64>) -> Self {
        Self { reason, requested, first: first.map(|first| log.at(first)), position: log.at(seq) }
    }
}

/// Puts a member of a group at its start.
pub(super) fn place(hub: &mut Hub, group: GroupId, start: &Start) -> Placed {
    match start {
        Start::Head => exact(hub, group, hub.log.head()),
        Start::Earliest => begin(hub, group, Beginning { after: 0, gap: None }),
        Start::After(id) => {
            let gap = |reason, after| Beginning { after, gap: Some((reason, id.clone())) };
            match place_of(&hub.log, id) {
                Err(reason) => begin(hub, group, gap(reason, 0)),
                Ok(seq) if hub.log.hole(seq).is_some() => begin(hub, group, gap(GapReason::Lost, seq)),
                Ok(seq) if lost(&hub.log, hub.groups.get_mut(group), seq, 0) => {
                    begin(hub, group, gap(GapReason::Trimmed, seq))
                }
                Ok(seq) => exact(hub, group, seq),
            }
        }
        Start::Since { time, asked, before } => {
            let after = before.unwrap_or_else(|| hub.log.before(*time));
            let selectors = &hub.groups.get(group).selectors;
            let trimmed =
                any_topic(hub.log.topics(), selectors, |trimmed| trimmed.through > 0 && trimmed.time >= *time);
            let gap = trimmed.then(|| (GapReason::Trimmed, asked.clone()));
            begin(hub, group, Beginning { after, gap })
        }
    }
}

/// The sequence number that an ID stands for.
fn place_of(log: &Log, id: &str) -> Result<u64, GapReason> {
    match Position::parse(id) {
        Some(position) if position.epoch() != log.epoch() => Err(GapReason::Epoch),
        Some(position) if position.seq() <= log.head() => Ok(position.seq()),
        _ => Err(GapReason::Unknown),
    }
}

fn exact(hub: &Hub, group: GroupId, seq: u64) -> Placed {
    Placed::Known(Cursor::new(group, seq, hub.log.trims()), Opening { position: hub.log.at(seq), gap: None })
}

fn begin(hub: &mut Hub, group: GroupId, beginning: Beginning) -> Placed {
    let cursor = Cursor::new(group, beginning.after, hub.log.trims());
    go_on(hub, cursor, beginning)
}

/// Ends a beginning, unless the first event that follows has to be looked up in the store.
fn go_on(hub: &mut Hub, mut cursor: Cursor, beginning: Beginning) -> Placed {
    let (group, after) = (cursor.group(), beginning.after);
    if is_stored(&hub.log, hub.groups.get_mut(group), after) {
        let selectors = hub.groups.get(group).selectors.clone();
        return Placed::Open(cursor, Span { selectors, after, until: hub.log.evicted() }, beginning);
    }
    let first = first_after(&hub.log, hub.groups.get(group), after);
    let opening = beginning.end(&hub.log, &mut cursor, first);
    Placed::Known(cursor, opening)
}

/// Goes on with the first event of the span, if the store has one, or with how far it has none.
pub(super) fn looked_up(
    hub: &mut Hub,
    mut cursor: Cursor,
    mut beginning: Beginning,
    first: Option<u64>,
    through: u64,
) -> Placed {
    if first.is_some() {
        let opening = beginning.end(&hub.log, &mut cursor, first);
        return Placed::Known(cursor, opening);
    }
    beginning.after = beginning.after.max(through);
    go_on(hub, cursor, beginning)
}

impl Beginning {
    fn end(self, log: &Log, cursor: &mut Cursor, first: Option<u64>) -> Opening {
        let seq = first.map_or(log.head(), |first| first - 1);
        cursor.begin_at(seq);
        let gap = self.gap.map(|(reason, requested)| Gap::new(log, reason, requested, seq, first));
        Opening { position: log.at(seq), gap }
    }
}
