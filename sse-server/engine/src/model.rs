//! The engine against a naive model: random publishes, trims, subscribers, stalls and resumes.

use std::{collections::BTreeMap, time::Duration};

use proptest::{collection::vec, prelude::*, sample::select};
use sse_core::{Item, Parser};

use crate::*;

const TOPICS: [&str; 5] = ["a", "b", "a/x", "a/y", "b/x/y"];
const SELECTORS: [&str; 9] = ["a", "b", "a/x", "*", "a/*", "**", "*/x/**", "b/x/y", "never"];

#[derive(Debug, Clone)]
enum Op {
    Publish { topic: usize, size: usize },
    Trim { topic: usize, back: u64 },
    Subscribe { selectors: Vec<&'static str>, start: From },
    Poll { who: usize, room: usize, steps: usize },
    Resume { who: usize },
}

#[derive(Debug, Clone, Copy)]
enum From {
    Head,
    Back(u64),
    Earliest,
    Since(u64),
    Garbage,
    OtherEpoch,
}

fn op() -> impl Strategy<Value = Op> {
    let selectors = vec(select(&SELECTORS[..]), 1..4);
    let start = prop_oneof![
        4 => Just(From::Head),
        4 => (0..30_u64).prop_map(From::Back),
        1 => Just(From::Earliest),
        1 => (0..30_u64).prop_map(From::Since),
        1 => Just(From::Garbage),
        1 => Just(From::OtherEpoch),
    ];
    prop_oneof![
        10 => (0..TOPICS.len(), 0..60_usize).prop_map(|(topic, size)| Op::Publish { topic, size }),
        1 => (0..TOPICS.len(), 0..20_u64).prop_map(|(topic, back)| Op::Trim { topic, back }),
        2 => (selectors, start).prop_map(|(selectors, start)| Op::Subscribe { selectors, start }),
        5 => (0..8_usize, 1..400_usize, 1..5_usize).prop_map(|(who, room, steps)| Op::Poll { who, room, steps }),
        1 => (0..8_usize).prop_map(|who| Op::Resume { who }),
    ]
}

/// An event the model knows of, and by which trim it went.
struct Published {
    seq: u64,
    time: Millis,
    topic: Topic,
    size: usize,
    trimmed: Option<u64>,
}

struct Subscriber {
    selectors: Selectors,
    cursor: Cursor,
    /// The model's own idea of where the subscriber stands and which trims it knows of.
    seq: u64,
    told: u64,
}

struct Model {
    engine: Engine,
    events: Vec<Published>,
    trims: u64,
    time: Millis,
    max_events: usize,
    /// Topics may be forgotten, so that a gap may be told where nothing was lost.
    forgetful: bool,
    /// The model is the store behind the engine's window, and keeps everything until it is trimmed.
    backed: bool,
    policy: LagPolicy,
    subscribers: Vec<Subscriber>,
}

impl Model {
    fn backed(max_events: usize, policy: LagPolicy) -> Self {
        let mut model = Self::new(max_events, 100, policy);
        model.backed = true;
        model.engine.back_by_store(StoredHead { head: 0, holes: Vec::new(), floor: (0, 0) });
        model
    }

    fn new(max_events: usize, topics: usize, policy: LagPolicy) -> Self {
        let bounds = Bounds {
            events: max_events,
            bytes: usize::MAX,
            topics,
            groups: 100,
            nodes: 1000,
            lag: Duration::MAX,
            lag_bytes: 0,
            lag_policy: policy,
        };
        Self {
            engine: Engine::new(Epoch::new(1), bounds),
            events: Vec::new(),
            trims: 0,
            time: 0,
            max_events,
            forgetful: topics < TOPICS.len(),
            backed: false,
            policy,
            subscribers: Vec::new(),
        }
    }

    fn head(&self) -> u64 {
        self.events.last().map_or(0, |event| event.seq)
    }

    fn run(&mut self, op: Op) -> Result<(), TestCaseError> {
        match op {
            Op::Publish { topic, size } => self.publish(TOPICS[topic], size),
            Op::Trim { topic, back } => self.trim(TOPICS[topic], self.head().saturating_sub(back)),
            Op::Subscribe { selectors, start } => return self.subscribe(&selectors, start),
            Op::Poll { who, room, steps } if who < self.subscribers.len() => {
                let mut subscriber = self.subscribers.swap_remove(who);
                for _ in 0..steps {
                    if !self.poll(&mut subscriber, room)? {
                        self.engine.leave(subscriber.cursor.group());
                        return Ok(());
                    }
                }
                self.subscribers.push(subscriber);
            }
            Op::Resume { who } if who < self.subscribers.len() => {
                let gone = self.subscribers.swap_remove(who);
                self.engine.leave(gone.cursor.group());
                let id = self.engine.window().at(gone.cursor.seq()).to_string();
                return self.enter(gone.selectors, &Start::After(id), Ok(gone.cursor.seq()));
            }
            Op::Poll { .. } | Op::Resume { .. } => {}
        }
        Ok(())
    }

