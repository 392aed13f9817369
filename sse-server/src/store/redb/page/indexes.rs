//! Where the events of a topic are.

use redb::{ReadOnlyTable, StorageError};
use sse_engine::{Kind, Stock};

use crate::store::{
    Query,
    redb::{
        Fault,
        tables::{FileResult, Indexed},
    },
};

/// The index of canonical topics, and that of other ones.
pub(super) struct Indexes {
    pub(super) own: ReadOnlyTable<(u32, u64), u32>,
    pub(super) others: ReadOnlyTable<(u32, u64), (u32, u32)>,
}

/// A topic and an event of it, and what an index says of it in bits.
type Row = Result<((u32, u64), u32), StorageError>;

/// What an index says of an event.
pub(super) struct Found {
    pub(super) seq: u64,
    pub(super) topic: u32,
    /// It is the event's canonical topic.
    pub(super) canonical: bool,
    pub(super) private: bool,
    pub(super) weight: usize,
}

impl Indexes {
    /// Adds the events after `query.after` of topic `id`, which is their canonical one or another one: one more than fits on
    /// a page, to know where the page ends. Private ones are passed over where nobody may read them.
    pub(super) fn look_up(
        &self,
        query: &Query,
        (id, canonical): (u32, bool),
        stock: &Stock,
        found: &mut Vec<Found>,
    ) -> FileResult<()> {
        let sees_private = query.selectors.sees_private();
        let seen = || Kind::seen(sees_private).filter(|kind| kind.canonical == canonical);
        let last = |kind| stock.of(kind).last;
        let end = seen().map(last).max().unwrap_or(0);
        if end <= query.after {
            return Ok(());
        }
        let range = (id, query.after + 1)..=(id, end);
        let (from, mut after) = (found.len(), query.after);
        let mut rows: Box<dyn Iterator<Item = Row>> = if canonical {
            Box::new(self.own.range(range)?.map(|row| row.map(|(key, bits)| (key.value(), bits.value()))))
        } else {
            Box::new(self.others.range(range)?.map(|row| row.map(|(key, bits)| (key.value(), bits.value().0))))
        };
        while found.len() - from <= query.events {
            let Some(row) = rows.next() else {
                let is_last = |kind: Kind| {
                    let found = found[from..].iter().rfind(|found| found.private == kind.private);
                    last(kind) <= query.after || found.is_some_and(|found| found.seq == last(kind))
                };
                let complete = seen().all(is_last);
                let cut_short = || Fault::Row(format!("the index of topic {id} is cut short"));
                return complete.then_some(()).ok_or_else(cut_short);
            };
            let ((topic, seq), bits) = row?;
            // a damaged page may lead to others than those of the range
            if topic != id || seq <= after || seq > end {
                return Err(Fault::Row(format!("the index of topic {id} is out of order at event {seq}")));
            }
            after = seq;
            let Indexed { weight, private } = Indexed::of(bits);
            if sees_private || !private {
                found.push(Found { seq, topic: id, canonical, private, weight });
            }
        }
        Ok(())
    }
}
