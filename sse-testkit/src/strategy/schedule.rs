//! What publishers, clients and the operator of a server do, one after another.

use proptest::{collection::vec, prelude::Strategy, strategy::Union};

/// One thing that happens. Topics and clients are numbered from 0.
///
/// ```
/// # use sse_testkit::strategy::ScheduleStep;
/// let step = ScheduleStep::Publish { topic: 2 };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScheduleStep {
    /// Something is published.
    Publish {
        /// The topic.
        topic: usize,
    },
    /// A client that is not connected connects, with its last event ID if it has been connected before.
    Connect {
        /// The client.
        client: usize,
    },
    /// A client that is connected leaves.
    Leave {
        /// The client.
        client: usize,
    },
    /// The server is killed and started again: every client is cut off.
    Restart,
}

/// Steps, one after another.
///
/// ```
/// # use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
/// # use sse_testkit::strategy::{Schedule, ScheduleStep, schedules};
/// let tree = schedules().topics(3).clients(2).into_strategy().new_tree(&mut TestRunner::deterministic()).unwrap();
/// let schedule: Schedule = tree.current();
/// assert!(schedule.steps().all(|(step, _)| !matches!(step, ScheduleStep::Publish { topic } if topic > 2)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    steps: Vec<ScheduleStep>,
    clients: usize,
}

impl Schedule {
    /// The steps that make sense, in order, each with the clients that are connected after it. A step is left out if it
    /// connects a client that is connected, or makes one leave that is not.
    ///
    /// ```
    /// # use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
    /// # use sse_testkit::strategy::{ScheduleStep, schedules};
    /// # let schedule = schedules().into_strategy().new_tree(&mut TestRunner::deterministic()).unwrap().current();
    /// for (step, connected) in schedule.steps() {
    ///     if let ScheduleStep::Connect { client } = step {
    ///         assert!(connected[client]);
    ///     }
    /// }
    /// ```
    pub fn steps(&self) -> impl Iterator<Item = (ScheduleStep, Vec<bool>)> {
        let mut connected = vec![false; self.clients];
        self.steps.iter().filter_map(move |step| {
            match *step {
                ScheduleStep::Connect { client } | ScheduleStep::Leave { client } => {
                    let there = matches!(step, ScheduleStep::Connect { .. });
                    if connected[client] == there {
                        return None;
                    }
                    connected[client] = there;
                }
                ScheduleStep::Restart => connected.fill(false),
                ScheduleStep::Publish { .. } => {}
            }
            Some((*step, connected.clone()))
        })
    }
}

/// Builds a strategy for schedules, begun by [`schedules`].
///
/// ```
/// # use sse_testkit::strategy;
/// let schedules = strategy::schedules().topics(2).clients(3).longest(50).restarts(false).into_strategy();
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Schedules {
    topics: usize,
    clients: usize,
    longest: usize,
    restarts: bool,
}

/// Begins a strategy for schedules of what happens to a server. Default: up to 100 steps, 3 topics, 3 clients, and
/// restarts.
///
/// They shrink towards fewer steps, lower numbers, and publishes rather than anything else.
///
/// ```
/// # use proptest::prelude::*;
/// # use sse_testkit::strategy::{ScheduleStep, schedules};
/// proptest! {
///     # #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]
///     fn the_hub_loses_nothing(schedule in schedules().clients(5).into_strategy()) {
///         for (step, connected) in schedule.steps() {
///             match step {
///                 ScheduleStep::Publish { topic } => { /* ... */ }
///                 ScheduleStep::Connect { client } => { /* ... */ }
///                 _ => { /* ... */ }
///             }
///         }
///     }
/// }
/// # the_hub_loses_nothing();
/// ```
pub const fn schedules() -> Schedules {
    Schedules { topics: 3, clients: 3, longest: 100, restarts: true }
}

impl Schedules {
    /// Sets the number of topics, at least 1.
    ///
    /// ```
    /// # use sse_testkit::strategy;
    /// let schedules = strategy::schedules().topics(10);
    /// ```
    pub fn topics(mut self, topics: usize) -> Self {
        self.topics = topics.max(1);
        self
    }

    /// Sets the number of clients, at least 1.
    ///
    /// ```
    /// # use sse_testkit::strategy;
    /// let schedules = strategy::schedules().clients(10);
    /// ```
    pub fn clients(mut self, clients: usize) -> Self {
        self.clients = clients.max(1);
        self
    }

    /// Sets the largest number of steps of a schedule.
    ///
    /// ```
    /// # use sse_testkit::strategy;
    /// let schedules = strategy::schedules().longest(1000);
    /// ```
    pub const fn longest(mut self, steps: usize) -> Self {
        self.longest = steps;
        self
    }

    /// Sets whether the server is ever killed and started again.
    ///
    /// ```
    /// # use sse_testkit::strategy;
    /// let schedules = strategy::schedules().restarts(false);
    /// ```
    pub const fn restarts(mut self, restarts: bool) -> Self {
        self.restarts = restarts;
        self
    }

    /// The strategy, for proptest.
    ///
    /// ```
    /// # use sse_testkit::strategy;
    /// let strategy = strategy::schedules().into_strategy();
    /// ```
    pub fn into_strategy(self) -> impl Strategy<Value = Schedule> {
        let Self { topics, clients, longest, restarts } = self;
        // a union shrinks to its first part
        let mut parts = vec![
            (10, (0..topics).prop_map(|topic| ScheduleStep::Publish { topic }).boxed()),
            (3, (0..clients).prop_map(|client| ScheduleStep::Connect { client }).boxed()),
            (2, (0..clients).prop_map(|client| ScheduleStep::Leave { client }).boxed()),
        ];
        if restarts {
            parts.push((1, proptest::strategy::Just(ScheduleStep::Restart).boxed()));
        }
        vec(Union::new_weighted(parts), 0..=longest).prop_map(move |steps| Schedule { steps, clients })
    }
}
