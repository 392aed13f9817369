//! A checked script: every text, number and the order of the steps is known to be allowed.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
    header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, TRANSFER_ENCODING},
};
use sse_core::{Event, EventId, EventName};

use super::{
    builders::{AcceptStep, AnswerStep, EventStep, HeadStep},
    error::ScriptError,
    step::{Step, StepKind},
    time::{ALLOWED, LONGEST, WrittenTime},
};
use crate::escape::quoted;

/// The largest number of steps.
pub(super) const STEPS: usize = 10_000;

/// How long a step waits for a request, for the client to leave, or for it to take what was sent, unless the step sets
/// another time.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The status codes that an answer may have; lower ones are informational.
const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;

/// A checked step, as the machine runs it.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// The step as it is written, for messages.
    pub(super) written: String,
    pub(super) what: PlannedKind,
}

#[derive(Debug, Clone)]
pub(super) enum PlannedKind {
    Accept(Wanted),
    Head { status: StatusCode, headers: HeaderMap },
    Answer { status: StatusCode, headers: HeaderMap, body: Bytes },
    Frame(Bytes),
    Wait(Duration),
    Silence(Duration),
    Disconnect { within: Duration },
    Stall,
    End,
    Break { reset: bool },
}

/// What a request has to meet.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) method: Option<Method>,
    pub(super) path: Option<String>,
    pub(super) present: Vec<(HeaderName, HeaderValue)>,
    pub(super) absent: Vec<HeaderName>,
    pub(super) not_before: Option<Duration>,
    pub(super) within: Duration,
}

/// The state of the connection before a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionState {
    Idle,
    /// A request has been taken, and not answered yet.
    Asked,
    /// The body of an answer is open.
    Open,
}

/// Checks each step, and that it may follow the steps before it.
pub(super) fn plan(steps: &[Step]) -> Result<Vec<Planned>, ScriptError> {
    if steps.len() > STEPS {
        return Err(ScriptError::new(format!("there are {} steps; allowed are up to {STEPS}", steps.len())));
    }
    let mut line = ConnectionState::Idle;
    let mut met = false;
    let mut planned = Vec::with_capacity(steps.len());
    for (number, step) in (1..).zip(steps) {
        let written = step.to_string();
        let checked = what(&step.0).and_then(|what| Ok((after(&what, line, &step.0, met)?, what)));
        match checked {
            Ok((after, what)) => {
                met |= matches!(what, PlannedKind::Accept(_));
                line = after;
                planned.push(Planned { written, what });
            }
            Err(error) => return Err(ScriptError::at(number, written, error)),
        }
    }
    if line == ConnectionState::Asked {
        return Err(ScriptError::new(
            "the script is over before its last request is answered; allowed at the end is head, status, redirect, drop, \
             reset or stall",
        ));
    }
    Ok(planned)
}

/// The state of the connection after a step, if the step is allowed in the state `line`.
fn after(
    what: &PlannedKind,
    line: ConnectionState,
    kind: &StepKind,
    met: bool,
) -> Result<ConnectionState, &'static str> {
    const NOBODY: &str = "there is no request to answer: accept one before";
    const ANSWERED: &str = "the request has its head already: end, drop or reset it, and accept another before";
    const UNANSWERED: &str = "the request before is not answered yet: head, status, redirect, drop, reset or stall";
    const NO_BODY: &str = "there is no open answer: accept and head have to come before";
    match (what, line) {
        (PlannedKind::Accept(_), ConnectionState::Asked) => Err(UNANSWERED),
        (PlannedKind::Accept(_), _) if matches!(kind, StepKind::Accept(step) if step.again) && !met => {
            Err("there was no request before: the first is an accept")
        }
        (PlannedKind::Accept(_), _) => Ok(ConnectionState::Asked),
        (PlannedKind::Head { .. }, ConnectionState::Asked) => Ok(ConnectionState::Open),
        (PlannedKind::Answer { .. }, ConnectionState::Asked) => Ok(ConnectionState::Idle),
        (PlannedKind::Head { .. } | PlannedKind::Answer { .. }, ConnectionState::Idle) => Err(NOBODY),
        (PlannedKind::Head { .. } | PlannedKind::Answer { .. }, ConnectionState::Open) => Err(ANSWERED),
        (PlannedKind::Frame(_), ConnectionState::Open) => Ok(ConnectionState::Open),
        (PlannedKind::End, ConnectionState::Open) => Ok(ConnectionState::Idle),
        (PlannedKind::Frame(_) | PlannedKind::End, _) => Err(NO_BODY),
        (PlannedKind::Break { .. } | PlannedKind::Stall | PlannedKind::Disconnect { .. }, ConnectionState::Idle) => {
            Err("there is no connection: an accept has to come before")
        }
        (PlannedKind::Break { .. } | PlannedKind::Stall | PlannedKind::Disconnect { .. }, _) => {
            Ok(ConnectionState::Idle)
        }
        (PlannedKind::Silence(_), ConnectionState::Idle) => Ok(ConnectionState::Idle),
        (PlannedKind::Silence(_), _) => Err("the client is still there: end, drop, reset or stall before"),
        (PlannedKind::Wait(_), line) => Ok(line),
    }
}