    fn publish(&mut self, topic: &str, size: usize) {
        let seq = self.head() + 1 + (size as u64 % 3) / 2; // now and then one is left out
        self.time += size as u64 % 5;
        let topic = Topic::new(topic).unwrap();
        let draft = draft(&topic, size);
        let mut matched = Vec::new();
        self.engine.publish(seq, self.time, &draft, &mut matched).unwrap();
        self.events.push(Published { seq, time: self.time, topic, size, trimmed: None });
        if self.backed {
            self.engine.settle(seq.saturating_sub(size as u64 % 4)); // the last ones are not in the file yet
            return;
        }
        if self.forgetful {
            // which ones go to make room for a topic is the engine's to say
            let gone: Vec<_> = (0..self.events.len()).filter(|i| self.is_gone_unnoticed(*i)).collect();
            gone.into_iter().for_each(|i| self.mark(i));
        }
        let retained: Vec<_> = (0..self.events.len()).filter(|i| self.events[*i].trimmed.is_none()).collect();
        for i in retained.iter().take(retained.len().saturating_sub(self.max_events)) {
            self.mark(*i);
        }
    }

    fn is_gone_unnoticed(&self, i: usize) -> bool {
        self.events[i].trimmed.is_none() && self.engine.window().frame(self.events[i].seq).is_none()
    }

    fn mark(&mut self, i: usize) {
        self.trims += 1;
        self.events[i].trimmed = Some(self.trims);
    }

    fn trim(&mut self, topic: &str, through: u64) {
        let topic = Topic::new(topic).unwrap();
        if self.backed {
            let of_topic = self.events.iter().filter(|event| event.topic == topic && event.trimmed.is_none());
            let (gone, left): (Vec<_>, Vec<_>) = of_topic.partition(|event| event.seq <= through);
            let Some(last) = gone.last() else { return };
            let mut retained = Retained::default();
            left.iter().for_each(|event| retained.add(event.seq, weight(event.size)));
            let trim = Trim { topic: topic.clone(), through: last.seq, time: last.time, lossy: true, left: retained };
            self.engine.trim(&trim);
        } else {
            self.engine.trim_topic(&topic, through);
        }
        for i in 0..self.events.len() {
            let event = &self.events[i];
            if event.topic == topic && event.seq <= through && event.trimmed.is_none() {
                self.mark(i);
            }
        }
    }

    fn subscribe(&mut self, selectors: &[&str], start: From) -> Result<(), TestCaseError> {
        let selectors = Selectors::new(selectors.iter().map(|text| Selector::new(text).unwrap()).collect(), false);
        let id = |seq| self.engine.window().at(seq).to_string();
        let (start, expect) = match start {
            From::Head => (Start::Head, Ok(self.head())),
            From::Back(back) => {
                let seq = self.head().saturating_sub(back);
                (Start::After(id(seq)), Ok(seq))
            }
            From::Earliest => (Start::Earliest, Ok(self.before_first(&selectors, 0))),
            From::Since(back) => {
                let time = self.time.saturating_sub(back);
                let lost = self
                    .events
                    .iter()
                    .any(|event| selectors.matches(&event.topic) && event.trimmed.is_some() && event.time >= time);
                let seq =
                    self.events.iter().find(|event| event.time >= time).map_or(self.head(), |event| event.seq - 1);
                let before = self.before_first(&selectors, seq);
                let expect = if lost { Err((GapReason::Trimmed, seq)) } else { Ok(before) };
                // what a store would find
                let before = (!self.engine.reaches_back_to(time)).then_some(seq);
                (Start::Since { time, asked: "since".into(), before }, expect)
            }
            From::Garbage => (Start::After("né".into()), Err((GapReason::Unknown, 0))),
            From::OtherEpoch => {
                let id = Position::new(Epoch::new(2), self.head()).to_string();
                (Start::After(id), Err((GapReason::Epoch, 0)))
            }
        };
        self.enter(selectors, &start, expect)
    }

