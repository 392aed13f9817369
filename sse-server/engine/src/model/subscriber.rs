//! Subscribers of the model: where they start, and what each step may bring.

use std::collections::BTreeSet;

use proptest::prelude::*;

use sse_core::EventId;

use super::{
    Model, Published, ids,
    ops::{From, TOPICS},
};
use crate::*;

/// A subscriber of the engine, and the model's account of it.
pub(super) struct Subscriber {
    pub(super) selectors: Selectors,
    pub(super) cursor: Cursor,
    /// The model's own account of the subscriber's position, and of the trims reported to it.
    pub(super) seq: u64,
    pub(super) trims_seen: u64,
    /// It has caught up, and its group has not matched since.
    pub(super) waits: bool,
}

impl Model {
    pub(super) fn subscribe(&mut self, selectors: &[&str], grants: &[&str], start: From) -> Result<(), TestCaseError> {
        let all = |texts: &[&str]| texts.iter().map(|text| Selector::new(text).unwrap()).collect();
        let selectors = Selectors::new(all(selectors), false).with_grants(all(grants));
        let id = |seq| self.engine.window().at(seq).to_string();
        let (start, expect) = match start {
            From::Head => (StartPoint::Head, Ok(self.head())),
            From::Back(back) => {
                let seq = self.head().saturating_sub(back);
                (StartPoint::After(id(seq)), Ok(seq))
            }
            From::Earliest => (StartPoint::Earliest, Ok(self.before_first(&selectors, 0))),
            From::Since(back) => {
                let time = self.time.saturating_sub(back);
                let lost = self
                    .events
                    .iter()
                    .any(|event| is_seen(&selectors, event) && event.trimmed.is_some() && event.time >= time);
                let seq =
                    self.events.iter().find(|event| event.time >= time).map_or(self.head(), |event| event.seq - 1);
                let before = self.before_first(&selectors, seq);
                let expect = if lost { Err((GapReason::Trimmed, seq)) } else { Ok(before) };
                // as a store would find it
                let before = (!self.engine.reaches_back_to(time)).then_some(seq);
                (StartPoint::Since { time, asked: "since".into(), before }, expect)
            }
            From::Last => {
                let expect = self.lasts(&selectors).first().map_or(self.shown(), |first| first - 1);
                (StartPoint::Last, Ok(expect))
            }
            From::Alias(alias) => match self.aliased(alias, &selectors) {
                Some(seq) if self.backed => (StartPoint::Alias { asked: alias.into(), seq }, Ok(seq)),
                Some(seq) => (StartPoint::After(alias.into()), Ok(seq)),
                // the window may have another one, which is not the first
                None if self.engine.window().aliased(alias, &selectors).is_some() && self.backed => return Ok(()),
                None => (StartPoint::After(alias.into()), Err((GapReason::Unknown, 0))),
            },
            From::Garbage => (StartPoint::After("né".into()), Err((GapReason::Unknown, 0))),
            From::OtherEpoch => {
                let id = Position::new(Epoch::new(2), self.head()).to_string();
                (StartPoint::After(id), Err((GapReason::Epoch, 0)))
            }
        };
        self.subscribe_at(selectors, &start, expect)
    }

    /// For each topic that a subscriber selects, the last event that it may read.
    fn lasts(&self, selectors: &Selectors) -> BTreeSet<u64> {
        let shown = self.shown();
        let topics = TOPICS.into_iter().map(|text| Topic::new(text).unwrap()).filter(|topic| selectors.matches(topic));
        let last = |topic: Topic| {
            let of_topic = |event: &&Published| {
                let draft = &event.draft;
                event.trimmed.is_none()
                    && event.seq <= shown
                    && draft.topics().any(|one| *one == topic)
                    && selectors.may_read(draft.topics(), draft.private)
            };
            self.events.iter().rfind(of_topic).map(|event| event.seq)
        };
        topics.filter_map(last).collect()
    }

    /// The first retained event with this ID of its publisher's, if the subscriber may read it.
    fn aliased(&self, alias: &str, selectors: &Selectors) -> Option<u64> {
        let has_it = |event: &&Published| event.draft.alias.as_ref().is_some_and(|one| one.as_str() == alias);
        let may_read = |event: &&Published| selectors.may_read(event.draft.topics(), event.draft.private);
        let retained = self.events.iter().filter(|event| event.trimmed.is_none());
        retained.filter(has_it).find(may_read).map(|event| event.seq)
    }

