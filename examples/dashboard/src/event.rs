//! What happens in the shop: the one type that is published, sent and shown.

use serde::{Deserialize, Serialize};

/// Where it is published.
pub const TOPIC: &str = "shop/orders";

/// Something that happened to an order. A variant's name is an event's, in lower case, and its fields are the data.
///
/// `at` is when it happened, in milliseconds since 1970 by the shop's clock. Amounts are in cents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Event {
    /// Somebody wants something.
    Placed { order: u32, at: u64, items: u16, cents: u32 },
    /// And has paid for it.
    Paid { order: u32, at: u64, cents: u32 },
    /// It is on its way.
    Shipped { order: u32, at: u64, to: String },
    /// It is not wanted any more. What had been paid is paid back.
    Cancelled { order: u32, at: u64, refund: u32 },
}

impl Event {
    /// The order's number.
    #[must_use]
    pub const fn order(&self) -> u32 {
        match self {
            Self::Placed { order, .. }
            | Self::Paid { order, .. }
            | Self::Shipped { order, .. }
            | Self::Cancelled { order, .. } => *order,
        }
    }

    /// When it happened.
    #[must_use]
    pub const fn at(&self) -> u64 {
        match self {
            Self::Placed { at, .. } | Self::Paid { at, .. } | Self::Shipped { at, .. } | Self::Cancelled { at, .. } => {
                *at
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sse_wasm_client::typed::{Schema, encode};

    use super::*;

    #[test]
    fn what_is_published_is_what_the_page_reads() {
        let events = [
            Event::Placed { order: 7, at: 1, items: 2, cents: 1999 },
            Event::Paid { order: 7, at: 2, cents: 1999 },
            Event::Shipped { order: 7, at: 3, to: "Ghent\n\"x\"".into() },
            Event::Cancelled { order: 8, at: 4, refund: 0 },
        ];
        let schema = Schema::<Event>::new().unwrap();
        assert_eq!(schema.names(), ["placed", "paid", "shipped", "cancelled"]);
        for event in events {
            let sent = encode(&event).unwrap().build();
            assert_eq!(schema.decode(sent.name(), sent.data().unwrap()).unwrap(), event);
        }
    }
}