    /// Just before the first retained event after `seq` that matches, or the head.
    fn before_first(&self, selectors: &Selectors, seq: u64) -> u64 {
        self.retained(selectors, seq).first().map_or(self.head(), |first| first - 1)
    }

    fn retained(&self, selectors: &Selectors, seq: u64) -> Vec<u64> {
        let wanted = |event: &&Published| event.seq > seq && event.trimmed.is_none() && selectors.matches(&event.topic);
        self.events.iter().filter(wanted).map(|event| event.seq).collect()
    }

    fn lost(&self, selectors: &Selectors, seq: u64, told: u64) -> bool {
        self.events.iter().any(|event| {
            event.seq > seq && event.trimmed.is_some_and(|trim| trim > told) && selectors.matches(&event.topic)
        })
    }

    /// Enters a subscriber and checks how its stream opens. `expect` is where it stands, or why there must be a gap.
    fn enter(
        &mut self,
        selectors: Selectors,
        start: &Start,
        expect: Result<u64, (GapReason, u64)>,
    ) -> Result<(), TestCaseError> {
        let expect = match (start, expect) {
            (Start::After(_), Ok(seq)) if self.lost(&selectors, seq, 0) => Err((GapReason::Trimmed, seq)),
            (_, expect) => expect,
        };
        let mut placed = self.engine.subscribe(selectors.clone(), start).unwrap();
        let (cursor, opening) = loop {
            match placed {
                Placement::Placed(cursor, opening) => break (cursor, opening),
                Placement::NeedStore(cursor, span, beginning) => {
                    prop_assert!(self.backed);
                    let first = self.retained(&span.selectors, span.after).first().copied();
                    let first = first.filter(|first| *first <= span.until);
                    placed = self.engine.placed(cursor, beginning, first, span.until);
                }
            }
        };
        let seq = match (expect, &opening.gap) {
            (Ok(seq), None) => seq,
            (Ok(_), Some(gap)) if self.forgetful && gap.reason == GapReason::Trimmed => gap.position.seq(),
            (Ok(_), Some(gap)) => {
                return Err(TestCaseError::fail(format!("a gap where nothing was lost: {gap:?}")));
            }
            (Err((reason, after)), Some(gap)) => {
                let first = self.retained(&selectors, after).first().copied();
                prop_assert_eq!(gap.reason, reason);
                prop_assert_eq!(gap.first.map(|first| first.seq()), first);
                self.before_first(&selectors, after)
            }
            (Err((reason, _)), None) => {
                return Err(TestCaseError::fail(format!("no gap, but {reason:?}")));
            }
        };
        prop_assert_eq!(opening.position.seq(), seq);
        prop_assert_eq!(cursor.seq(), seq);
        self.subscribers.push(Subscriber { selectors, cursor, seq, told: self.trims });
        Ok(())
    }

    /// One step; `false` if the stream ended.
    fn poll(&mut self, subscriber: &mut Subscriber, room: usize) -> Result<bool, TestCaseError> {
        let lost = self.lost(&subscriber.selectors, subscriber.seq, subscriber.told);
        let expect = self.retained(&subscriber.selectors, subscriber.seq);
        let may_gap = lost || self.forgetful;
        let mut step = self.engine.next(&mut subscriber.cursor, room, self.time);
        if let Step::NeedStore(span) = step {
            prop_assert!(self.backed && span.after == subscriber.seq);
            let found = self.find(&span, room);
            step = self.engine.take(&mut subscriber.cursor, found, self.time);
        }
        match step {
            Step::NeedStore(_) => return Err(TestCaseError::fail("what was read is to be read")),
            Step::Lagged => {
                prop_assert!(may_gap && self.policy == LagPolicy::Disconnect);
                return Ok(false);
            }
            Step::Gap(gap) => {
                prop_assert!(may_gap && self.policy == LagPolicy::Gap);
                prop_assert_eq!(gap.reason, GapReason::Lagged);
                let first = gap.first.map(|first| first.seq());
                if self.backed && first.is_none() {
                    // nothing was found as far as was read
                    subscriber.seq = subscriber.cursor.seq();
                    prop_assert!(expect.first().is_none_or(|first| *first > subscriber.seq));
                } else {
                    prop_assert_eq!(first, expect.first().copied());
                    subscriber.seq = expect.first().map_or(self.head(), |first| first - 1);
                }
                subscriber.told = self.trims;
            }
            Step::Write { write, events } => {
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
                subscriber.seq = self.head();
            }
            Step::Yield => {
                prop_assert!(!lost);
                subscriber.seq = subscriber.cursor.seq();
                prop_assert!(expect.first().is_none_or(|first| *first > subscriber.seq));
            }
        }
        prop_assert_eq!(subscriber.cursor.seq(), subscriber.seq);
        Ok(true)
    }