    /// Returns true if nothing can come any more for a subscriber that has been served through `seq`.
    pub(super) fn has_ended(&self, selectors: &Selectors, seq: u64) -> bool {
        let has_ended = |topic: &Topic| self.end_of(topic).is_some_and(|end| end <= seq);
        selectors.topics_only().is_some_and(|mut topics| topics.all(has_ended))
    }

    /// Returns true if there may be a gap though nothing was lost that the subscriber could have had: of private events it
    /// is not known who had a grant for them.
    fn may_be_lost(&self, selectors: &Selectors, seq: u64) -> bool {
        let sees_private = selectors.sees_private();
        self.forgetful
            || sees_private
                && self.events.iter().any(|event| {
                    event.seq > seq
                        && event.draft.private
                        && event.trimmed.is_some()
                        && event.draft.topics().any(|topic| selectors.matches(topic))
                })
    }

    /// The position just before the first matching retained event after `seq`, or the head.
    fn before_first(&self, selectors: &Selectors, seq: u64) -> u64 {
        self.retained(selectors, seq).first().map_or(self.head(), |first| first - 1)
    }

    pub(super) fn retained(&self, selectors: &Selectors, seq: u64) -> Vec<u64> {
        let wanted = |event: &&Published| event.seq > seq && event.trimmed.is_none() && is_seen(selectors, event);
        self.events.iter().filter(wanted).map(|event| event.seq).collect()
    }

    fn topic_of(&self, seq: u64) -> Topic {
        self.events.iter().find(|event| event.seq == seq).unwrap().draft.topic.clone()
    }

    fn lost(&self, selectors: &Selectors, seq: u64, trims_seen: u64) -> bool {
        self.lost_through(selectors, seq, trims_seen, u64::MAX)
    }

    fn lost_through(&self, selectors: &Selectors, seq: u64, trims_seen: u64, through: u64) -> bool {
        self.events.iter().any(|event| {
            event.seq > seq
                && event.seq <= through
                && event.trimmed.is_some_and(|trim| trim > trims_seen)
                && is_seen(selectors, event)
        })
    }

    /// Adds a subscriber, and checks how its stream opens. `expect` is its position, or the reason for a gap.
    pub(super) fn subscribe_at(
        &mut self,
        selectors: Selectors,
        start: &StartPoint,
        expect: Result<u64, (GapReason, u64)>,
    ) -> Result<(), TestCaseError> {
        let expect = match (start, expect) {
            (StartPoint::After(_) | StartPoint::Alias { .. }, Ok(seq)) if self.lost(&selectors, seq, 0) => {
                Err((GapReason::Trimmed, seq))
            }
            (_, expect) => expect,
        };
        if let (StartPoint::After(_) | StartPoint::Alias { .. }, Ok(seq)) = (start, expect) {
            prop_assert_eq!(self.engine.has_ended(&selectors, start), self.has_ended(&selectors, seq));
        }
        let mut placed = self.engine.subscribe(selectors.clone(), start).unwrap();
        let (cursor, opening) = loop {
            match placed {
                Placement::Placed(cursor, opening) => break (cursor, opening),
                Placement::ReadStore(cursor, span, pending) => {
                    prop_assert!(self.backed);
                    let first = self.retained(&span.selectors, span.after).first().copied();
                    let first = first.filter(|first| *first <= span.through).map(|first| (first, self.topic_of(first)));
                    let none = StartFound::NoneThrough(span.through);
                    let found = first.map_or(none, |(first, topic)| StartFound::First(first, topic));
                    placed = self.engine.continue_start(cursor, pending, Some(found));
                }
                Placement::Yield(cursor, pending) => placed = self.engine.continue_start(cursor, pending, None),
            }
        };
        let seq = match (expect, &opening.gap) {
            (Ok(seq), None) => seq,
            (Ok(_), Some(gap)) if gap.reason == GapReason::Trimmed && self.may_be_lost(&selectors, 0) => {
                opening.position.seq()
            }
            (Ok(_), Some(gap)) => {
                return Err(TestCaseError::fail(format!("a gap where nothing was lost: {gap:?}")));
            }
            (Err((reason, after)), Some(gap)) => {
                let first = self.retained(&selectors, after).first().copied();
                prop_assert_eq!(gap.reason, reason);
                let told = seq_of(gap.first.as_ref());
                prop_assert!(told == first || told.is_none() && first > Some(self.shown()));
                self.before_first(&selectors, after)
            }
            (Err((reason, _)), None) => {
                return Err(TestCaseError::fail(format!("no gap, but {reason:?}")));
            }
        };
        let starts = cursor.seq();
        prop_assert_eq!(opening.position.seq(), starts);
        if let Some(lasts) = opening.lasts {
            prop_assert!(starts == seq || !self.knows_lasts(&selectors));
            return self.take_lasts(selectors, cursor, *lasts);
        }
        // while there are hidden events, a stream may begin before them
        let hidden = starts < seq
            && starts >= self.shown()
            && self.retained(&selectors, starts) == self.retained(&selectors, seq);
        prop_assert!(starts == seq || hidden, "it starts at {starts} instead of {seq}");
        let seq = starts;
        self.subscribers.push(Subscriber { selectors, cursor, seq, trims_seen: self.trims, waits: false });
        Ok(())
    }

