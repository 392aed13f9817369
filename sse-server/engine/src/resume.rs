//! Where a new stream starts, and whether events were lost before it.

use crate::{
    Cursor, Gap, GapReason, GroupId, Millis, Position, StoreRead,
    cursor::{any_topic, first_after, is_stored, lost},
    group::Group,
    window::Window,
};

/// Where a subscriber wants to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// At the head: only events published from now on.
    Head,
    /// After the event with this last event ID, which need not be valid.
    After(String),
    /// With the oldest retained event.
    Earliest,
    /// With the first event published at or after a time.
    Since {
        /// The time.
        time: Millis,
        /// The time as the client wrote it.
        asked: String,
        /// The last event before that time according to the store, if the window does not reach back that far.
        before: Option<u64>,
    },
}

/// Where a subscriber is placed.
#[derive(Debug)]
pub enum Placement {
    /// Where the subscriber starts is known.
    Placed(Cursor, Opening),
    /// The next event may be in the store: read the range, then call [`Engine::continue_start`](crate::Engine::continue_start).
    NeedStore(Cursor, StoreRead, Pending),
}

impl Placement {
    /// Where the subscriber starts, if that is known.
    pub fn placed(self) -> Option<(Cursor, Opening)> {
        match self {
            Self::Placed(cursor, opening) => Some((cursor, opening)),
            Self::NeedStore(..) => None,
        }
    }
}

/// A placement that waits for the store.
#[derive(Debug)]
pub struct Pending {
    after: u64,
    /// The reason for a gap, and the position that was asked for.
    gap: Option<(GapReason, String)>,
}

/// How a stream opens.
#[derive(Debug, PartialEq, Eq)]
pub struct Opening {
    /// The position through which the subscriber has been served.
    pub position: Position,
    /// The gap before that position, if there is one.
    pub gap: Option<Gap>,
}

/// Places a member of the group `id` at `start`.
pub(crate) fn start(window: &Window, group: &Group, id: GroupId, start: &Start) -> Placement {
    let exact = |seq| {
        let opening = Opening { position: window.at(seq), gap: None };
        Placement::Placed(Cursor::new(id, seq, window.trims()), opening)
    };
    let begin = |after, gap| {
        let cursor = Cursor::new(id, after, window.trims());
        complete(window, group, cursor, Pending { after, gap })
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

/// The sequence number of an event ID, or the reason why it has none here.
fn seq_of(window: &Window, id: &str) -> Result<u64, GapReason> {
    match Position::parse(id) {
        Some(position) if position.epoch() != window.epoch() => Err(GapReason::Epoch),
        Some(position) if position.seq() <= window.head() => Ok(position.seq()),
        _ => Err(GapReason::Unknown),
    }
}

/// Completes a placement, unless the next event has to be looked up in the store.
fn complete(window: &Window, group: &Group, mut cursor: Cursor, pending: Pending) -> Placement {
    let after = pending.after;
    if is_stored(window, group, after) {
        let read = StoreRead { selectors: group.selectors.clone(), after, until: window.evicted() };
        return Placement::NeedStore(cursor, read, pending);
    }
    let first = first_after(window, group, after);
    let opening = pending.open(window, &mut cursor, first);
    Placement::Placed(cursor, opening)
}

/// Completes a placement with the first event that the store has in the range, or the sequence number through which it
/// has none.
pub(crate) fn continue_start(
    window: &Window,
    group: &Group,
    mut cursor: Cursor,
    mut pending: Pending,
    first: Option<u64>,
    through: u64,
) -> Placement {
    if first.is_some() {
        let opening = pending.open(window, &mut cursor, first);
        return Placement::Placed(cursor, opening);
    }
    pending.after = pending.after.max(through);
    complete(window, group, cursor, pending)
}

impl Pending {
    /// Returns true if the stream opens with a gap.
    pub const fn has_gap(&self) -> bool {
        self.gap.is_some()
    }

    fn open(self, window: &Window, cursor: &mut Cursor, first: Option<u64>) -> Opening {
        let seq = first.map_or(window.head(), |first| first - 1);
        cursor.set_seq(seq);
        let gap =
            self.gap.map(|(reason, requested)| Gap::new(reason, requested, first.map(|first| window.at(first).id())));
        Opening { position: window.at(seq), gap }
    }
}
