//! An entry of a ledger.

use serde::{Deserialize, Serialize};

/// Something that was entered in a ledger. In a file each is a JSON object on a line of its own:
/// `{"connected":{"reader":"browser","last_event_id":""}}`.
///
/// ```
/// # use sse_testkit::{Ledger, ledger::Entry};
/// let ledger = Ledger::new();
/// ledger.publish("news", "one").refused();
/// assert_eq!(ledger.records()[1], Entry::Refused { publish: 0 });
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Entry {
    /// A publish is about to be sent.
    Published {
        /// Its number in this ledger.
        publish: u64,
        /// The topic.
        topic: String,
        /// The data, which identifies the event.
        data: String,
    },
    /// A publish was acknowledged.
    Acknowledged {
        /// The number of the publish.
        publish: u64,
        /// The event's id; empty if it is not known.
        id: String,
    },
    /// A publish was refused.
    Refused {
        /// The number of the publish.
        publish: u64,
    },
    /// A reader wants only these topics.
    Wants {
        /// The reader's name.
        reader: String,
        /// The topics.
        topics: Vec<String>,
    },
    /// A reader began before the first event.
    FromStart {
        /// The reader's name.
        reader: String,
    },
    /// A reader has connected.
    Connected {
        /// The reader's name.
        reader: String,
        /// The last event ID that it resumed with; empty if none.
        last_event_id: String,
    },
    /// A reader saw an event.
    Saw {
        /// The reader's name.
        reader: String,
        /// The event's name.
        name: String,
        /// The event's data.
        data: String,
        /// The last event ID as of the event.
        id: String,
    },
    /// A reader was told that something may be missing.
    Gap {
        /// The reader's name.
        reader: String,
        /// The last event ID as of the announcement.
        id: String,
    },
    /// A reader has left.
    Left {
        /// The reader's name.
        reader: String,
    },
    /// A reader must have seen everything that has been acknowledged by now.
    Complete {
        /// The reader's name.
        reader: String,
    },
    /// Something was drawn from a seed.
    Drawn {
        /// What was drawn, and from which seed.
        what: String,
    },
    /// What follows was recorded elsewhere, such as in another process. Its order relative to what precedes is not
    /// known.
    Elsewhere {},
}

impl Entry {
    /// The number of the publish, if this entry begins one.
    pub(super) const fn published(&self) -> Option<u64> {
        match self {
            Self::Published { publish, .. } => Some(*publish),
            _ => None,
        }
    }

    /// The same entry with `base` added to the number of its publish, for a merge.
    pub(super) fn renumbered(&self, base: u64) -> Self {
        let mut record = self.clone();
        match &mut record {
            Self::Published { publish, .. } | Self::Acknowledged { publish, .. } | Self::Refused { publish } => {
                *publish = publish.saturating_add(base);
            }
            _ => {}
        }
        record
    }
}
