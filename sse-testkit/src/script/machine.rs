//! The state machine of a script: no IO, no clock.
//!
//! ```text
//!               request              head                 end, drop, reset; the client leaves
//!   Idle ────── accept ──────▶ Asked ─────▶ Open ───────────────────────────────────────────────▶ Idle
//!                                └── status, redirect, drop, reset; the client leaves ───────────▶ Idle
//! ```
//!
//! At any time it waits for one thing: a request, the client's taking what was sent, its leaving, or a time. Anything
//! else that happens fails the script for good.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode};

use super::{
    plan::{PATIENCE, Planned, PlannedKind, Wanted},
    time::WrittenTime,
};
use crate::{escape::quoted, time::TICK};

/// How long a request is held back while the client has to take something or to leave: over a socket, the request of
/// the next connection may be noticed before the end of the previous one.
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
    /// [`ScriptMachine::deadline`] may have come.
    Time,
}

/// What the driver of the machine has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Takes the oldest waiting request.
    Take,
    /// Answers all waiting requests with the failure of the script.
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

/// An action, and the index of its step.
pub(super) type StepAction = (usize, Action);

/// Why a script failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// The index of the step; the number of steps if all had run.
    pub(super) at: usize,
    pub(super) what: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ScriptState {
    Running,
    Finished,
    Failed(Failure),
}

#[derive(Debug)]
pub(super) struct ScriptMachine {
    plan: Arc<[Planned]>,
    state: ScriptState,
    /// The index of the current step.
    at: usize,
    begun: Duration,
    /// Whether there is a connection.
    connected: bool,
    /// When the previous connection ended; at first, the start of the script.
    over: Duration,
    /// A request that is held back, and when it came.
    held: Option<(RequestHead, Duration)>,
}

impl ScriptMachine {
    /// Starts the script at `now`.
    pub(super) fn start(plan: Arc<[Planned]>, now: Duration) -> (Self, Vec<StepAction>) {
        let mut machine =
            Self { plan, state: ScriptState::Running, at: 0, begun: now, connected: false, over: now, held: None };
        let actions = machine.enter(now);
        (machine, actions)
    }

    pub(super) fn handle(&mut self, now: Duration, input: Input) -> Vec<StepAction> {
        match input {
            Input::Request(head) => self.requested(now, head),
            Input::Taken => self.taken(now),
            Input::Left => self.left(now),
            Input::Time => self.timed(now),
        }
    }

    pub(super) const fn state(&self) -> &ScriptState {
        &self.state
    }

