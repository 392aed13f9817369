//! What can go wrong: before there is a connection, and with one event.

use std::{error, fmt};

use sse_core::{
    EventName, FieldError,
    typed::{self, SchemaError},
};

use crate::{Delivery, Message};

/// Why there is no connection. None of these goes away by trying again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The type says nothing about event names. Use an enum with serde's default tagging.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// No event can have the name that was to be listened for. Correct the name.
    #[error(transparent)]
    Name(#[from] FieldError),
    /// The name belongs to the hub, whose events come as [`Signal`](crate::Signal)s. Rename the event.
    #[error("the event name `{0}` is the hub's own: what it says comes as a signal; rename the event")]
    Reserved(EventName),
    /// The browser refuses the URL or a header: which one, and the browser's own words. Correct it.
    #[error("the browser refuses {0}")]
    Browser(String),
}

/// An event whose data is not what its name promises. The stream goes on.
#[derive(Debug)]
pub struct DecodeError(Box<Undecoded>);

#[derive(Debug)]
struct Undecoded {
    delivery: Delivery<Message>,
    cause: typed::DecodeError,
}

impl DecodeError {
    pub(crate) fn new(delivery: Delivery<Message>, cause: typed::DecodeError) -> Self {
        Self(Box::new(Undecoded { delivery, cause }))
    }

    /// The event as it arrived.
    #[must_use]
    pub fn delivery(&self) -> &Delivery<Message> {
        &self.0.delivery
    }

    /// What is wrong with it.
    #[must_use]
    pub fn cause(&self) -> &typed::DecodeError {
        &self.0.cause
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Undecoded { delivery, cause } = &*self.0;
        write!(f, "the event `{}` with id `{}` does not decode: {cause}", delivery.value.name, delivery.id)
    }
}

impl error::Error for DecodeError {}
