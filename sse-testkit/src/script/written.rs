//! Shows a step as it is written in the macro.

use std::{fmt, time::Duration};

use super::{
    builders::{AcceptStep, AnswerStep, DisconnectStep, EventStep, HeadStep, REDIRECT},
    step::{Step, StepKind},
    time::WrittenTime,
};
use crate::escape::quoted;

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            StepKind::Accept(step) => step.fmt(f),
            StepKind::Head(step) => step.fmt(f),
            StepKind::Event(step) => step.fmt(f),
            StepKind::Comment(text) => write!(f, "comment({})", quoted(text)),
            StepKind::Retry(time) => write!(f, "retry({})", WrittenTime(*time)),
            StepKind::Raw(bytes) => write!(f, "raw(b{})", quoted(bytes)),
            StepKind::Wait(time) => write!(f, "wait({})", WrittenTime(*time)),
            StepKind::Drop => f.write_str("drop"),
            StepKind::End => f.write_str("end"),
            StepKind::Reset => f.write_str("reset"),
            StepKind::Stall => f.write_str("stall"),
            StepKind::Answer(step) => step.fmt(f),
            StepKind::Disconnect(step) => step.fmt(f),
            StepKind::Silence(time) => write!(f, "expect_silence({})", WrittenTime(*time)),
        }
    }
}

impl fmt::Display for AcceptStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.again { "expect_reconnect()" } else { "accept" })?;
        text(f, "method", self.method.as_deref())?;
        text(f, "path", self.path.as_deref())?;
        for (name, value) in &self.headers {
            match (&**name, value) {
                ("last-event-id", Some(id)) => write!(f, ".last_event_id({})", quoted(id))?,
                ("last-event-id", None) => f.write_str(".no_last_event_id()")?,
                _ => header(f, name, value.as_deref())?,
            }
        }
        time(f, "not_before", self.not_before)?;
        time(f, "within", self.within)
    }
}

impl fmt::Display for HeadStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "head({})", self.status)?;
        self.headers.iter().try_for_each(|(name, value)| header(f, name, value.as_deref()))
    }
}

impl fmt::Display for EventStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event({})", quoted(&self.data))?;
        text(f, "name", self.name.as_deref())?;
        text(f, "id", self.id.as_deref())?;
        time(f, "retry", self.retry)
    }
}

impl fmt::Display for AnswerStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            None => write!(f, "status({})", self.status)?,
            Some(location) => write!(f, "redirect({})", quoted(location))?,
        }
        if self.location.is_some() && self.status != REDIRECT {
            write!(f, ".status({})", self.status)?;
        }
        self.headers.iter().try_for_each(|(name, value)| header(f, name, value.as_deref()))?;
        text(f, "body", Some(&*self.body).filter(|body| !body.is_empty()))
    }
}

impl fmt::Display for DisconnectStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expect_disconnect()")?;
        time(f, "within", self.within)
    }
}

fn text(f: &mut fmt::Formatter<'_>, option: &str, value: Option<&str>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, ".{option}({})", quoted(value)))
}

fn time(f: &mut fmt::Formatter<'_>, option: &str, value: Option<Duration>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, ".{option}({})", WrittenTime(value)))
}

fn header(f: &mut fmt::Formatter<'_>, name: &str, value: Option<&str>) -> fmt::Result {
    match value {
        Some(value) => write!(f, ".header({}, {})", quoted(name), quoted(value)),
        None => write!(f, ".no_header({})", quoted(name)),
    }
}