    /// Returns true if the engine knows all last events: the store has to be asked who may read them, and what came before
    /// a hidden one, which comes next.
    fn knows_lasts(&self, selectors: &Selectors) -> bool {
        !self.backed || !selectors.sees_private() && self.head() == self.shown()
    }

    /// Takes the last event of each topic.
    fn take_lasts(&mut self, selectors: Selectors, mut cursor: Cursor, mut lasts: Lasts) -> Result<(), TestCaseError> {
        let expect = self.lasts(&selectors);
        let mut seen = Vec::new();
        loop {
            let mut step = self.engine.next_lasts(&mut cursor, &mut lasts, 100);
            if let Step::ReadStore(read) = step {
                prop_assert!(self.backed);
                let wanted = |event: &&Published| {
                    read.only.contains(&event.seq)
                        && event.trimmed.is_none()
                        && selectors.may_read(event.draft.topics(), event.draft.private)
                };
                let events: Vec<_> = self.events.iter().filter(wanted).collect();
                step = cursor.accept_lasts(&mut lasts, self.page(&events, read.through));
            }
            match step {
                Step::Yield => {}
                Step::CaughtUp => break,
                Step::Events { events, count } => {
                    let of_step = ids(&events.payload());
                    prop_assert_eq!(of_step.len(), count);
                    seen.extend(of_step);
                }
                other => return Err(TestCaseError::fail(format!("among the last events: {other:?}"))),
            }
        }
        prop_assert!(seen.is_sorted_by(|a, b| a < b), "in order of the log, each once");
        if self.knows_lasts(&selectors) {
            prop_assert_eq!(&seen, &expect.into_iter().collect::<Vec<_>>());
        } else {
            let all = self.retained(&selectors, 0);
            prop_assert!(seen.iter().all(|seq| all.contains(seq)));
        }
        let seq = cursor.seq();
        prop_assert_eq!(seq, self.shown());
        self.subscribers.push(Subscriber { selectors, cursor, seq, trims_seen: self.trims, waits: false });
        Ok(())
    }

    fn page(&self, events: &[&Published], through: u64) -> EncodedPage {
        let encoded = events.iter().map(|event| encode(self.engine.window().at(event.seq), &event.draft, false));
        let write = (!events.is_empty()).then(|| (Write::of(encoded.collect()), events.len()));
        EncodedPage { write, first: events.first().map(|event| (event.seq, event.time)), through, damaged: false }
    }

