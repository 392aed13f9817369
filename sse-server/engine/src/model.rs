//! The engine against a naive model: random publishes, trims, subscribers, stalls and resumes.

mod subscriber;

use std::{collections::BTreeMap, time::Duration};

use proptest::{collection::vec, prelude::*, sample::select};
use sse_core::{Item, Parser};

use crate::*;
use subscriber::Subscriber;

const TOPICS: [&str; 5] = ["a", "b", "a/x", "a/y", "b/x/y"];
const SELECTORS: [&str; 9] = ["a", "b", "a/x", "*", "a/*", "**", "*/x/**", "b/x/y", "never"];

#[derive(Debug, Clone)]
enum Op {
    Publish {
        topic: usize,
        size: usize,
    },
    /// The work on what was published is done in part, as by a hub that is busy.
    PublishOnly {
        topic: usize,
        size: usize,
        steps: usize,
    },
    Trim {
        topic: usize,
        back: u64,
    },
    Subscribe {
        selectors: Vec<&'static str>,
        start: From,
    },
    Poll {
        who: usize,
        room: usize,
        steps: usize,
    },
    Resume {
        who: usize,
    },
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
        7 => (0..TOPICS.len(), 0..60_usize).prop_map(|(topic, size)| Op::Publish { topic, size }),
        3 => (0..TOPICS.len(), 0..60_usize, 0..6_usize)
            .prop_map(|(topic, size, steps)| Op::PublishOnly { topic, size, steps }),
        1 => (0..TOPICS.len(), 0..20_u64).prop_map(|(topic, back)| Op::Trim { topic, back }),
        2 => (selectors, start).prop_map(|(selectors, start)| Op::Subscribe { selectors, start }),
        5 => (0..8_usize, 1..400_usize, 1..5_usize).prop_map(|(who, room, steps)| Op::Poll { who, room, steps }),
        1 => (0..8_usize).prop_map(|who| Op::Resume { who }),
    ]
}

/// An event of the model, and the number of the trim that removed it.
struct Published {
    seq: u64,
    time: Millis,
    topic: Topic,
    size: usize,
    trimmed: Option<u64>,
}

struct Model {
    engine: Engine,
    events: Vec<Published>,
    trims: u64,
    time: Millis,
    max_events: usize,
    /// Topics may be forgotten, so there may be a gap where nothing was lost.
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
            selector_bytes: usize::MAX,
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

    /// The last event that subscribers may have.
    fn shown(&self) -> u64 {
        self.engine.window().head()
    }

    fn run(&mut self, op: Op) -> Result<(), TestCaseError> {
        match op {
            Op::Publish { topic, size } => self.publish(TOPICS[topic], size, usize::MAX),
            Op::PublishOnly { topic, size, steps } => self.publish(TOPICS[topic], size, steps),
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
        self.check_waiting()
    }

    fn publish(&mut self, topic: &str, size: usize, steps: usize) {
        let seq = self.head() + 1 + (size as u64 % 3) / 2; // sometimes a number is skipped
        self.time += size as u64 % 5;
        let topic = Topic::new(topic).unwrap();
        let draft = draft(&topic, size);
        self.engine.append(seq, self.time, &draft).unwrap();
        if self.backed {
            self.engine.settle(seq.saturating_sub(size as u64 % 4)); // the last ones are not in the file yet
        }
        if steps == usize::MAX {
            while !self.work(3) {}
        } else {
            self.work(steps);
        }
        self.events.push(Published { seq, time: self.time, topic, size, trimmed: None });
        if self.backed {
            return;
        }
        self.mark_gone();
    }

    /// The engine chooses whose event goes, and which topic to forget.
    fn mark_gone(&mut self) {
        let gone: Vec<_> = (0..self.events.len()).filter(|i| self.is_gone_unnoticed(*i)).collect();
        gone.into_iter().for_each(|i| self.mark(i));
    }

    /// Works off what is left, and wakes those who wait for the groups that matched.
    fn work(&mut self, steps: usize) -> bool {
        let mut matched = Vec::new();
        let over = self.engine.work(steps, &mut matched);
        for subscriber in self.subscribers.iter_mut().filter(|one| matched.contains(&one.cursor.group())) {
            subscriber.waits = false;
        }
        over
    }

    /// Nobody waits for an event that there is.
    fn check_waiting(&self) -> Result<(), TestCaseError> {
        for one in self.subscribers.iter().filter(|one| one.waits) {
            let missed: Vec<_> = self.retained(&one.selectors, one.seq);
            prop_assert!(missed.first().is_none_or(|first| *first > self.shown()), "nobody was woken for {missed:?}");
        }
        Ok(())
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
            self.engine.begin_trim(&trim);
            while !self.engine.finish_trim(&trim) {}
        } else {
            while !self.engine.trim_topic(&topic, through) {}
        }
        for i in 0..self.events.len() {
            let event = &self.events[i];
            if event.topic == topic && event.seq <= through && event.trimmed.is_none() {
                self.mark(i);
            }
        }
    }

    fn finish(mut self) -> Result<(), TestCaseError> {
        while !self.work(3) {}
        self.check_waiting()?;
        if !self.backed {
            self.mark_gone();
            prop_assert!(self.engine.window().size().0 <= self.max_events);
        }
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
        let names = self.engine.names_after(None, 100);
        let infos: Vec<_> = names.iter().filter_map(|name| self.engine.topic(name)).collect();
        prop_assert!(infos.is_sorted_by(|a, b| a.topic < b.topic));
        prop_assert_eq!(infos.iter().map(|info| info.bytes).sum::<usize>(), bytes);
        for info in infos {
            let seqs = by_topic.remove(info.topic.as_str()).unwrap_or_default();
            let selectors = self.subscribers.iter().flat_map(|one| one.selectors.iter());
            let live = selectors.filter(|selector| selector.matches(&info.topic)).count();
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