    /// What a store would find: a few events at a time.
    fn find(&self, span: &StoreRead, room: usize) -> StorePage {
        let mut seqs = self.retained(&span.selectors, span.after);
        seqs.retain(|seq| *seq <= span.until);
        let most = 1 + room % 4;
        let through = if seqs.len() > most { seqs[most - 1] } else { span.until };
        seqs.truncate(most);
        let events = || self.events.iter().filter(|event| seqs.contains(&event.seq));
        let encoded =
            events().map(|event| encode(self.engine.window().at(event.seq), &draft(&event.topic, event.size), false));
        let write = (!seqs.is_empty()).then(|| (Write::of(encoded.collect()), seqs.len()));
        StorePage { write, first: events().next().map(|event| (event.seq, event.time)), through }
    }

    fn finish(mut self) -> Result<(), TestCaseError> {
        self.check_counts()?;
        while let Some(mut subscriber) = self.subscribers.pop() {
            while self.poll(&mut subscriber, 1 << 20)? && subscriber.seq < self.head() {}
            self.engine.leave(subscriber.cursor.group());
        }
        prop_assert_eq!(self.engine.subscribers(), (0, 0, 1));
        Ok(())
    }

    fn check_counts(&self) -> Result<(), TestCaseError> {
        let (events, mut bytes, _) = self.engine.window().size();
        let retained = || self.events.iter().filter(|event| event.trimmed.is_none());
        if self.backed {
            prop_assert!(events <= retained().count());
            bytes = retained().map(|event| weight(event.size)).sum();
        } else {
            prop_assert_eq!(events, retained().count());
        }
        let mut by_topic = BTreeMap::new();
        for event in self.events.iter().filter(|event| event.trimmed.is_none()) {
            by_topic.entry(event.topic.as_str()).or_insert_with(Vec::new).push(event.seq);
        }
        let infos = self.engine.topics_after(None, 100);
        prop_assert!(infos.is_sorted_by(|a, b| a.topic < b.topic));
        prop_assert_eq!(infos.iter().map(|info| info.bytes).sum::<usize>(), bytes);
        for info in infos {
            let seqs = by_topic.remove(info.topic.as_str()).unwrap_or_default();
            let live = self.subscribers.iter().filter(|one| one.selectors.matches(&info.topic)).count();
            prop_assert_eq!(
                (info.events, info.first, info.last, info.subscribers),
                (seqs.len(), seqs.first().copied(), seqs.last().copied(), live)
            );
        }
        prop_assert!(by_topic.is_empty());
        Ok(())
    }
}

fn draft(topic: &Topic, size: usize) -> Draft {
    Draft { topic: topic.clone(), name: None, retry: None, data: "x".repeat(size).into(), json: false }
}

fn weight(size: usize) -> usize {
    draft(&Topic::new("a").unwrap(), size).weight()
}

fn ids(bytes: &[u8]) -> Vec<u64> {
    let mut ids = Vec::new();
    Parser::new().feed(bytes, |item| {
        if let Item::Event(event) = item {
            ids.push(Position::parse(event.id()).unwrap().seq());
        }
    });
    ids
}

fn policy() -> impl Strategy<Value = LagPolicy> {
    prop_oneof![Just(LagPolicy::Disconnect), Just(LagPolicy::Gap)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_hub_is_the_model(ops in vec(op(), 1..120), max_events in 1..40_usize, policy in policy()) {
        let mut model = Model::new(max_events, 100, policy);
        for op in ops {
            model.run(op)?;
        }
        model.finish()?;
    }

    #[test]
    fn with_a_store_behind_it_too(ops in vec(op(), 1..120), max_events in 1..40_usize, policy in policy()) {
        let mut model = Model::backed(max_events, policy);
        for op in ops {
            model.run(op)?;
        }
        model.finish()?;
    }

    #[test]
    fn forgetting_topics_hides_no_loss(ops in vec(op(), 1..120), topics in 1..4_usize, policy in policy()) {
        let mut model = Model::new(20, topics, policy);
        for op in ops {
            model.run(op)?;
        }
        model.finish()?;
    }
}
