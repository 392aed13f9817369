//! Pages: the events that match a query, in order. What can't be read is stepped over, and the page says so.
//!
//! ```text
//!  read the next event ── good ──▶ on the page, if it matches and fits
//!        │
//!        └── damaged ── the page has events ──▶ it ends before the damage; the next page begins there
//!                  └── it is empty ──▶ damaged; go on after the damage
//! ```

mod indexes;

use std::collections::HashMap;

use sse_engine::{Matcher, Selection, Selector, Selectors};

use super::{
    Fault,
    fault::guarded,
    read::Snapshot,
    tables::{self, FileResult, INDEX, OTHERS},
};
use crate::store::{Page, PageBuilder, PageRoom, Query};
use indexes::{Found, Indexes};

/// The most events that one page scans.
const SCAN: usize = 4096;

/// If more topics than this match, all events are scanned instead of merging the topics' indexes.
const MERGED: usize = 256;

impl Snapshot<'_> {
    pub(super) fn page(&self, query: &Query) -> FileResult<Page> {
        let through = query.through.min(self.committed);
        if query.after >= through {
            return Ok(Page { through: query.after, ..Page::default() });
        }
        // An index that can't be read is done without.
        let indexed = guarded(|| self.few(query)?.map(|topics| self.indexed(query, through, &topics)).transpose());
        match indexed {
            Ok(Some((seqs, through))) => self.merged(query, &seqs, through),
            Ok(None) => self.scanned(query, through),
            Err(fault) if fault.is_damage() => self.scanned(query, through),
            Err(fault) => Err(fault),
        }
    }

    /// A page of all events after `after`, through `through`, whoever may read them. The indexes are left alone.
    pub(crate) fn page_of_all(&self, after: u64, through: u64, events: usize, bytes: usize) -> FileResult<Page> {
        let all: Vec<_> = Selector::new("**").into_iter().collect();
        let selectors = Selectors::new(all.clone(), false).with_grants(all);
        self.scanned(&Query { selectors, after, through, events, bytes }, through)
    }

    /// The IDs of the matching topics, unless there are more than [`MERGED`].
    fn few(&self, query: &Query) -> FileResult<Option<Vec<u32>>> {
        let names = self.names()?;
        if let Some(topics) = query.selectors.topics_only() {
            return Ok(Some(topics.filter_map(|topic| names.ids.get(topic).copied()).collect()));
        }
        if names.incomplete {
            return Ok(None);
        }
        let mut few = Vec::new();
        let matcher = Matcher::new(&query.selectors);
        matcher.select(&names.ids, &mut Selection::default(), &mut { usize::MAX }, |_, id| {
            few.push(*id);
            few.len() <= MERGED
        });
        Ok((few.len() <= MERGED).then_some(few))
    }

    fn indexes(&self) -> FileResult<Indexes> {
        let (own, others) = (self.transaction.open_table(INDEX)?, self.transaction.open_table(OTHERS)?);
        Ok(Indexes { own, others })
    }

    /// The events of `topics` by the indexes, and the sequence number through which there are no others.
    fn indexed(&self, query: &Query, through: u64, topics: &[u32]) -> FileResult<(Vec<u64>, u64)> {
        let indexes = self.indexes()?;
        let mut found: Vec<Found> = Vec::new();
        for id in topics {
            let stock = self.stock(*id)?;
            for canonical in [true, false] {
                indexes.look_up(query, (*id, canonical), &stock, &mut found)?;
            }
        }
        found.sort_unstable_by_key(|found| (found.seq, found.topic));
        let mut events: Vec<_> = found.iter().map(|found| (found.seq, found.weight)).collect();
        events.dedup_by_key(|(seq, _)| *seq);
        let mut room = PageRoom::of(query);
        let count = events.iter().take_while(|(_, weight)| room.admit(*weight)).count();
        let through = events.get(count).map_or(through, |_| events[count - 1].0.min(through));
        self.check_index(query.after, through, &found)?;
        let seqs = events.into_iter().map(|(seq, _)| seq);
        Ok((seqs.take_while(|seq| *seq <= through).collect(), through))
    }

    /// Checks that the indexes have lost none of the events after `after`, through `through`: each of those `found`, and of
    /// each topic the first after `through`, names the event of the topic before it.
    fn check_index(&self, after: u64, through: u64, found: &[Found]) -> FileResult<()> {
        let mut lasts: HashMap<(u32, bool, bool), u64> = HashMap::new();
        for found in found.chunk_by(|one, next| one.seq == next.seq) {
            let seq = found[0].seq;
            let mut due = Vec::new();
            for Found { topic, canonical, private, .. } in found {
                let before = lasts.insert((*topic, *canonical, *private), seq).unwrap_or(after);
                if before <= through {
                    due.push((*topic, *canonical, before));
                }
            }
            if due.is_empty() {
                continue;
            }
            let Some(row) = self.events.get(seq)? else { continue }; // told when it is read
            let Ok(event) = tables::open_event(seq, row.value()) else { continue };
            for (topic, canonical, before) in due {
                let other = || event.others.iter().find(|other| other.id == topic).map_or((0, 0), |other| other.before);
                let linked = if canonical { (event.head.before.of_topic, topic) } else { other() };
                if self.is_missing(linked, before)? {
                    return Err(Fault::Row(format!("the index of topic {topic} has lost event {}", linked.0)));
                }
            }
        }
        Ok(())
    }

    /// The page of the events `seqs`.
    fn merged(&self, query: &Query, seqs: &[u64], through: u64) -> FileResult<Page> {
        let mut page = PageBuilder::new(query, through);
        for seq in seqs {
            let read = guarded(|| {
                let missing = || Fault::Row(format!("event {seq} is in the index, and there is none"));
                let row = self.events.get(*seq)?.ok_or_else(missing)?;
                self.entry(&tables::open_event(*seq, row.value())?)
            });
            let goes_on = match read {
                Ok(entry) if !entry.may_be_read_by(&query.selectors) => true,
                Ok(entry) => page.push(entry),
                Err(fault) if fault.is_damage() => {
                    self.damage.note(*seq, *seq, &fault);
                    page.step_over(seq - 1)
                }
                Err(fault) => return Err(fault),
            };
            if !goes_on {
                break;
            }
        }
        Ok(page.done())
    }

    /// Scans all events for those that match.
    fn scanned(&self, query: &Query, through: u64) -> FileResult<Page> {
        let (mut page, mut scan) = (PageBuilder::new(query, through), Scan { at: query.after, events: 0 });
        loop {
            let place = self.damage.after(scan.at).filter(|(first, _)| *first <= through);
            let limit = place.map_or(through, |(first, _)| first - 1);
            if scan.at < limit {
                match self.scan(query, limit, &mut scan, &mut page) {
                    Ok(()) if page.is_over() => break,
                    Ok(()) => scan.at = scan.at.max(limit),
                    Err(fault) if fault.is_damage() => {
                        let last = self.end_of_damage(scan.at, through);
                        self.damage.note(scan.at + 1, last, &fault);
                        if !page.step_over(scan.at) {
                            break;
                        }
                        scan.at = last;
                    }
                    Err(fault) => return Err(fault),
                }
                continue;
            }
            let Some((_, last)) = place else { break };
            if !page.step_over(scan.at) {
                break;
            }
            scan.at = last.min(through);
        }
        Ok(page.done())
    }

    /// Adds the matching events after `scan.at`, through `limit`, to `page`.
    fn scan(&self, query: &Query, limit: u64, scan: &mut Scan, page: &mut PageBuilder) -> FileResult<()> {
        let selectors = &query.selectors;
        let sees_private = selectors.sees_private();
        let matcher = Matcher::new(selectors);
        let mut wanted: HashMap<u32, bool> = HashMap::new();
        let mut is_wanted = |id: u32| match wanted.get(&id) {
            Some(wanted) => Ok(*wanted),
            None => {
                let wants = matcher.matches(&self.topic(id)?);
                wanted.insert(id, wants);
                Ok::<_, Fault>(wants)
            }
        };
        guarded(|| {
            for row in self.events.range(scan.at + 1..=limit)? {
                let (seq, row) = row?;
                let (seq, row) = (seq.value(), row.value());
                let event = tables::open_event(seq, row)?;
                let head = event.head;
                if seq <= scan.at || seq > limit {
                    return Err(Fault::Row(format!("event {seq} is out of order")));
                }
                if self.is_missing(head.before.of_log, scan.at)? {
                    return Err(Fault::Row(format!("event {} is missing", head.before.of_log.0)));
                }
                if scan.events == SCAN {
                    page.end(scan.at);
                    return Ok(());
                }
                scan.events += 1;
                let mut wants = false;
                for id in event.topics() {
                    wants |= is_wanted(id)?;
                }
                if wants && (sees_private || !head.private) {
                    let entry = self.entry(&event)?;
                    if entry.may_be_read_by(selectors) && !page.push(entry) {
                        return Ok(());
                    }
                }
                scan.at = seq;
            }
            Ok(())
        })
    }

    /// The last sequence number of the damage that begins after `at`: the next event that can be read follows it.
    fn end_of_damage(&self, at: u64, through: u64) -> u64 {
        let next_good = |from: u64| {
            guarded(|| {
                let Some((seq, row)) = self.events.range(from..=through)?.next().transpose()? else {
                    return Ok(through + 1);
                };
                let (seq, row) = (seq.value(), row.value());
                tables::open_event(seq, row)?.topics().try_for_each(|id| self.topic(id).map(drop))?;
                Ok(seq)
            })
            .ok()
            .filter(|seq| *seq >= from)
        };
        // Ever further, until something can be read; then back to the first from where it can.
        let (mut bad, mut step) = (at + 1, 1);
        let mut good = loop {
            let from = at.saturating_add(1 + step).min(through + 1);
            if from > through {
                break through + 1;
            }
            match next_good(from) {
                Some(seq) => break seq,
                None => (bad, step) = (from, 2 * step),
            }
        };
        let mut low = bad;
        while low + 1 < good {
            let middle = low + (good - low) / 2;
            match next_good(middle) {
                Some(seq) if seq < good => good = seq.max(middle),
                Some(_) => break,
                None => low = middle,
            }
        }
        good - 1
    }
}

/// How far a scan has come.
struct Scan {
    /// Through this event.
    at: u64,
    /// The events that were looked at.
    events: usize,
}
