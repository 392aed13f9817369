//! The engine against a naive model: random publishes, trims, subscribers, stalls and resumes.

mod ops;
mod subscriber;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::{collection::vec, prelude::*};
use sse_core::{Item, Parser};

use crate::*;
use ops::{Op, TOPICS, What, op};
use subscriber::Subscriber;

/// An event of the model, and the number of the trim that removed it.
struct Published {
    seq: u64,
    time: Millis,
    draft: Draft,
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
    /// Where topics have ended.
    ended: BTreeMap<Topic, u64>,
}

impl Model {
    fn backed(max_events: usize, policy: LagPolicy) -> Self {
        let mut model = Self::new(max_events, 100, policy);
        model.backed = true;
        model.engine.back_by_store(StoredHead::default());
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
            ended: BTreeMap::new(),
        }
    }

    fn head(&self) -> u64 {
        self.events.last().map_or(0, |event| event.seq)
    }

    /// The last event that subscribers may have.
    fn shown(&self) -> u64 {
        self.engine.window().shown()
    }

    fn run(&mut self, op: Op) -> Result<(), TestCaseError> {
        match op {
            Op::Publish { what, looks } => self.publish(&what, looks),
            Op::End { topic } => self.end(TOPICS[topic]),
            Op::Trim { topic, back, reopen } => {
                self.trim(TOPICS[topic], self.head().saturating_sub(back));
                if reopen {
                    self.reopen(TOPICS[topic]);
                }
            }
            Op::Subscribe { selectors, grants, start } => return self.subscribe(&selectors, &grants, start),
            Op::Poll { who, room, steps } if who < self.subscribers.len() => {
                let mut subscriber = self.subscribers.swap_remove(who);
                for _ in 0..steps {
                    if !self.poll(&mut subscriber, room)? {
                        self.engine.unsubscribe(subscriber.cursor.group());
                        return Ok(());
                    }
                }
                self.subscribers.push(subscriber);
            }
            Op::Resume { who } if who < self.subscribers.len() => {
                let gone = self.subscribers.swap_remove(who);
                self.engine.unsubscribe(gone.cursor.group());
                let id = self.engine.window().at(gone.cursor.seq()).to_string();
                return self.subscribe_at(gone.selectors, &StartPoint::After(id), Ok(gone.cursor.seq()));
            }
            Op::Poll { .. } | Op::Resume { .. } => {}
        }
        self.check_waiting()
    }

    fn publish(&mut self, what: &What, looks: Option<usize>) {
        let size = what.size;
        let draft = what.draft();
        if self.end_of(&draft.topic).is_some() {
            return; // the store refuses it
        }
        let seq = self.head() + 1 + (size as u64 % 3) / 2; // sometimes a number is skipped
        self.time += size as u64 % 5;
        self.engine.append(seq, self.time, &draft).unwrap();
        if self.backed {
            self.engine.set_committed(seq.saturating_sub(size as u64 % 4)); // the last ones are not in the file yet
        }
        match looks {
            None => while !self.work(3) {},
            Some(looks) => drop(self.work(looks)),
        }
        if draft.end {
            self.ended.insert(draft.topic.clone(), seq);
        }
        self.events.push(Published { seq, time: self.time, draft, trimmed: None });
        if self.backed {
            return;
        }
        self.mark_gone();
    }

    fn end(&mut self, topic: &str) {
        let topic = Topic::new(topic).unwrap();
        let last =
            self.events.iter().rfind(|event| event.trimmed.is_none() && event.draft.topics().any(|one| *one == topic));
        let at = last.map_or(self.head(), |last| last.seq);
        if self.end_of(&topic).is_some() || at == 0 {
            return;
        }
        assert_eq!(self.engine.end(&topic, self.head()), at);
        while !self.work(3) {}
        self.ended.insert(topic, at);
        if !self.backed {
            self.mark_gone();
        }
    }

    fn reopen(&mut self, topic: &str) {
        let topic = Topic::new(topic).unwrap();
        self.engine.reopen(&topic);
        self.ended.remove(&topic);
    }

    /// Where `topic` has ended, if the engine has not forgotten it.
    fn end_of(&self, topic: &Topic) -> Option<u64> {
        let known = self.ended.get(topic).copied();
        assert!(self.forgetful || self.engine.ended(topic) == known, "the end of {topic}");
        self.engine.ended(topic)
    }

    /// The engine chooses whose event goes, and which topic to forget.
    fn mark_gone(&mut self) {
        let gone: Vec<_> = (0..self.events.len()).filter(|i| self.is_gone_unnoticed(*i)).collect();
        gone.into_iter().for_each(|i| self.mark(i));
    }

    /// Works off what is left, and wakes those who wait for the groups that matched.
    fn work(&mut self, looks: usize) -> bool {
        let mut matched = Vec::new();
        let over = self.engine.work(looks, &mut matched);
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
            let has_ended = self.engine.hidden() == 0 && self.has_ended(&one.selectors, self.shown());
            prop_assert!(!has_ended, "nobody was woken for the end");
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
            let is_gone = |event: &Published| event.draft.topic == topic && event.seq <= through;
            for trim in self.trims_of(is_gone) {
                self.engine.begin_trim(&trim);
                while !self.engine.finish_trim(&trim) {}
            }
        } else {
            while !self.engine.trim_topic(&topic, through) {}
        }
        for i in 0..self.events.len() {
            let event = &self.events[i];
            if event.draft.topic == topic && event.seq <= through && event.trimmed.is_none() {
                self.mark(i);
            }
        }
    }

    /// What a store says when it trims these events: something for each of their topics.
    fn trims_of(&self, is_gone: impl Fn(&Published) -> bool) -> Vec<Trim> {
        let retained = || self.events.iter().filter(|event| event.trimmed.is_none());
        let topics: BTreeSet<_> =
            retained().filter(|event| is_gone(event)).flat_map(|event| event.draft.topics()).collect();
        let trim = |topic: &Topic| {
            let gone = retained().filter(|event| is_gone(event) && event.draft.topics().any(|one| one == topic));
            let lost = |private| {
                gone.clone()
                    .rfind(|event| event.draft.private == private)
                    .map_or((0, 0), |event| (event.seq, event.time))
            };
            let own = gone.clone().rfind(|event| event.draft.topic == *topic).map_or(0, |event| event.seq);
            let mut left = Stock::default();
            for event in retained().filter(|event| !is_gone(event) && event.draft.topics().any(|one| one == topic)) {
                let kind = Kind { canonical: event.draft.topic == *topic, private: event.draft.private };
                left.of_mut(kind).add(event.seq, if kind.canonical { event.draft.weight() } else { 0 });
            }
            Trim {
                topic: topic.clone(),
                through: gone.clone().map(|event| event.seq).max().unwrap_or(0),
                own_through: own,
                lost: lost(false),
                lost_private: lost(true),
                left,
            }
        };
        topics.into_iter().map(trim).collect()
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
            self.engine.unsubscribe(subscriber.cursor.group());
        }
        prop_assert_eq!(self.engine.subscribers(), (0, 0, 1));
        Ok(())
    }

    fn check_counts(&self) -> Result<(), TestCaseError> {
        let (events, ..) = self.engine.window().size();
        let retained = || self.events.iter().filter(|event| event.trimmed.is_none());
        if self.backed {
            prop_assert!(events <= retained().count());
        } else {
            prop_assert_eq!(events, retained().count());
        }
        let mut by_topic = BTreeMap::new();
        for event in retained().filter(|event| !event.draft.private) {
            by_topic.entry(event.draft.topic.as_str()).or_insert_with(Vec::new).push(event.seq);
        }
        let (mut names, mut on) = self.engine.names_after(None, 100);
        while let Some(after) = on {
            let more = self.engine.names_after(Some(after.as_str()), 100 - names.len());
            names.extend(more.0);
            on = more.1;
        }
        let infos: Vec<_> = names.iter().filter_map(|name| self.engine.topic(name)).collect();
        prop_assert!(infos.is_sorted_by(|a, b| a.topic < b.topic));
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
