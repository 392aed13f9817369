//! Where a new stream begins, and whether something was lost before it.

use crate::{
    Cursor, Gap, GapReason, GroupId, Millis, Position, StoreRead,
    cursor::{any_topic, first_after, is_stored, lost},
    group::Group,
    window::Window,
};

/// Where a subscriber wants to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// At the head: only what is published from now on.
    Head,
    /// After a last event ID, whatever its text is.
    After(String),
    /// With the oldest event retained.
    Earliest,
    /// With the first event published at or after a time.
    Since {
        /// That time.
        time: Millis,
        /// The words in which it was asked for.
        asked: String,
        /// The last event before that time as the store knows it, where the window does not reach back so far.
        before: Option<u64>,
    },
}

/// Where a subscriber is put.
#[derive(Debug)]
pub enum Placement {
    /// Its place is known.
    Placed(Cursor, Opening),
    /// The first event that follows may be in the store: go on with [`Engine::placed`](crate::Engine::placed) when it is
    /// known whether there is one.
    NeedStore(Cursor, StoreRead, Pending),
}

impl Placement {
    /// The place, if it is known.
    pub fn placed(self) -> Option<(Cursor, Opening)> {
        match self {
            Self::Placed(cursor, opening) => Some((cursor, opening)),
            Self::NeedStore(..) => None,
        }
    }
}

/// An opening that lacks the first event that follows.
#[derive(Debug)]
pub struct Pending {
    after: u64,
    /// Why there is a gap, and what was asked for.
    gap: Option<(GapReason, String)>,
}

/// How a stream opens.
#[derive(Debug, PartialEq, Eq)]
pub struct Opening {
    /// The position through which the subscriber has been served.
    pub position: Position,
    /// What may have been lost before it.
    pub gap: Option<Gap>,
}

/// Puts a member of the group `id` at its start.
pub(crate) fn place(window: &Window, group: &Group, id: GroupId, start: &Start) -> Placement {
    let exact = |seq| {
        let opening = Opening { position: window.at(seq), gap: None };
        Placement::Placed(Cursor::new(id, seq, window.trims()), opening)
    };
    let begin = |after, gap| {
        let cursor = Cursor::new(id, after, window.trims());
        go_on(window, group, cursor, Pending { after, gap })
    };
    match start {
        Start::Head => exact(window.head()),
        Start::Earliest => begin(0, None),
        Start::After(text) => {
            let gap = |reason| Some((reason, text.clone()));
            match seq_of(window, text) {
                Err(reason) => begin(0, gap(reason)),
                Ok(seq) if window.hole(seq).is_some() => begin(seq, gap(GapReason::Lost)),
                Ok(seq) if lost(window, group, seq, 0) => begin(seq, gap(GapReason::Trimmed)),
                Ok(seq) => exact(seq),
            }
        }
        Start::Since { time, asked, before } => {
            let after = before.unwrap_or_else(|| window.before(*time));
            let trimmed =
                any_topic(window.topics(), &group.selectors, |trimmed| trimmed.through > 0 && trimmed.time >= *time);
            begin(after, trimmed.then(|| (GapReason::Trimmed, asked.clone())))
        }
    }
}

/// The sequence number that an ID stands for, or why it stands for none.
fn seq_of(window: &Window, id: &str) -> Result<u64, GapReason> {
    match Position::parse(id) {
        Some(position) if position.epoch() != window.epoch() => Err(GapReason::Epoch),
        Some(position) if position.seq() <= window.head() => Ok(position.seq()),
        _ => Err(GapReason::Unknown),
    }
}

/// Ends a placement, unless the first event that follows has to be looked up in the store.
fn go_on(window: &Window, group: &Group, mut cursor: Cursor, pending: Pending) -> Placement {
    let after = pending.after;
    if is_stored(window, group, after) {
        let read = StoreRead { selectors: group.selectors.clone(), after, until: window.evicted() };
        return Placement::NeedStore(cursor, read, pending);
    }
    let first = first_after(window, group, after);
    let opening = pending.end(window, &mut cursor, first);
    Placement::Placed(cursor, opening)
}

/// Goes on with the first event that the store has of what was to be read, or with how far it has none.
pub(crate) fn looked_up(
    window: &Window,
    group: &Group,
    mut cursor: Cursor,
    mut pending: Pending,
    first: Option<u64>,
    through: u64,
) -> Placement {
    if first.is_some() {
        let opening = pending.end(window, &mut cursor, first);
        return Placement::Placed(cursor, opening);
    }
    pending.after = pending.after.max(through);
    go_on(window, group, cursor, pending)
}

impl Pending {
    fn end(self, window: &Window, cursor: &mut Cursor, first: Option<u64>) -> Opening {
        let seq = first.map_or(window.head(), |first| first - 1);
        cursor.begin_at(seq);
        let gap = self.gap.map(|(reason, requested)| Gap::new(window, reason, requested, seq, first));
        Opening { position: window.at(seq), gap }
    }
}
