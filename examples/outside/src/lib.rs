//! A crate of someone else's: a weather station that speaks Server-Sent Events.
//!
//! [`Weather`] is the schema: its variants are the events. [`to_event`] writes one, [`Reader`] reads a stream as it
//! arrives. Who serves or fetches the bytes is not this crate's business; `tests/station.rs` has a service.

use serde::{Deserialize, Serialize};
use sse_core::{
    Event, EventId, Item, Parser,
    typed::{self, DecodeError, EncodeError, Schema, SchemaError},
};

/// What a station sends: `event: measured`, `event: warning` or `event: closed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weather {
    /// A measurement.
    Measured {
        /// The temperature.
        celsius: f64,
    },
    /// A warning, in words.
    Warning(String),
    /// The station goes to sleep.
    Closed,
}

/// An event with an ID for a client to resume from.
///
/// ```
/// use outside::{Weather, to_event};
/// use sse_core::EventId;
///
/// let event = to_event(&Weather::Measured { celsius: -4.5 }, EventId::from_static("7"))?;
/// assert_eq!(event.to_bytes(), "event: measured\nid: 7\ndata: {\"celsius\":-4.5}\n\n");
/// # Ok::<(), sse_core::typed::EncodeError>(())
/// ```
///
/// # Errors
///
/// [`EncodeError`] if the content is not JSON: a temperature that is no number is `null`, so there is none.
pub fn to_event(weather: &Weather, id: EventId) -> Result<Event, EncodeError> {
    Ok(typed::encode(weather)?.id(id).build())
}

/// Reads a station's stream from pieces of any size.
#[derive(Debug)]
pub struct Reader {
    parser: Parser,
    schema: Schema<Weather>,
}

impl Reader {
    /// A reader at the start of a stream.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] if [`Weather`] were no schema.
    pub fn new() -> Result<Self, SchemaError> {
        Ok(Self { parser: Parser::new(), schema: Schema::new()? })
    }

    /// What became whole with this piece; an event that is none of a station's is an error of its own, and the
    /// stream goes on after it.
    pub fn feed(&mut self, piece: &[u8]) -> Vec<Result<Weather, DecodeError>> {
        let Self { parser, schema } = self;
        let mut read = Vec::new();
        parser.feed(piece, |item| {
            if let Item::Event(event) = item {
                read.push(schema.decode(event.name(), event.data()));
            }
        });
        read
    }

    /// What to send as `Last-Event-ID` when connecting again.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.parser.last_event_id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> EventId {
        EventId::new(number.to_string()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_however_it_is_cut() {
        let sent = [
            Weather::Measured { celsius: 21.5 },
            Weather::Warning("storm,\nand a line that would forge: data".into()),
            Weather::Closed,
        ];
        let mut wire = Vec::new();
        for (number, weather) in sent.iter().enumerate() {
            to_event(weather, id(number)).unwrap().encode(&mut wire);
        }
        for size in 1..=wire.len() {
            let mut reader = Reader::new().unwrap();
            let read = wire.chunks(size).flat_map(|piece| reader.feed(piece));
            assert_eq!(read.collect::<Result<Vec<_>, _>>().unwrap(), sent, "in pieces of {size}");
            assert_eq!(reader.last_event_id(), "2");
        }
    }

    #[test]
    fn what_is_none_of_a_stations_is_told_and_passed() {
        let mut reader = Reader::new().unwrap();
        let wire = "event: tide\ndata: 3\n\nevent: measured\ndata: warm\n\nevent: closed\ndata:\n\n";
        let read = reader.feed(wire.as_bytes());
        assert!(matches!(&read[0], Err(DecodeError::Name(name)) if name == "tide"), "{read:?}");
        assert!(matches!(&read[1], Err(DecodeError::Data(_))), "{read:?}");
        assert_eq!(read[2].as_ref().unwrap(), &Weather::Closed);
    }
}
