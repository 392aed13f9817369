//! What can go wrong before there is a connection, and with a single event.

use std::{error, fmt};

use sse_core::{
    EventName, FieldError,
    typed::{self, SchemaError},
};

use crate::{Delivery, Message};

/// Why no connection could be made. Trying again does not help with any of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The type does not tell the names of events. Use an enum with serde's default (external) tagging.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// No event can have the name to listen for. Correct the name.
    #[error(transparent)]
    Name(#[from] FieldError),
    /// The name is one of the hub's own, whose events are delivered as [`Signal`](crate::Signal)s. Rename the event.
    #[error("the event name `{0}` is the hub's own: what it says comes as a signal; rename the event")]
    Reserved(EventName),
    /// The browser refuses the URL. Correct it.
    #[error("the browser refuses the URL `{url}`: {message}")]
    Url {
        /// The URL.
        url: String,
        /// The browser's words.
        message: String,
    },
    /// The browser refuses a header. Correct its name or its value.
    #[error("the browser refuses the header `{name}`: {message}")]
    Header {
        /// The header's name. Its value may be a secret, so it is not repeated here.
        name: String,
        /// The browser's words.
        message: String,
    },
    /// The browser refuses the connection for another reason, which `message` tells.
    #[error("the browser refuses the connection: {message}")]
    Browser {
        /// The browser's words.
        message: String,
    },
}

/// An event whose data does not match its name's type. The stream goes on.
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
