//! What a script does when something happens. No IO, no clock.
//!
//! ```text
//!               request              head                 end, drop, reset; the client leaves
//!   Idle ────── accept ──────▶ Asked ─────▶ Open ───────────────────────────────────────────────▶ Idle
//!                                └── status, redirect, drop, reset; the client leaves ───────────▶ Idle
//! ```
//!
//! At each moment it waits for one thing: a request, the client's having taken what was sent, its leaving, or a time.
//! Anything else that happens fails the script, for good.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode};

use super::{
    plan::{PATIENCE, Planned, Wanted, What},
    time::Written,
};
use crate::{escape::quoted, time::TICK};

/// How long a request is held back while the client has to take something or to leave: over a socket the request of the
/// next connection may be noticed before the end of the one before it.
const GRACE: Duration = Duration::from_secs(1);

/// The head of a request, as the script sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestHead {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
}

impl fmt::Display for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)
    }
}

/// What happens to a script.
#[derive(Debug)]
pub(super) enum Input {
    Request(RequestHead),
    /// The client has taken what was sent last.
    Taken,
    Left,
    /// [`Machine::deadline`] may have come.
    Time,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Takes the oldest request that waits.
    Take,
    /// Answers all requests that wait: the script failed.
    Refuse(String),
    /// [`Input::Taken`] or [`Input::Left`] has to follow.
    Head {
        status: StatusCode,
        headers: HeaderMap,
    },
    Answer {
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
    },
    /// [`Input::Taken`] or [`Input::Left`] has to follow.
    Frame(Bytes),
    End,
    Break {
        reset: bool,
    },
}

/// An action, and the number of the step that it is of.
pub(super) type Doing = (usize, Action);

/// Why a script failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// The index of the step; that after the last, if the script was over.
    pub(super) at: usize,
    pub(super) what: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Finished,
    Failed(Failure),
}

#[derive(Debug)]
pub(super) struct Machine {
    plan: Arc<[Planned]>,
    state: State,
    /// The index of the step that runs.
    at: usize,
    begun: Duration,
    /// Whether there is a connection that has to be ended.
    connected: bool,
    /// When the connection before was over; at first the start.
    over: Duration,
    /// A request that came while the client had to leave, and when.
    held: Option<(RequestHead, Duration)>,
}

impl Machine {
    /// The script, at `now`.
    pub(super) fn start(plan: Arc<[Planned]>, now: Duration) -> (Self, Vec<Doing>) {
        let mut machine =
            Self { plan, state: State::Running, at: 0, begun: now, connected: false, over: now, held: None };
        let doings = machine.enter(now);
        (machine, doings)
    }

