//! A script that is known to be runnable: every text and number is checked, and so is the order.

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
    step::{Kind, Step},
    time::{ALLOWED, LONGEST, Written},
};
use crate::escape::quoted;

/// How many steps a script may have.
pub(super) const STEPS: usize = 10_000;

/// How long a request, the client's leaving, or its taking what is sent is waited for, unless the step says otherwise.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The status codes of answers; those below are no answers yet.
const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;

/// A step as the machine runs it.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// As it is written, for a person.
    pub(super) written: String,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
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

/// What a request has to be like.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) method: Option<Method>,
    pub(super) path: Option<String>,
    pub(super) present: Vec<(HeaderName, HeaderValue)>,
    pub(super) absent: Vec<HeaderName>,
    pub(super) not_before: Option<Duration>,
    pub(super) within: Duration,
}

/// Where the connection is before a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Idle,
    /// A request is taken and not answered.
    Asked,
    /// The body of an answer is open.
    Open,
}

/// Checks each step, and that it can stand where it stands.
pub(super) fn plan(steps: &[Step]) -> Result<Vec<Planned>, ScriptError> {
    if steps.len() > STEPS {
        return Err(ScriptError::new(format!("there are {} steps; allowed are up to {STEPS}", steps.len())));
    }
    let mut line = Line::Idle;
    let mut met = false;
    let mut planned = Vec::with_capacity(steps.len());
    for (number, step) in (1..).zip(steps) {
        let written = step.to_string();
        let checked = what(&step.0).and_then(|what| Ok((after(&what, line, &step.0, met)?, what)));
        match checked {
            Ok((after, what)) => {
                met |= matches!(what, What::Accept(_));
                line = after;
                planned.push(Planned { written, what });
            }
            Err(error) => return Err(ScriptError::at(number, written, error)),
        }
    }
    if line == Line::Asked {
        return Err(ScriptError::new(
            "the script is over before its last request is answered; allowed at the end is head, status, redirect, drop, \
             reset or stall",
        ));
    }
    Ok(planned)
}

/// Where the connection is after a step, if the step can follow.
fn after(what: &What, line: Line, kind: &Kind, met: bool) -> Result<Line, &'static str> {
    const NOBODY: &str = "there is no request to answer: accept one before";
    const ANSWERED: &str = "the request has its head already: end, drop or reset it, and accept another before";
    const UNANSWERED: &str = "the request before is not answered yet: head, status, redirect, drop, reset or stall";
    const NO_BODY: &str = "there is no open answer: accept and head have to come before";
    match (what, line) {
        (What::Accept(_), Line::Asked) => Err(UNANSWERED),
        (What::Accept(_), _) if matches!(kind, Kind::Accept(step) if step.again) && !met => {
            Err("there was no request before: the first is an accept")
        }
        (What::Accept(_), _) => Ok(Line::Asked),
        (What::Head { .. }, Line::Asked) => Ok(Line::Open),
        (What::Answer { .. }, Line::Asked) => Ok(Line::Idle),
        (What::Head { .. } | What::Answer { .. }, Line::Idle) => Err(NOBODY),
        (What::Head { .. } | What::Answer { .. }, Line::Open) => Err(ANSWERED),
        (What::Frame(_), Line::Open) => Ok(Line::Open),
        (What::End, Line::Open) => Ok(Line::Idle),
        (What::Frame(_) | What::End, _) => Err(NO_BODY),
        (What::Break { .. } | What::Stall | What::Disconnect { .. }, Line::Idle) => {
            Err("there is no connection: an accept has to come before")
        }
        (What::Break { .. } | What::Stall | What::Disconnect { .. }, _) => Ok(Line::Idle),
        (What::Silence(_), Line::Idle) => Ok(Line::Idle),
        (What::Silence(_), _) => Err("the client is still there: end, drop, reset or stall before"),
        (What::Wait(_), line) => Ok(line),
    }
}

fn what(kind: &Kind) -> Result<What, String> {
    Ok(match kind {
        Kind::Accept(step) => What::Accept(wanted(step)?),
        Kind::Head(step) => open_head(step)?,
        Kind::Event(step) => What::Frame(event(step)?.to_bytes()),
        Kind::Comment(text) => What::Frame(Event::builder().comment(text.clone()).build().to_bytes()),
        Kind::Retry(time) => What::Frame(Event::builder().retry(checked("the time", *time)?).build().to_bytes()),
        // HTTP has no empty chunk to send
        Kind::Raw(bytes) if bytes.is_empty() => return Err("there are no bytes; allowed is one or more".into()),
        Kind::Raw(bytes) => What::Frame(bytes.clone()),
        Kind::Wait(time) => What::Wait(checked("the time", *time)?),
        Kind::Drop => What::Break { reset: false },
        Kind::Reset => What::Break { reset: true },
        Kind::End => What::End,
        Kind::Stall => What::Stall,
        Kind::Answer(step) => answer(step)?,
        Kind::Disconnect(step) => What::Disconnect { within: patience(step.within)? },
        Kind::Silence(time) => What::Silence(checked("the time", *time)?),
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

fn open_head(step: &HeadStep) -> Result<What, String> {
    let status = status(step.status, STATUSES)?;
    if has_no_body(status) {
        return Err(format!("an answer of status {} has no body; use status({})", step.status, step.status));
    }
    let mut usual = HeaderMap::new();
    if status == StatusCode::OK {
        usual.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        usual.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(What::Head { status, headers: headers(usual, &step.headers)? })
}

fn answer(step: &AnswerStep) -> Result<What, String> {
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
    Ok(What::Answer { status, headers: headers(usual, &step.headers)?, body: step.body.clone().into() })
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

/// The usual header fields of an answer and those of the step, which take the place of usual ones.
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
    // by bytes: an ID may be any UTF-8
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
    if time <= LONGEST { Ok(time) } else { Err(format!("{field} is {}; allowed is {ALLOWED}", Written(time))) }
}