fn what(kind: &StepKind) -> Result<PlannedKind, String> {
    Ok(match kind {
        StepKind::Accept(step) => PlannedKind::Accept(wanted(step)?),
        StepKind::Head(step) => open_head(step)?,
        StepKind::Event(step) => PlannedKind::Frame(event(step)?.to_bytes()),
        StepKind::Comment(text) => PlannedKind::Frame(Event::builder().comment(text.clone()).build().to_bytes()),
        StepKind::Retry(time) => {
            PlannedKind::Frame(Event::builder().retry(checked("the time", *time)?).build().to_bytes())
        }
        // HTTP has no empty chunk to send
        StepKind::Raw(bytes) if bytes.is_empty() => return Err("there are no bytes; allowed is one or more".into()),
        StepKind::Raw(bytes) => PlannedKind::Frame(bytes.clone()),
        StepKind::Wait(time) => PlannedKind::Wait(checked("the time", *time)?),
        StepKind::Drop => PlannedKind::Break { reset: false },
        StepKind::Reset => PlannedKind::Break { reset: true },
        StepKind::End => PlannedKind::End,
        StepKind::Stall => PlannedKind::Stall,
        StepKind::Answer(step) => answer(step)?,
        StepKind::Disconnect(step) => PlannedKind::Disconnect { within: patience(step.within)? },
        StepKind::Silence(time) => PlannedKind::Silence(checked("the time", *time)?),
    })
}

fn wanted(step: &AcceptStep) -> Result<Wanted, String> {
    let method = step.method.as_deref().map(|method| {
        let upper_case = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
        let parsed = Method::from_bytes(method.as_bytes()).ok().filter(|_| upper_case);
        parsed.ok_or_else(|| format!("the method is {}; allowed is one in capitals, such as GET", quoted(method)))
    });
    if let Some(path) = step.path.as_deref().filter(|path| !path.starts_with('/') || path.parse::<Uri>().is_err()) {
        return Err(format!("the path is {}; allowed is one that begins with / and is encoded", quoted(path)));
    }
    let mut present = Vec::new();
    let mut absent = Vec::new();
    for (name, value) in &step.headers {
        let name = header_name(name)?;
        match value {
            Some(value) => present.push((name.clone(), header_value(&name, value)?)),
            None => absent.push(name),
        }
    }
    Ok(Wanted {
        method: method.transpose()?,
        path: step.path.clone(),
        present,
        absent,
        not_before: step.not_before.map(|time| checked("not_before", time)).transpose()?,
        within: patience(step.within)?,
    })
}

fn open_head(step: &HeadStep) -> Result<PlannedKind, String> {
    let status = status(step.status, STATUSES)?;
    if has_no_body(status) {
        return Err(format!("an answer of status {} has no body; use status({})", step.status, step.status));
    }
    let mut usual = HeaderMap::new();
    if status == StatusCode::OK {
        usual.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        usual.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(PlannedKind::Head { status, headers: headers(usual, &step.headers)? })
}

fn answer(step: &AnswerStep) -> Result<PlannedKind, String> {
    let status = match step.location {
        None => status(step.status, STATUSES)?,
        Some(_) => status(step.status, 300..=399)?,
    };
    if has_no_body(status) && !step.body.is_empty() {
        return Err(format!("an answer of status {} has no body", step.status));
    }
    let mut usual = HeaderMap::new();
    if let Some(location) = &step.location {
        usual.insert(LOCATION, header_value(&LOCATION, location)?);
    }
    Ok(PlannedKind::Answer { status, headers: headers(usual, &step.headers)?, body: step.body.clone().into() })
}

fn event(step: &EventStep) -> Result<Event, String> {
    let mut event = Event::builder().data(step.data.clone());
    if let Some(name) = &step.name {
        event = event.name(EventName::new(name.clone()).map_err(|error| error.to_string())?);
    }
    if let Some(id) = &step.id {
        event = event.id(EventId::new(id.clone()).map_err(|error| error.to_string())?);
    }
    if let Some(time) = step.retry {
        event = event.retry(checked("retry", time)?);
    }
    Ok(event.build())
}

/// The usual header fields of an answer and those of the step, which replace usual ones of the same name.
fn headers(mut usual: HeaderMap, said: &[(String, Option<String>)]) -> Result<HeaderMap, String> {
    usual.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let mut own = HeaderMap::new();
    for (name, value) in said {
        let name = header_name(name)?;
        if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
            return Err(format!("{name} is set by the server itself"));
        }
        usual.remove(&name);
        if let Some(value) = value {
            let value = header_value(&name, value)?;
            own.append(name, value);
        }
    }
    usual.extend(own);
    Ok(usual)
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    name.parse().map_err(|_| format!("{} can't name a header field", quoted(name)))
}

fn header_value(name: &HeaderName, value: &str) -> Result<HeaderValue, String> {
    // from bytes: an ID may be any UTF-8
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| format!("{} can't be the value of {name}", quoted(value)))
}

fn status(code: u16, allowed: std::ops::RangeInclusive<u16>) -> Result<StatusCode, String> {
    let status = StatusCode::from_u16(code).ok().filter(|_| allowed.contains(&code));
    status.ok_or_else(|| format!("the status is {code}; allowed is {} to {}", allowed.start(), allowed.end()))
}

fn has_no_body(status: StatusCode) -> bool {
    status == StatusCode::NO_CONTENT || status == StatusCode::RESET_CONTENT || status == StatusCode::NOT_MODIFIED
}

fn patience(within: Option<Duration>) -> Result<Duration, String> {
    checked("within", within.unwrap_or(PATIENCE))
}

fn checked(field: &str, time: Duration) -> Result<Duration, String> {
    if time <= LONGEST { Ok(time) } else { Err(format!("{field} is {}; allowed is {ALLOWED}", WrittenTime(time))) }
}
