//! The medians as tables, with what each has to keep to.

use std::{fmt, time::Duration};

use super::{
    log,
    measured::Measured,
    plan::{Case, Opened, Plan, Stopped, Store, Work},
};
use crate::table::{self, Table, grouped, number, quotient, thousands};

/// What a figure has to keep to.
#[derive(Clone, Copy, Debug)]
enum Target {
    AtLeast(f64),
    AtMost(f64),
}

/// Publishes a second, of those with durability none.
const INTERVAL: Target = Target::AtLeast(0.90);
const ALWAYS: Target = Target::AtLeast(0.60);

/// CPU for each delivery, of memory's.
const FANOUT: Target = Target::AtMost(1.05);

/// A start, in seconds.
const START: Target = Target::AtMost(2.0);

/// How many milliseconds later than on a fresh connection something comes on one that resumes.
const RESUME: Target = Target::AtMost(20.0);

pub(super) fn all(plan: &Plan, measured: &Measured, remarks: &[String], rounds: u32, place: &str) -> String {
    [
        table::heading(rounds, place),
        publishing(measured),
        fanout(plan, measured),
        starts(plan, measured),
        resumes(plan, measured),
        table::last_words(&plan.left_out, remarks),
    ]
    .concat()
}

fn publishing(measured: &Measured) -> String {
    let header = ["store, durability", "events/s", "of none", "target", "", "µs CPU an event", "tool's CPU"];
    let mut table = Table::new(&header);
    let case = |store| Case { work: Work::Publish, store };
    let events = |store| measured.loads.median(&case(store), |figures| figures.events);
    for (store, target) in
        [(Store::Memory, None), (Store::Never, None), (Store::Interval, Some(INTERVAL)), (Store::Always, Some(ALWAYS))]
    {
        let own = events(store);
        let of_none = quotient(own, events(Store::Never));
        let [target, verdict] = judged(target, of_none);
        let tool = measured.loads.median(&case(store), |figures| figures.tool);
        table.row(vec![
            store.name().to_owned(),
            thousands(own),
            number(of_none, 2),
            target,
            verdict,
            number(measured.loads.median(&case(store), |figures| figures.per_event), 1),
            format!("{}%", number(tool, 0)),
        ]);
    }
    format!("\nAcknowledged publishes, 200 bytes each, over 64 connections:\n\n{}", table.render())
}

fn fanout(plan: &Plan, measured: &Measured) -> String {
    let interval = Store::Interval.name();
    let mut table = Table::new(&["work", &format!("{interval}, µs"), "memory, µs", "ratio", "target", ""]);
    for work in [Work::Burst, Work::Lockstep] {
        let each = |store| measured.loads.median(&Case { work, store }, |figures| figures.per_delivery);
        let ratio = quotient(each(Store::Interval), each(Store::Memory));
        let [target, verdict] = judged(Some(FANOUT), ratio);
        let [disk, memory] = [Store::Interval, Store::Memory].map(|store| number(each(store), 3));
        table.row(vec![work.name().to_owned(), disk, memory, number(ratio, 3), target, verdict]);
    }
    let subscribers = grouped(plan.subscribers);
    format!("\nCPU for each delivery, {subscribers} subscribers of one topic:\n\n{}", table.render())
}

fn starts(plan: &Plan, measured: &Measured) -> String {
    let deepest = grouped(plan.deepest());
    let resume = format!("first resume, {deepest} behind, ms");
    let mut table = Table::new(&["start", "s", "target", "", "VmRSS, MiB", &resume]);
    for stopped in Stopped::ALL {
        let took = measured.starts.median(&stopped, |start| Some(start.took.as_secs_f64()));
        let [target, verdict] = judged(Some(START), took);
        let resident = measured.starts.median(&stopped, |start| start.resident);
        let first = measured.starts.median(&stopped, |start| Some(ms(start.first.first_event)));
        table.row(vec![
            stopped.to_string(),
            number(took, 2),
            target,
            verdict,
            number(resident.map(|bytes| bytes / f64::from(1 << 20)), 0),
            number(first, 1),
        ]);
    }
    format!("\nStart with {} events of 200 bytes:\n\n{}", grouped(log::events(plan)), table.render())
}