    /// The index of the current or the failed step; the number of steps if all have run.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// When [`Input::Time`] is due.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let own = self.step().and_then(|what| match what {
            StepWait::Until(time) => Some(self.begun + *time),
            // the last instant is allowed
            StepWait::Within(time) => Some(self.begun + *time + TICK),
            StepWait::Forever => None,
        });
        let held = self.held.as_ref().map(|(_, since)| *since + GRACE);
        [own, held].into_iter().flatten().min()
    }

    fn step(&self) -> Option<StepWait<'_>> {
        let ScriptState::Running = self.state else { return None };
        Some(match &self.plan.get(self.at)?.what {
            PlannedKind::Wait(time) => StepWait::Until(time),
            PlannedKind::Silence(time) | PlannedKind::Disconnect { within: time } => StepWait::Within(time),
            PlannedKind::Accept(wanted) => StepWait::Within(&wanted.within),
            PlannedKind::Stall => StepWait::Forever,
            _ => StepWait::Within(&PATIENCE),
        })
    }

    /// Continues with the next step.
    fn next(&mut self, now: Duration) -> Vec<StepAction> {
        self.at += 1;
        self.enter(now)
    }

    /// Runs steps up to the next one that waits for something.
    fn enter(&mut self, now: Duration) -> Vec<StepAction> {
        let plan = Arc::clone(&self.plan);
        let mut actions = Vec::new();
        loop {
            self.begun = now;
            let Some(step) = plan.get(self.at) else {
                self.state = ScriptState::Finished;
                actions.extend(self.disconnect(now, Action::End));
                return self.held_back(now, actions);
            };
            match &step.what {
                PlannedKind::Accept(_) => {
                    actions.extend(self.disconnect(now, Action::End));
                    return self.held_back(now, actions);
                }
                PlannedKind::Head { status, headers } => {
                    actions.push((self.at, Action::Head { status: *status, headers: headers.clone() }));
                    return actions;
                }
                PlannedKind::Frame(bytes) => {
                    actions.push((self.at, Action::Frame(bytes.clone())));
                    return actions;
                }
                PlannedKind::Answer { status, headers, body } => {
                    let (headers, body) = (headers.clone(), body.clone());
                    actions.extend(self.disconnect(now, Action::Answer { status: *status, headers, body }));
                }
                PlannedKind::End => actions.extend(self.disconnect(now, Action::End)),
                PlannedKind::Break { reset } => actions.extend(self.disconnect(now, Action::Break { reset: *reset })),
                PlannedKind::Wait(_)
                | PlannedKind::Silence(_)
                | PlannedKind::Disconnect { .. }
                | PlannedKind::Stall => {
                    return self.held_back(now, actions);
                }
            }
            self.at += 1;
        }
    }

    /// Handles a request that was held back, now that the client has left.
    fn held_back(&mut self, now: Duration, mut actions: Vec<StepAction>) -> Vec<StepAction> {
        if let Some((head, _)) = self.held.take() {
            actions.extend(self.requested(now, head));
        }
        actions
    }

    /// Ends the connection with `by`, if there is one.
    fn disconnect(&mut self, now: Duration, by: Action) -> Option<StepAction> {
        let connected = std::mem::replace(&mut self.connected, false);
        connected.then(|| {
            self.over = now;
            (self.at, by)
        })
    }

    fn requested(&mut self, now: Duration, head: RequestHead) -> Vec<StepAction> {
        match &self.state {
            ScriptState::Running => {}
            ScriptState::Finished => return self.fail(now, format!("a request came: {head}")),
            ScriptState::Failed(failure) => return vec![(self.at, Action::Refuse(self.failure_text(failure)))],
        }
        let wanted = match self.plan.get(self.at).map(|step| &step.what) {
            Some(PlannedKind::Accept(wanted)) => wanted,
            Some(
                PlannedKind::Stall | PlannedKind::Disconnect { .. } | PlannedKind::Head { .. } | PlannedKind::Frame(_),
            ) if self.held.is_none() && self.connected => {
                self.held = Some((head, now));
                return Vec::new();
            }
            _ => return self.fail(now, format!("a request came: {head}")),
        };
        match mismatch(wanted, &head, now.saturating_sub(self.over)) {
            Some(differences) => self.fail(now, format!("{head} came: {differences}")),
            None => {
                self.connected = true;
                let mut actions = vec![(self.at, Action::Take)];
                actions.extend(self.next(now));
                actions
            }
        }
    }

    fn taken(&mut self, now: Duration) -> Vec<StepAction> {
        match self.plan.get(self.at).map(|step| &step.what) {
            Some(PlannedKind::Head { .. } | PlannedKind::Frame(_)) if self.state == ScriptState::Running => {
                self.next(now)
            }
            _ => Vec::new(),
        }
    }

    fn left(&mut self, now: Duration) -> Vec<StepAction> {
        if !std::mem::replace(&mut self.connected, false) || self.state != ScriptState::Running {
            return Vec::new();
        }
        self.over = now;
        match self.plan.get(self.at).map(|step| &step.what) {
            Some(PlannedKind::Stall | PlannedKind::Disconnect { .. }) => self.next(now),
            _ => self.fail(now, "the client left".into()),
        }
    }

    fn timed(&mut self, now: Duration) -> Vec<StepAction> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        if let Some((head, since)) = &self.held
            && now >= *since + GRACE
        {
            return self.fail(now, format!("a request came, and the client had not left the answer before: {head}"));
        }
        let late = match self.plan.get(self.at).map(|step| &step.what) {
            Some(PlannedKind::Wait(_) | PlannedKind::Silence(_)) => return self.next(now),
            Some(PlannedKind::Accept(wanted)) => format!("no request came within {}", WrittenTime(wanted.within)),
            Some(PlannedKind::Disconnect { within }) => {
                format!("the client had not left within {}", WrittenTime(*within))
            }
            _ => format!("the client did not take it within {}", WrittenTime(PATIENCE)),
        };
        self.fail(now, late)
    }

    fn fail(&mut self, now: Duration, what: String) -> Vec<StepAction> {
        let failure = Failure { at: self.at, what };
        self.held = None;
        let mut actions = vec![(self.at, Action::Refuse(self.failure_text(&failure)))];
        actions.extend(self.disconnect(now, Action::Break { reset: false }));
        self.state = ScriptState::Failed(failure);
        actions
    }

    fn failure_text(&self, failure: &Failure) -> String {
        failure_text(&self.plan, failure)
    }
}

/// How long a step waits.
enum StepWait<'a> {
    Until(&'a Duration),
    Within(&'a Duration),
    Forever,
}

/// The text of a failure, with its step.
pub(super) fn failure_text(plan: &[Planned], failure: &Failure) -> String {
    match plan.get(failure.at) {
        Some(step) => format!("step {}, {}: {}", failure.at + 1, step.written, failure.what),
        None => format!("after the last step: {}", failure.what),
    }
}

/// The differences between a request and what is wanted, if there are any. `waited` is the time since the end of the
/// previous connection.
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
        differences.push(format!("it came after {}, not {} or more", WrittenTime(waited), WrittenTime(least)));
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
