//! What is listened for, and how it is decoded.

use std::fmt;

use serde::de::DeserializeOwned;
use sse_core::{
    EventId, EventName, Text,
    hub::names::event::{CURSOR, DRAIN, END, GAP},
    typed::Schema,
};

use crate::{ConnectError, DecodeError, Delivery, Message};

/// The name of events without one.
const MESSAGE: EventName = EventName::from_static("message");

/// An event as it arrives, before it is decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawEvent<'a> {
    pub(crate) name: &'a str,
    pub(crate) data: &'a str,
    /// The last event ID as of this event.
    pub(crate) id: &'a str,
    pub(crate) origin: &'a Text,
}

/// Decodes events, by their names.
pub(crate) struct Decoder<T> {
    /// Without duplicates, and without the hub's own.
    names: Vec<EventName>,
    read: Box<Read<T>>,
}

/// The name is the event's, to be shared instead of copied.
type Read<T> = dyn Fn(RawEvent<'_>, &EventName) -> Result<Delivery<T>, DecodeError>;

impl<T: DeserializeOwned + 'static> Decoder<T> {
    /// Decodes the variants of an enum.
    pub(crate) fn typed() -> Result<Self, ConnectError> {
        let schema = Schema::<T>::new()?;
        let mut names = Vec::new();
        for name in schema.names() {
            add(&mut names, EventName::new(*name)?)?;
        }
        let read = move |event: RawEvent<'_>, name: &EventName| match schema.decode(event.name, event.data) {
            Ok(value) => Ok(event.deliver(value)),
            Err(cause) => Err(DecodeError::new(event.untyped(name.clone()), cause)),
        };
        Ok(Self { names, read: Box::new(read) })
    }
}

impl Decoder<Message> {
    /// Takes events without a name as they are.
    pub(crate) fn untyped() -> Self {
        Self { names: vec![MESSAGE], read: Box::new(|event, name| Ok(event.untyped(name.clone()))) }
    }

    /// Takes events named `name` too.
    pub(crate) fn listen(mut self, name: impl Into<Text>) -> Result<Self, ConnectError> {
        let name = EventName::new(name)?;
        if !name.text().is_empty() {
            add(&mut self.names, name)?;
        } // an empty name means `message`, which is in already
        Ok(self)
    }
}

impl<T> Decoder<T> {
    pub(crate) fn names(&self) -> &[EventName] {
        &self.names
    }

    /// Decodes an event; `None` if its name is not listened for.
    pub(crate) fn read(&self, event: RawEvent<'_>) -> Option<Result<Delivery<T>, DecodeError>> {
        let name = self.names.iter().find(|name| name.text() == event.name)?;
        Some((self.read)(event, name))
    }
}

impl RawEvent<'_> {
    pub(crate) fn untyped(self, name: EventName) -> Delivery<Message> {
        self.deliver(Message { name, data: self.data.into() })
    }

    fn deliver<T>(&self, value: T) -> Delivery<T> {
        // The check never fails: the browser or the parser took this for an ID.
        Delivery { value, id: EventId::new(self.id).unwrap_or_default(), origin: self.origin.clone() }
    }
}

fn add(names: &mut Vec<EventName>, name: EventName) -> Result<(), ConnectError> {
    if [CURSOR, GAP, DRAIN, END].contains(&name.as_str()) {
        return Err(ConnectError::Reserved(name));
    }
    if !names.contains(&name) {
        names.push(name);
    }
    Ok(())
}

impl<T> fmt::Debug for Decoder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("names", &self.names).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[test]
    fn an_enum_is_listened_for_by_all_its_names() {
        #[derive(Deserialize)]
        enum Any {
            #[serde(alias = "former")]
            Now,
            #[serde(rename = "error")]
            Error(#[allow(dead_code)] u8),
        }
        let decoder = Decoder::<Any>::typed().unwrap();
        let mut names: Vec<_> = decoder.names().iter().map(EventName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["Now", "error", "former"]);
    }

    #[test]
    fn an_enum_may_not_have_the_hubs_names() {
        #[derive(Debug, Deserialize)]
        enum Taken {
            #[serde(rename = "sse-gap")]
            Gap,
        }
        let error = Decoder::<Taken>::typed().unwrap_err();
        assert_eq!(error, ConnectError::Reserved(EventName::from_static(GAP)));
        assert_eq!(
            error.to_string(),
            "the event name `sse-gap` is the hub's own: what it says comes as a signal; rename the event"
        );
    }

    #[test]
    fn other_types_are_refused() {
        assert!(matches!(Decoder::<Vec<u8>>::typed(), Err(ConnectError::Schema(_))));
    }

    #[test]
    fn messages_and_the_chosen_names_each_once() {
        let decoder = Decoder::untyped().listen("tick").unwrap();
        let decoder = decoder.listen("tick").unwrap().listen("message").unwrap().listen("").unwrap();
        assert_eq!(decoder.names().iter().map(EventName::as_str).collect::<Vec<_>>(), ["message", "tick"]);
    }

    #[test]
    fn a_name_that_no_event_has_is_refused() {
        assert!(matches!(Decoder::untyped().listen("a\nb"), Err(ConnectError::Name(_))));
        let reserved = ConnectError::Reserved(EventName::from_static(CURSOR));
        assert_eq!(Decoder::untyped().listen("sse-cursor").unwrap_err(), reserved);
    }
}
