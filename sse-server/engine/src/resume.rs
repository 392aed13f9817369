//! Where a new stream starts, and whether events were lost before it.

use crate::{
    Cursor, Gap, GapReason, GroupId, Kind, Millis, Position, Selection, Selectors, StoreRead, Topic,
    cursor::{View, is_intact, matching_after},
    group::Group,
    lasts::Lasts,
    looks::SLICE,
    topic_state::{Losses, TopicLoss, TopicState},
    window::Window,
};

/// Where a subscriber wants to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartPoint {
    /// At the head: only events published from now on.
    Head,
    /// After the event with this last event ID, which need not be valid.
    After(String),
    /// After the event with the sequence number `seq`, the first one that has this ID of its publisher's.
    Alias {
        /// The ID.
        asked: String,
        /// The event.
        seq: u64,
    },
    /// With the oldest retained event.
    Earliest,
    /// With the last event of each topic, then at the head.
    Last,
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
    /// The next event may be in the store: read the range, then call
    /// [`Engine::continue_start`](crate::Engine::continue_start) with what was found.
    ReadStore(Cursor, StoreRead, Pending),
    /// Not known yet: call [`Engine::continue_start`](crate::Engine::continue_start) after others have had their turn.
    Yield(Cursor, Pending),
}

impl Placement {
    /// The cursor of the subscriber.
    pub const fn cursor(&self) -> &Cursor {
        match self {
            Self::Placed(cursor, _) | Self::ReadStore(cursor, ..) | Self::Yield(cursor, _) => cursor,
        }
    }

    /// Where the subscriber starts, if that is known.
    pub fn placed(self) -> Option<(Cursor, Opening)> {
        match self {
            Self::Placed(cursor, opening) => Some((cursor, opening)),
            Self::ReadStore(..) | Self::Yield(..) => None,
        }
    }
}

/// What a store has in the range of a [`Placement::ReadStore`].
#[derive(Debug, Clone)]
pub enum StartFound {
    /// The first event, and its canonical topic.
    First(u64, Topic),
    /// There is none through this sequence number.
    NoneThrough(u64),
    /// There may have been one after this sequence number, which the store can't read any more. The cursor comes by it first,
    /// and tells.
    DamagedAfter(u64),
}

/// A placement that waits for the store, or for its turn.
#[derive(Debug)]
pub struct Pending {
    after: u64,
    /// The reason for a gap, and the position that was asked for.
    gap: Option<(GapReason, String)>,
    /// What has to be found out before it is known whether there is a gap.
    check: Option<Check>,
    survey: Option<Box<Survey>>,
    /// The last events with which the stream begins.
    lasts: Option<Box<Lasts>>,
}

impl Pending {
    /// Puts in order what was found so far; see [`Lasts::arrange`].
    pub fn arrange(&mut self) {
        if let Some(lasts) = &mut self.lasts {
            lasts.arrange();
        }
    }
}

/// Whether events were lost before a start.
#[derive(Debug)]
enum Check {
    /// After the event that was asked for by this ID. If nothing was lost, the subscriber starts exactly there.
    After(String),
    /// At or after a time, which was asked for in these words.
    Since(Millis, String),
}

impl Check {
    fn is_lost(&self, after: u64, loss: &TopicLoss) -> bool {
        match self {
            Self::After(_) => loss.affects(after, 0),
            Self::Since(time, _) => loss.through > 0 && loss.time >= *time,
        }
    }
}

/// A look at all topics that a group matches.
#[derive(Debug)]
struct Survey {
    /// Where the subscriber starts.
    after: u64,
    /// The last event when it began. Of later ones, some may have been missed.
    through: u64,
    selection: Selection,
    trimmed: bool,
    stored: bool,
    first: Option<u64>,
    /// Where the last slice ended.
    walk: Option<Walk>,
}

/// The way through the events of one topic to the first that the subscriber may read.
#[derive(Debug)]
struct Walk {
    topic: Topic,
    /// The kinds that are done.
    kinds: usize,
    /// Of the next kind, the events through this one are done.
    through: u64,
}

impl Survey {
    /// Goes on for a slice. Returns true if all topics have been looked at.
    fn go_on(&mut self, view: &View<'_>, group: &Group, check: Option<&Check>) -> bool {
        let after = self.after;
        let topics = view.window.topics();
        let sees_private = group.selectors.sees_private();
        let is_lost = |loss: &TopicLoss| check.is_some_and(|check| check.is_lost(after, loss));
        let is_lost = |losses: &Losses| losses.any(sees_private, is_lost);
        let mut looks = SLICE;
        if let Some(Walk { topic, kinds, through }) = self.walk.take()
            && let Some(id) = topics.id(&topic)
        {
            let state = topics.state(id);
            // events that were not looked at may have left the window since
            self.stored |= state.is_stored(after, sees_private);
            if !self.look(view, group, state, (kinds, through), &mut looks) {
                view.looks.count(SLICE);
                return false;
            }
        }
        let mut selection = std::mem::take(&mut self.selection);
        let mut names_left = SLICE;
        let over = topics.select(&group.selectors, &mut selection, &mut names_left, |state| {
            self.trimmed |= is_lost(&state.losses);
            self.stored |= state.is_stored(after, sees_private);
            self.look(view, group, state, (0, after), &mut looks)
        });
        view.looks.count(SLICE - names_left);
        view.looks.count(SLICE - looks);
        self.selection = selection;
        if over && group.selectors.topics_only().is_none_or(|mut names| names.any(|name| topics.id(name).is_none())) {
            // a topic may have been forgotten since
            self.trimmed |= is_lost(topics.floor());
        }
        over
    }