    pub(super) fn handle(&mut self, now: Duration, input: Input) -> Vec<Doing> {
        match input {
            Input::Request(head) => self.requested(now, head),
            Input::Taken => self.taken(now),
            Input::Left => self.left(now),
            Input::Time => self.timed(now),
        }
    }

    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    /// The index of the step that runs; of the one that failed; the number of steps when all have run.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// When [`Input::Time`] is due.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let own = self.step().and_then(|what| match what {
            Wait::Until(time) => Some(self.begun + *time),
            // the last moment is allowed
            Wait::Within(time) => Some(self.begun + *time + TICK),
            Wait::Forever => None,
        });
        let held = self.held.as_ref().map(|(_, since)| *since + GRACE);
        [own, held].into_iter().flatten().min()
    }

    fn step(&self) -> Option<Wait<'_>> {
        let State::Running = self.state else { return None };
        Some(match &self.plan.get(self.at)?.what {
            What::Wait(time) => Wait::Until(time),
            What::Silence(time) | What::Disconnect { within: time } => Wait::Within(time),
            What::Accept(wanted) => Wait::Within(&wanted.within),
            What::Stall => Wait::Forever,
            _ => Wait::Within(&PATIENCE),
        })
    }

    /// Goes on to the next step.
    fn next(&mut self, now: Duration) -> Vec<Doing> {
        self.at += 1;
        self.enter(now)
    }

    /// Runs steps up to the next that waits for something.
    fn enter(&mut self, now: Duration) -> Vec<Doing> {
        let plan = Arc::clone(&self.plan);
        let mut doings = Vec::new();
        loop {
            self.begun = now;
            let Some(step) = plan.get(self.at) else {
                self.state = State::Finished;
                doings.extend(self.disconnect(now, Action::End));
                return self.held_back(now, doings);
            };
            match &step.what {
                What::Accept(_) => {
                    doings.extend(self.disconnect(now, Action::End));
                    return self.held_back(now, doings);
                }
                What::Head { status, headers } => {
                    doings.push((self.at, Action::Head { status: *status, headers: headers.clone() }));
                    return doings;
                }
                What::Frame(bytes) => {
                    doings.push((self.at, Action::Frame(bytes.clone())));
                    return doings;
                }
                What::Answer { status, headers, body } => {
                    let (headers, body) = (headers.clone(), body.clone());
                    doings.extend(self.disconnect(now, Action::Answer { status: *status, headers, body }));
                }
                What::End => doings.extend(self.disconnect(now, Action::End)),
                What::Break { reset } => doings.extend(self.disconnect(now, Action::Break { reset: *reset })),
                What::Wait(_) | What::Silence(_) | What::Disconnect { .. } | What::Stall => {
                    return self.held_back(now, doings);
                }
            }
            self.at += 1;
        }
    }

    /// Comes back to a request that was held back, now that the client has left.
    fn held_back(&mut self, now: Duration, mut doings: Vec<Doing>) -> Vec<Doing> {
        if let Some((head, _)) = self.held.take() {
            doings.extend(self.requested(now, head));
        }
        doings
    }

    /// The connection is over by this, if there is one.
    fn disconnect(&mut self, now: Duration, by: Action) -> Option<Doing> {
        let connected = std::mem::replace(&mut self.connected, false);
        connected.then(|| {
            self.over = now;
            (self.at, by)
        })
    }

    fn requested(&mut self, now: Duration, head: RequestHead) -> Vec<Doing> {
        match &self.state {
            State::Running => {}
            State::Finished => return self.fail(now, format!("a request came: {head}")),
            State::Failed(failure) => return vec![(self.at, Action::Refuse(self.told(failure)))],
        }
        let wanted = match self.plan.get(self.at).map(|step| &step.what) {
            Some(What::Accept(wanted)) => wanted,
            Some(What::Stall | What::Disconnect { .. } | What::Head { .. } | What::Frame(_))
                if self.held.is_none() && self.connected =>
            {
                self.held = Some((head, now));
                return Vec::new();
            }
            _ => return self.fail(now, format!("a request came: {head}")),
        };
        match mismatch(wanted, &head, now.saturating_sub(self.over)) {
            Some(differences) => self.fail(now, format!("{head} came: {differences}")),
            None => {
                self.connected = true;
                let mut doings = vec![(self.at, Action::Take)];
                doings.extend(self.next(now));
                doings
            }
        }
    }

    fn taken(&mut self, now: Duration) -> Vec<Doing> {
        match self.plan.get(self.at).map(|step| &step.what) {
            Some(What::Head { .. } | What::Frame(_)) if self.state == State::Running => self.next(now),
            _ => Vec::new(),
        }
    }

    fn left(&mut self, now: Duration) -> Vec<Doing> {
        if !std::mem::replace(&mut self.connected, false) || self.state != State::Running {
            return Vec::new();
        }
        self.over = now;
        match self.plan.get(self.at).map(|step| &step.what) {
            Some(What::Stall | What::Disconnect { .. }) => self.next(now),
            _ => self.fail(now, "the client left".into()),
        }
    }

    fn timed(&mut self, now: Duration) -> Vec<Doing> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        if let Some((head, since)) = &self.held
            && now >= *since + GRACE
        {
            return self.fail(now, format!("a request came, and the client had not left the answer before: {head}"));
        }
        let late = match self.plan.get(self.at).map(|step| &step.what) {
            Some(What::Wait(_) | What::Silence(_)) => return self.next(now),
            Some(What::Accept(wanted)) => format!("no request came within {}", Written(wanted.within)),
            Some(What::Disconnect { within }) => format!("the client had not left within {}", Written(*within)),
            _ => format!("the client did not take it within {}", Written(PATIENCE)),
        };
        self.fail(now, late)
    }

    fn fail(&mut self, now: Duration, what: String) -> Vec<Doing> {
        let failure = Failure { at: self.at, what };
        self.held = None;
        let mut doings = vec![(self.at, Action::Refuse(self.told(&failure)))];
        doings.extend(self.disconnect(now, Action::Break { reset: false }));
        self.state = State::Failed(failure);
        doings
    }

    fn told(&self, failure: &Failure) -> String {
        told(&self.plan, failure)
    }
}

/// Until when a step waits.
enum Wait<'a> {
    Until(&'a Duration),
    Within(&'a Duration),
    Forever,
}

/// A failure with the step it happened in.
pub(super) fn told(plan: &[Planned], failure: &Failure) -> String {
    match plan.get(failure.at) {
        Some(step) => format!("step {}, {}: {}", failure.at + 1, step.written, failure.what),
        None => format!("after the last step: {}", failure.what),
    }
}

/// In what a request is not as wanted; `waited` is the time since the connection before was over.
fn mismatch(wanted: &Wanted, head: &RequestHead, waited: Duration) -> Option<String> {
    let mut differences = Vec::new();
    if let Some(method) = wanted.method.as_ref().filter(|method| **method != head.method) {
        differences.push(format!("the method is {}, not {method}", head.method));
    }
    if let Some(path) = &wanted.path {
        let target = if path.contains('?') { &*head.target } else { path_of(&head.target) };
        if path != target {
            differences.push(format!("the path is {}, not {}", quoted(target), quoted(path)));
        }
    }
    for (name, value) in &wanted.present {
        if !head.headers.get_all(name).iter().any(|came| came == value) {
            differences.push(match came(&head.headers, name) {
                Some(came) => format!("{name} is {came}, not {}", quoted(value)),
                None => format!("there is no {name}, and it ought to be {}", quoted(value)),
            });
        }
    }
    for name in &wanted.absent {
        if let Some(came) = came(&head.headers, name) {
            differences.push(format!("{name} is {came}, and ought not to be there"));
        }
    }
    if let Some(least) = wanted.not_before.filter(|least| waited < *least) {
        differences.push(format!("it came after {}, not {} or more", Written(waited), Written(least)));
    }
    (!differences.is_empty()).then(|| differences.join("; "))
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

fn came(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<String> = headers.get_all(name).iter().map(|value| quoted(value).to_string()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

#[cfg(test)]
mod tests;
