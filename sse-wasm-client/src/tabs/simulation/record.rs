//! What goes in and out of tabs, written down for the JavaScript client's tests, which replay it.

use std::{fmt::Write, fs, time::Duration};

use serde_json::json;
use sse_core::EventId;

use super::{Deed, Kind, TABS, World, input::Input, perform};
use crate::{
    CloseReason, Delivery, Limit, Message, Refusal, State,
    tabs::{aside::Aside, output::Output},
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/js/tests/traces.json");

/// Writes the file instead of comparing it.
const REWRITE: &str = "SSE_WRITE_TRACES";

const RUNS: u64 = 40;

/// Longer runs, found among thousands, that show differences which the others don't.
const RARE: [u64; 2] = [432, 1441];

/// The steps of one world, in order. Tabs, notices and events are told by their index. All is JSON already, since the
/// order of fields counts.
#[derive(Debug, Default)]
pub(super) struct Record {
    tabs: Vec<u64>,
    notices: Vec<String>,
    events: Vec<Delivery<Message>>,
    /// Of the step that is under way: tab, time, input and its value.
    input: Option<String>,
    outputs: Vec<String>,
    /// Tab, time, input and its value, outputs, next time.
    steps: Vec<String>,
}

impl Record {
    pub(super) fn join(&mut self, tab: u64, now: Duration, start: &EventId) {
        self.tabs.push(tab);
        self.begin(tab, now, "join", &json!(start.as_str()).to_string());
    }

    pub(super) fn input(&mut self, tab: u64, now: Duration, input: &Input) {
        let none = || "null".to_owned();
        let (name, value) = match input {
            Input::Granted => ("granted", none()),
            Input::Stolen => ("stolen", none()),
            Input::Unavailable => ("unavailable", none()),
            Input::Notice(text) => ("notice", index(&mut self.notices, text)),
            Input::Event(event) => ("event", index(&mut self.events, event)),
            Input::State(state) => ("state", of_state(*state)),
            Input::Aside(aside) => ("aside", of_aside(aside)),
            Input::Time => ("time", none()),
            Input::Frozen => ("frozen", none()),
            Input::Resumed => ("resumed", none()),
            Input::Close => ("close", none()),
        };
        self.begin(tab, now, name, &value);
    }

    pub(super) fn output(&mut self, now: Duration, output: &Output) {
        let (name, value) = match output {
            Output::Request => ("request", None),
            Output::Steal => ("steal", None),
            Output::Release => ("release", None),
            Output::Post(notice) => ("post", Some(index(&mut self.notices, &notice.clone().encode(now)))),
            Output::Connect { last_event_id } => ("connect", Some(json!(last_event_id.as_str()).to_string())),
            Output::Disconnect => ("disconnect", None),
            Output::CheckDeadlines => ("checkDeadlines", None),
            Output::Event(event) => ("event", Some(index(&mut self.events, event))),
            Output::State(state) => ("state", Some(of_state(*state))),
            Output::Aside(aside) => ("aside", Some(of_aside(aside))),
        };
        let value = value.map(|value| format!(",{value}")).unwrap_or_default();
        self.outputs.push(format!("[\"{name}\"{value}]"));
    }

    /// The step is over.
    pub(super) fn settle(&mut self, next: Option<Duration>) {
        if let Some(input) = self.input.take() {
            let outputs = std::mem::take(&mut self.outputs).join(",");
            self.steps.push(format!("[{input},[{outputs}],{}]", json!(next.map(milliseconds))));
        }
    }

    fn begin(&mut self, tab: u64, now: Duration, name: &str, value: &str) {
        let tab = self.tabs.iter().position(|known| *known == tab);
        self.input = Some(format!("{},{},\"{name}\",{value}", json!(tab), milliseconds(now)));
    }

    fn write(&self, about: &str, to: &mut String) {
        let event = |event: &Delivery<Message>| {
            let Delivery { value: Message { name, data }, id, origin } = event;
            json!([name.as_str(), data.as_str(), id.as_str(), origin.as_str()]).to_string()
        };
        let notices: Vec<_> = self.notices.iter().map(|text| json!(text).to_string()).collect();
        let events: Vec<_> = self.events.iter().map(event).collect();
        write!(to, "{{\"about\":{},\"tabs\":{}", json!(about), json!(self.tabs)).unwrap();
        for (name, rows) in [("notices", &notices), ("events", &events), ("steps", &self.steps)] {
            write!(to, ",\n\"{name}\":[\n{}\n]", rows.join(",\n")).unwrap();
        }
        to.push('}');
    }
}

/// The index of `value` among `all`, to which it is added if it is new.
fn index<T: Clone + PartialEq>(all: &mut Vec<T>, value: &T) -> String {
    let index = all.iter().position(|known| known == value).unwrap_or_else(|| {
        all.push(value.clone());
        all.len() - 1
    });
    index.to_string()
}

fn milliseconds(time: Duration) -> u64 {
    let milliseconds = time.as_millis() as u64;
    assert_eq!(time, Duration::from_millis(milliseconds), "exact in JavaScript too");
    milliseconds
}

/// States as JavaScript has them.
fn of_state(state: State) -> String {
    let why = match state {
        State::Connecting => return r#"{"kind":"connecting"}"#.into(),
        State::Open => return r#"{"kind":"open"}"#.into(),
        State::Waiting { attempt, until } => {
            return format!(r#"{{"kind":"waiting","attempt":{attempt},"until":{}}}"#, milliseconds(until));
        }
        State::Paused => return r#"{"kind":"paused"}"#.into(),
        State::Closed { why } => match why {
            CloseReason::ByApplication => "application",
            CloseReason::GaveUp => "gave-up",
            CloseReason::Ended => "ended",
            CloseReason::Status(status) => return format!(r#"{{"kind":"closed","why":"status","status":{status}}}"#),
            CloseReason::NotAnEventStream => "not-an-event-stream",
            CloseReason::Failed => "failed",
        },
    };
    format!(r#"{{"kind":"closed","why":"{why}"}}"#)
}

fn of_aside(aside: &Aside) -> String {
    let Aside::Refused(Refusal { status, problem, retry_after }) = aside else {
        let limit = match aside {
            Aside::TooLong(Limit::Line) => "line",
            Aside::TooLong(Limit::Id) => "id",
            Aside::TooLong(Limit::Name) => "name",
            _ => "event",
        };
        return format!(r#"{{"type":"too-long","limit":"{limit}"}}"#);
    };
    let problem = problem.as_ref().map_or("null".into(), |problem| {
        let text = |text: Option<&sse_core::Text>| json!(text.map(sse_core::Text::as_str));
        let [kind, title, detail] = [Some(&problem.kind), problem.title.as_ref(), problem.detail.as_ref()].map(text);
        format!(r#"{{"type":{kind},"title":{title},"detail":{detail}}}"#)
    });
    let [status, retry_after] = [status.map(u64::from), retry_after.map(milliseconds)].map(|number| json!(number));
    format!(r#"{{"type":"refused","status":{status},"problem":{problem},"retryAfter":{retry_after}}}"#)
}

/// A deed by the world's own randomness, which stays the same.
fn draw(world: &mut World) -> Deed {
    let mut below = |below| world.draw(below);
    let tab = below(TABS as u64) as usize;
    match below(32) {
        0..8 => Deed::Publish(1 + below(3) as u8),
        8..12 => Deed::Join,
        12 => Deed::JoinLike(tab),
        13 => Deed::JoinLate(below(12) as u8),
        14 => Deed::JoinAstray,
        15 => Deed::JoinAlone,
        16 | 17 => Deed::Close(tab),
        18 => Deed::Kill(tab),
        19 | 20 => Deed::Freeze { tab, is_announced: below(2) == 0, keeps: below(2) == 0 },
        21 | 22 => Deed::Thaw(tab),
        23 => Deed::Restart { down: below(3000) as u16, loses: below(3) == 0 },
        24 => Deed::Overload(below(2000) as u16),
        25 => Deed::Trim(below(4) as u8),
        26 | 27 => Deed::Report(tab),
        28 => Deed::Wait(below(20_000) as u16),
        _ => Deed::Wait(below(600) as u16),
    }
}

/// All runs as JSON, a step a line.
fn traces() -> String {
    let mut traces = String::from("[\n");
    for run in (0..RUNS).chain(RARE) {
        let (deeds, end) = if run < RUNS { (16, 12) } else { (40, 30) };
        let kind = if run % 4 == 3 { Kind::Foreign } else { Kind::Hub };
        let seed = run.wrapping_mul(0x9e37_79b9_7f4a_7c15); // seeds of one bit's difference would be alike
        let mut world = World::new(kind, seed, None);
        world.record = Some(Record::default());
        world.join(None);
        // In some runs the leader sleeps until another takes over; in others the topic ends.
        let (sleeps, ends) = (run % 4 == 1, run % 4 == 2);
        let is_announced = run % 8 == 1;
        let sleep = [Deed::Join, Deed::Publish(2), Deed::Freeze { tab: 0, is_announced, keeps: true }];
        let wake = [Deed::Wait(20_000), Deed::Publish(1), Deed::Thaw(0)];
        for deed in sleep.iter().chain(&wake).filter(|_| sleeps) {
            perform(&mut world, deed);
        }
        for number in 0..deeds {
            let deed = draw(&mut world);
            perform(&mut world, &deed);
            if number == end && ends {
                world.end_topic();
            }
        }
        let record = world.record.take().unwrap();
        record.write(&format!("{kind:?} {run}"), &mut traces);
        traces.push_str(",\n");
    }
    traces.truncate(traces.len() - 2);
    traces + "\n]\n"
}

#[test]
fn the_traces_for_javascript_are_up_to_date() {
    let traces = traces();
    for name in [
        "join",
        "granted",
        "stolen",
        "unavailable",
        "notice",
        "event",
        "state",
        "aside",
        "time",
        "frozen",
        "resumed",
        "close",
        "request",
        "steal",
        "release",
        "post",
        "connect",
        "disconnect",
        "checkDeadlines",
    ] {
        assert!(traces.contains(&format!("\"{name}\"")), "{name} is not in the traces");
    }
    for said in ["call", "here", "begin", "event", "beat", "aside", "replay"] {
        assert!(traces.contains(&format!(r#"\"says\":{{\"{said}\""#)), "{said} is not in the traces");
    }
    if std::env::var_os(REWRITE).is_some() {
        fs::write(FILE, traces).unwrap();
    } else {
        let is_same = fs::read_to_string(FILE).is_ok_and(|file| file == traces);
        assert!(is_same, "{FILE} is stale: run this test with {REWRITE}=1, and then those of js/tests");
    }
}
