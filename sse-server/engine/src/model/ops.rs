//! What happens to the model at random.

use proptest::{collection::vec, prelude::*, sample::select};

use crate::{Alias, Draft, Topic};

pub(super) const TOPICS: [&str; 5] = ["a", "b", "a/x", "a/y", "b/x/y"];
const SELECTORS: [&str; 9] = ["a", "b", "a/x", "*", "a/*", "**", "*/x/**", "b/x/y", "never"];
const GRANTS: [&str; 4] = ["a", "a/*", "b/**", "**"];
const ALIASES: [&str; 2] = ["first", "second"];

#[derive(Debug, Clone)]
pub(super) enum Op {
    Publish {
        what: What,
        /// The looks that are taken at once for it, as by a hub that is busy; all if `None`.
        looks: Option<usize>,
    },
    /// The end of a topic without an event.
    End {
        topic: usize,
    },
    Trim {
        topic: usize,
        back: u64,
        reopen: bool,
    },
    Subscribe {
        selectors: Vec<&'static str>,
        grants: Vec<&'static str>,
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

/// An event to publish.
#[derive(Debug, Clone)]
pub(super) struct What {
    pub(super) topic: usize,
    pub(super) others: Vec<usize>,
    pub(super) size: usize,
    pub(super) private: bool,
    pub(super) alias: Option<&'static str>,
    pub(super) end: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum From {
    Head,
    Back(u64),
    Earliest,
    Last,
    Since(u64),
    Alias(&'static str),
    Garbage,
    OtherEpoch,
}

fn what() -> impl Strategy<Value = What> {
    let others = prop_oneof![3 => Just(Vec::new()), 1 => vec(0..TOPICS.len(), 1..4)];
    let alias = prop_oneof![4 => Just(None), 1 => select(&ALIASES[..]).prop_map(Some)];
    let rarely = |weight| prop_oneof![weight => Just(false), 1 => Just(true)];
    (0..TOPICS.len(), others, 0..60_usize, rarely(4), alias, rarely(12))
        .prop_map(|(topic, others, size, private, alias, end)| What { topic, others, size, private, alias, end })
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let selectors = vec(select(&SELECTORS[..]), 1..4);
    let start = prop_oneof![
        4 => Just(From::Head),
        4 => (0..30_u64).prop_map(From::Back),
        1 => Just(From::Earliest),
        2 => Just(From::Last),
        1 => (0..30_u64).prop_map(From::Since),
        2 => select(&ALIASES[..]).prop_map(From::Alias),
        1 => Just(From::Garbage),
        1 => Just(From::OtherEpoch),
    ];
    let grants = prop_oneof![2 => Just(Vec::new()), 1 => vec(select(&GRANTS[..]), 1..3)];
    prop_oneof![
        7 => what().prop_map(|what| Op::Publish { what, looks: None }),
        3 => (what(), 0..6_usize).prop_map(|(what, looks)| Op::Publish { what, looks: Some(looks) }),
        1 => (0..TOPICS.len()).prop_map(|topic| Op::End { topic }),
        1 => (0..TOPICS.len(), 0..20_u64, any::<bool>())
            .prop_map(|(topic, back, reopen)| Op::Trim { topic, back, reopen }),
        2 => (selectors, grants, start)
            .prop_map(|(selectors, grants, start)| Op::Subscribe { selectors, grants, start }),
        5 => (0..8_usize, 1..400_usize, 1..5_usize).prop_map(|(who, room, steps)| Op::Poll { who, room, steps }),
        1 => (0..8_usize).prop_map(|who| Op::Resume { who }),
    ]
}

impl What {
    pub(super) fn draft(&self) -> Draft {
        let topic = |index: &usize| Topic::new(TOPICS[*index]).unwrap();
        let topics = [&self.topic].into_iter().chain(&self.others).map(topic);
        let mut draft = Draft::of_topics(topics, "x".repeat(self.size)).unwrap();
        draft.private = self.private;
        draft.alias = self.alias.map(|alias| Alias::new(alias).unwrap());
        draft.end = self.end;
        draft
    }
}
