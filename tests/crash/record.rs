//! What was seen of a chain of lives: plain data, for the oracle to judge.

use std::{collections::BTreeSet, fmt, time::Duration};

/// When a publish is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// When it is on the disk.
    Always,
    /// At once; it is on the disk within the interval.
    Interval,
}

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) durability: Durability,
    pub(crate) lives: Vec<Life>,
}

/// From a start to a kill.
#[derive(Debug, Clone, Default)]
pub(crate) struct Life {
    /// The ID of the first event that was published in it. What comes before it in the log is of earlier lives.
    pub(crate) marker: String,
    /// Each publisher's in the order in which it made them, one after the answer to the other.
    pub(crate) publishes: Vec<Publish>,
    /// The first is the audit: all that was retained at the start, through the marker.
    pub(crate) sessions: Vec<Session>,
    pub(crate) death: Option<Death>,
}

/// How a life ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Death {
    /// Just before the kill. Times are since the chain began.
    pub(crate) at: Duration,
    /// What was acknowledged this long before must be on the disk.
    pub(crate) window: Duration,
    /// For that long nothing was being published.
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Publish {
    pub(crate) publisher: usize,
    pub(crate) topic: &'static str,
    /// No two have the same, and the idempotency key is its first word: a publish of it once more is a repetition.
    pub(crate) content: String,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Acknowledged {
        id: String,
        duplicate: bool,
        at: Duration,
    },
    /// The connection broke off before there was an answer.
    Unknown {
        at: Duration,
    },
}

/// One stream, from its request to its end.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) selectors: &'static [&'static str],
    pub(crate) start: Start,
    /// Empty if the hub was killed before it could answer.
    pub(crate) items: Vec<Item>,
    pub(crate) end: End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    Head,
    Earliest,
    After(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Event {
        id: String,
        content: String,
    },
    Cursor {
        id: String,
    },
    Gap {
        id: String,
        reason: String,
        requested: String,
        first: Option<String>,
    },
    /// Another event of the hub's own.
    Other {
        id: String,
        name: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The test left it.
    Cut,
    /// It broke off.
    Broken { at: Duration },
    /// The hub ended it.
    Closed,
}

impl Record {
    /// Every ID under which a client may come back, in order. That of a gap is left out: who has got it was told of
    /// the loss, but is not past it.
    pub(crate) fn ids(&self) -> BTreeSet<&str> {
        self.lives.iter().flat_map(Life::ids).collect()
    }
}

impl Life {
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        let acknowledged = self.publishes.iter().filter_map(Publish::id);
        let items = self.sessions.iter().flat_map(|session| &session.items);
        acknowledged.chain(items.filter(|item| !matches!(item, Item::Gap { .. })).map(Item::id))
    }
}

impl Publish {
    /// The ID, once it is known.
    pub(crate) fn id(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Acknowledged { id, .. } => Some(id),
            Outcome::Unknown { .. } => None,
        }
    }

    /// The content's first word.
    pub(crate) fn key(&self) -> &str {
        first_word(&self.content)
    }
}

impl Session {
    /// IDs and contents.
    pub(crate) fn events(&self) -> impl Iterator<Item = (&str, &str)> {
        self.items.iter().filter_map(|item| match item {
            Item::Event { id, content } => Some((&**id, &**content)),
            _ => None,
        })
    }

    /// The ID to come back with.
    pub(crate) fn position(&self) -> Option<&str> {
        match (self.items.last(), &self.start) {
            (Some(item), _) => Some(item.id()),
            (None, Start::After(id)) => Some(id),
            (None, _) => None,
        }
    }

    pub(crate) fn wants(&self, topic: &str) -> bool {
        self.selectors.iter().any(|selector| match selector.strip_suffix("/*") {
            Some(parent) => topic.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/')),
            None => ["**", topic].contains(selector),
        })
    }
}

impl Item {
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Event { id, .. } | Self::Cursor { id } | Self::Gap { id, .. } | Self::Other { id, .. } => id,
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Always => "always",
            Self::Interval => "interval",
        })
    }
}

/// A content, as it is named in reports: the rest of it is padding.
pub(crate) fn first_word(content: &str) -> &str {
    content.split(' ').next().unwrap_or_default()
}