    /// Takes the first event of a topic that the subscriber may read, after the `kinds` that are done, and of the next one
    /// after `through`. Returns false if there are no `looks` left for it.
    fn look(
        &mut self,
        view: &View<'_>,
        group: &Group,
        state: &TopicState,
        (kinds, mut through): (usize, u64),
        looks: &mut usize,
    ) -> bool {
        let sees_private = group.selectors.sees_private();
        for (done, kind) in Kind::seen(sees_private).enumerate().skip(kinds) {
            let seqs = state.seqs.of(kind);
            let next = seqs.range(seqs.partition_point(|seq| *seq <= through)..);
            match view.window.first_readable(&group.selectors, kind.private, next, looks) {
                Ok(next) => self.first = self.first.into_iter().chain(next).min(),
                Err(seq) => {
                    self.walk = Some(Walk { topic: state.topic.clone(), kinds: done, through: seq - 1 });
                    return false;
                }
            }
            through = self.after;
        }
        true
    }
}

/// How a stream opens.
#[derive(Debug, PartialEq, Eq)]
pub struct Opening {
    /// The position through which the subscriber has been served.
    pub position: Position,
    /// The gap before that position, if there is one.
    pub gap: Option<Gap>,
    /// The last events with which the stream begins, before it goes on where it would have begun.
    pub lasts: Option<Box<Lasts>>,
}

/// Places a member of the group `id` at `start`.
pub(crate) fn start(view: &View<'_>, id: GroupId, start: &StartPoint) -> Placement {
    let window = view.window;
    let mut pending = Pending { after: 0, gap: None, check: None, survey: None, lasts: None };
    if let Some(Asked { text, after, gap }) = Asked::of(window, &view.groups.get(id).selectors, start) {
        pending.after = after;
        match gap {
            Some(reason) => pending.gap = Some((reason, text.to_owned())),
            None => pending.check = Some(Check::After(text.to_owned())),
        }
    }
    match start {
        StartPoint::Earliest | StartPoint::After(_) | StartPoint::Alias { .. } => {}
        // after all that is assigned: what is hidden was published before the subscriber came
        StartPoint::Head => return exact(window, Cursor::new(id, window.head(), window.generation())),
        // what is hidden comes live, after these
        StartPoint::Last => pending.lasts = Some(Box::new(Lasts::new(window.shown(), view.portion_bytes))),
        StartPoint::Since { time, asked, before } => {
            pending.after = before.unwrap_or_else(|| window.before(*time));
            pending.check = Some(Check::Since(*time, asked.clone()));
        }
    }
    go_on(view, Cursor::new(id, pending.after, window.generation()), pending)
}

/// Continues a placement, with what was found in the store if that was read.
pub(crate) fn continue_start(
    view: &View<'_>,
    mut cursor: Cursor,
    mut pending: Pending,
    found: Option<StartFound>,
) -> Placement {
    match found {
        Some(StartFound::First(first, topic)) => {
            let topics = view.window.topics();
            // a topic that is forgotten has no events
            if topics.id(&topic).is_none_or(|id| topics.state(id).has_trimmed(first)) {
                // the store has announced the trim, and does it in a moment
                pending.after = first;
                return go_on(view, cursor, pending);
            }
            let opening = pending.open(view.window, &mut cursor, Some(first), first);
            Placement::Placed(cursor, opening)
        }
        Some(StartFound::NoneThrough(through)) => {
            pending.after = pending.after.max(through);
            go_on(view, cursor, pending)
        }
        Some(StartFound::DamagedAfter(seq)) => {
            let opening = pending.open(view.window, &mut cursor, Some(seq + 1), seq);
            Placement::Placed(cursor, opening)
        }
        None => go_on(view, cursor, pending),
    }
}

/// The subscriber starts where its cursor is.
fn exact(window: &Window, cursor: Cursor) -> Placement {
    let opening = Opening { position: window.at(cursor.seq()), gap: None, lasts: None };
    Placement::Placed(cursor, opening)
}