fn resumes(plan: &Plan, measured: &Measured) -> String {
    let header = ["stream", "first byte, ms", "above fresh", "first event, ms", "above fresh", "target", ""];
    let mut table = Table::new(&header);
    for stream in plan.streams() {
        let byte = |stream: Opened| measured.openings.median(&stream, |waited| Some(ms(waited.first_byte)));
        let event = |stream: Opened| measured.openings.median(&stream, |waited| Some(ms(waited.first_event)));
        let fresh = Opened { depth: None, ..stream };
        let above = |own: Option<f64>, fresh: Option<f64>| {
            stream.depth?;
            own.zip(fresh).map(|(own, fresh)| own - fresh)
        };
        let [bytes_above, events_above] = [above(byte(stream), byte(fresh)), above(event(stream), event(fresh))];
        let worse = bytes_above.zip(events_above).map(|(byte, event)| byte.max(event));
        let [target, verdict] = judged(stream.depth.map(|_| RESUME), worse);
        table.row(vec![
            stream.to_string(),
            number(byte(stream), 2),
            number(bytes_above, 2),
            number(event(stream), 2),
            number(events_above, 2),
            target,
            verdict,
        ]);
    }
    let openings = plan.openings;
    format!("\nStreams from a depth, each opened {openings} times in a round:\n\n{}", table.render())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The target and whether it is held, as two cells; both are empty without one.
fn judged(target: Option<Target>, value: Option<f64>) -> [String; 2] {
    let Some(target) = target else { return Default::default() };
    let verdict = match value {
        None => "not measured",
        Some(value) if target.is_held(value) => "held",
        Some(_) => "missed",
    };
    [target.to_string(), verdict.to_owned()]
}

impl Target {
    fn is_held(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::AtMost(most) => write!(f, "at most {most}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        load::Figures,
        results::Results,
        store::{client::Waited, measured::Start},
    };

    fn measured() -> Measured {
        Measured { loads: Results::new(), starts: Results::new(), openings: Results::new() }
    }

    fn waited(millis: u64) -> Waited {
        let time = Duration::from_millis(millis);
        Waited { first_byte: time, first_event: time }
    }

    #[test]
    fn a_target_is_held_or_missed() {
        assert_eq!(judged(Some(ALWAYS), Some(0.6)), ["at least 0.6", "held"]);
        assert_eq!(judged(Some(FANOUT), Some(1.051)), ["at most 1.05", "missed"]);
        assert_eq!(judged(Some(START), None), ["at most 2", "not measured"]);
        assert_eq!(judged(None, Some(1.0)), ["", ""]);
    }

    #[test]
    fn publishing_is_compared_with_none() {
        let mut measured = measured();
        for (store, events) in [(Store::Never, 1000.0), (Store::Interval, 950.0), (Store::Always, 500.0)] {
            let figures = Figures { events: Some(events), ..Figures::default() };
            measured.loads.add(Case { work: Work::Publish, store }, figures);
        }
        let text = publishing(&measured);
        let row = |name: &str| text.lines().find(|line| line.contains(name)).unwrap().to_owned();
        assert!(row("interval").contains(" 0.95 ") && row("interval").contains(" held "));
        assert!(row("always").contains(" 0.50 ") && row("always").contains(" missed "));
    }

    #[test]
    fn the_later_of_byte_and_event_is_judged_and_only_beside_a_fresh_stream() {
        let plan = Plan::new(true, 1 << 20);
        let mut measured = measured();
        let at = |depth| Opened { selector: "t/5", depth };
        measured.openings.add(at(None), waited(1));
        measured.openings.add(at(Some(1_000)), waited(21));
        let late = Waited { first_byte: Duration::from_millis(2), first_event: Duration::from_millis(22) };
        measured.openings.add(at(Some(100_000)), late);
        let text = resumes(&plan, &measured);
        let row = |name: &str| text.lines().find(|line| line.contains(name)).unwrap().to_owned();
        assert!(row("t/5, 1,000 behind").contains(" held "));
        assert!(row("t/5, 100,000 behind").contains(" missed "));
        assert!(!row("t/5, a fresh").contains("at most"));
        assert!(row("t/*, 1,000 behind").contains("not measured"));
    }

    #[test]
    fn a_start_is_judged() {
        let mut measured = measured();
        let start = |millis| Start {
            took: Duration::from_millis(millis),
            resident: Some(f64::from(3 << 20)),
            first: waited(4),
        };
        measured.starts.add(Stopped::Terminated, start(2_000));
        measured.starts.add(Stopped::Killed, start(2_001));
        let text = starts(&Plan::new(false, 1 << 20), &measured);
        let row = |name: &str| text.lines().find(|line| line.contains(name)).unwrap().to_owned();
        assert!(row("SIGTERM").contains(" held ") && row("SIGTERM").contains(" 3 "));
        assert!(row("SIGKILL").contains(" missed "));
        assert!(text.contains("1,004,000 events"));
    }
}