    /// Takes one step, and returns false if the stream ended.
    pub(super) fn poll(&mut self, subscriber: &mut Subscriber, room: usize) -> Result<bool, TestCaseError> {
        let shown = self.shown();
        let may_be_lost = self.lost(&subscriber.selectors, subscriber.seq, subscriber.trims_seen);
        // a hidden event that was trimmed is lost as soon as it would have been shown
        let lost =
            may_be_lost && self.lost_through(&subscriber.selectors, subscriber.seq, subscriber.trims_seen, shown);
        let mut expect = self.retained(&subscriber.selectors, subscriber.seq);
        expect.retain(|seq| *seq <= shown);
        let may_gap = may_be_lost || self.may_be_lost(&subscriber.selectors, subscriber.seq);
        let mut step = self.engine.next(&mut subscriber.cursor, room, self.time);
        if let Step::ReadStore(span) = step {
            prop_assert!(self.backed && span.after == subscriber.seq);
            let found = self.find(&span, room);
            step = self.engine.accept_page(&mut subscriber.cursor, found, self.time);
        }
        match step {
            Step::Ended(topics) => {
                prop_assert!(!lost && expect.is_empty(), "an end before {expect:?} or a loss");
                prop_assert!(self.has_ended(&subscriber.selectors, shown.max(subscriber.seq)));
                let all = subscriber.selectors.topics_only().into_iter().flatten();
                prop_assert_eq!(topics, all.cloned().collect::<Vec<_>>());
                return Ok(false);
            }
            Step::ReadStore(_) => return Err(TestCaseError::fail("what was read is to be read")),
            Step::Lagged => {
                prop_assert!(may_gap && self.policy == LagPolicy::Disconnect);
                return Ok(false);
            }
            Step::Gap(gap) => {
                prop_assert!(may_gap && self.policy == LagPolicy::Gap);
                prop_assert_eq!(gap.reason, GapReason::Lagged);
                let first = seq_of(gap.first.as_ref());
                if first.is_none() {
                    // the page, or the part of the window that was looked at, had no matching event
                    subscriber.seq = subscriber.cursor.seq();
                    prop_assert!(expect.first().is_none_or(|first| *first > subscriber.seq));
                } else {
                    prop_assert_eq!(first, expect.first().copied());
                    subscriber.seq = expect.first().map_or(shown.max(subscriber.seq), |first| first - 1);
                }
                subscriber.trims_seen = self.trims;
            }
            Step::Events { events: write, count: events } => {
                let bytes = write.payload();
                prop_assert!(!lost, "events after a loss that was not told");
                let seen = ids(&bytes);
                prop_assert_eq!(seen.len(), events);
                prop_assert!(self.backed || events == 1 || bytes.len() <= room);
                prop_assert_eq!(&seen[..], &expect[..events]);
                subscriber.seq = if self.backed { subscriber.cursor.seq() } else { seen[events - 1] };
                prop_assert!(expect.get(events).is_none_or(|next| *next > subscriber.seq));
            }
            Step::CaughtUp => {
                prop_assert!(!lost && expect.is_empty(), "waiting while there is {expect:?} or a loss");
                let has_ended = self.engine.hidden() == 0 && self.has_ended(&subscriber.selectors, shown);
                prop_assert!(!has_ended, "waiting for topics that have ended");
                subscriber.seq = shown.max(subscriber.seq);
                subscriber.waits = true;
            }
            Step::Yield => {
                // while trims are looked at, the cursor stays
                prop_assert!(!lost || subscriber.seq == subscriber.cursor.seq());
                subscriber.seq = subscriber.cursor.seq();
                prop_assert!(expect.first().is_none_or(|first| *first > subscriber.seq));
            }
        }
        prop_assert_eq!(subscriber.cursor.seq(), subscriber.seq);
        Ok(true)
    }

    /// Reads a page like a store: a few events at a time.
    fn find(&self, span: &StoreRead, room: usize) -> EncodedPage {
        let mut seqs = self.retained(&span.selectors, span.after);
        seqs.retain(|seq| *seq <= span.through);
        let most = 1 + room % 4;
        let through = if seqs.len() > most { seqs[most - 1] } else { span.through };
        seqs.truncate(most);
        let events: Vec<_> = self.events.iter().filter(|event| seqs.contains(&event.seq)).collect();
        self.page(&events, through)
    }
}

fn seq_of(id: Option<&EventId>) -> Option<u64> {
    id.and_then(|id| Position::parse(id.as_str())).map(Position::seq)
}

/// Returns true if a subscriber gets the event.
fn is_seen(selectors: &Selectors, event: &Published) -> bool {
    selectors.accept(event.draft.topics(), event.draft.private)
}