/// The event after which a subscriber wants to start.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// How it asked for it.
    text: &'a str,
    /// The event; 0 if it is not known here.
    pub(crate) after: u64,
    /// Why the stream can't start exactly there, as far as the event alone tells.
    pub(crate) gap: Option<GapReason>,
}

impl<'a> Asked<'a> {
    /// What a subscriber with `selectors` asks for that starts at `start`; `None` if that is no event.
    pub(crate) fn of(window: &Window, selectors: &Selectors, start: &'a StartPoint) -> Option<Self> {
        let (text, seq) = match start {
            StartPoint::After(text) => (text, seq_of(window, selectors, text)),
            StartPoint::Alias { asked, seq } => (asked, Ok(*seq)),
            StartPoint::Head | StartPoint::Earliest | StartPoint::Last | StartPoint::Since { .. } => return None,
        };
        Some(match seq {
            Ok(after) => Self { text, after, gap: window.hole(after).map(|_| GapReason::Lost) },
            Err(reason) => Self { text, after: 0, gap: Some(reason) },
        })
    }
}

/// The sequence number of an event ID for a subscriber with `selectors`, or the reason why it has none here.
fn seq_of(window: &Window, selectors: &Selectors, text: &str) -> Result<u64, GapReason> {
    match Position::parse(text) {
        Some(position) if position.epoch() != window.epoch() => Err(GapReason::Epoch),
        Some(position) if position.seq() <= window.head() => Ok(position.seq()),
        Some(_) => Err(GapReason::Unknown),
        None => window.aliased(text, selectors).ok_or(GapReason::Unknown),
    }
}

/// Goes on with a placement as far as one slice allows.
fn go_on(view: &View<'_>, mut cursor: Cursor, mut pending: Pending) -> Placement {
    let View { window, groups, .. } = *view;
    let group = groups.get(cursor.group());
    if let Some(mut lasts) = pending.lasts.take() {
        if !lasts.search(view, group) {
            pending.lasts = Some(lasts);
            return Placement::Yield(cursor, pending);
        }
        cursor.set_seq(lasts.first().map_or(lasts.through(), |first| first - 1));
        let opening = Opening { position: window.at(cursor.seq()), gap: None, lasts: Some(lasts) };
        return Placement::Placed(cursor, opening);
    }
    let after = pending.after;
    // a group doesn't know of hidden events, which may be trimmed already
    let is_known = window.shown() == window.head();
    if let Some(Check::After(_)) = pending.check
        && (window.lost_through() <= after || is_known && is_intact(view, group, after))
    {
        return exact(window, cursor);
    }
    let is_in_window = after >= window.evicted() || is_known && group.has_all(after, window.start());
    if pending.check.is_none() && is_in_window && pending.survey.is_none() {
        // where matches are dense, the next one is near
        let near = matching_after(view, group, after, 1);
        let first = near.frames.first().map(|frame| frame.seq);
        if first.is_some() || near.through == window.shown() {
            let opening = pending.open(window, &mut cursor, first, near.through);
            return Placement::Placed(cursor, opening);
        }
    }
    let mut survey = pending.survey.take().unwrap_or_else(|| {
        Box::new(Survey {
            after,
            through: window.head(),
            selection: Selection::default(),
            trimmed: false,
            stored: false,
            first: None,
            walk: None,
        })
    });
    if !survey.go_on(view, group, pending.check.as_ref()) {
        pending.survey = Some(survey);
        return Placement::Yield(cursor, pending);
    }
    match pending.check.take() {
        Some(Check::After(_)) if !survey.trimmed => return exact(window, cursor),
        Some(Check::After(asked) | Check::Since(_, asked)) if survey.trimmed => {
            pending.gap = Some((GapReason::Trimmed, asked));
        }
        _ => {}
    }
    if survey.stored && !is_in_window {
        let read = StoreRead { selectors: group.selectors.clone(), after, through: window.evicted(), only: Vec::new() };
        return Placement::ReadStore(cursor, read, pending);
    }
    let first = survey.first.filter(|first| *first <= survey.through);
    let opening = pending.open(window, &mut cursor, first, survey.through);
    Placement::Placed(cursor, opening)
}

impl Pending {
    /// Returns true if the stream opens with a gap, as far as is known.
    pub const fn has_gap(&self) -> bool {
        self.gap.is_some()
    }

    /// The subscriber starts before `first`, or after `through` if there is no such event.
    fn open(self, window: &Window, cursor: &mut Cursor, first: Option<u64>, through: u64) -> Opening {
        let seq = match first {
            // The subscriber looks by itself what was trimmed while its start was looked for.
            _ if self.gap.is_none() && window.generation() > cursor.progress().generation_seen() => self.after,
            Some(first) => first - 1,
            None => through.max(self.after),
        };
        cursor.set_seq(seq);
        let gap =
            self.gap.map(|(reason, requested)| Gap::new(reason, requested, first.map(|first| window.at(first).id())));
        Opening { position: window.at(seq), gap, lasts: None }
    }
}
