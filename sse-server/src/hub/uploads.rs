//! How far uploads of lines have come, by their idempotency keys: one entry each, however many lines they have.
//!
//! ```text
//!            the lines before `lines` are published, and `content` is their fingerprint
//!   begin ──▶ in flight ── done ──▶ further along ── begin ──▶ …
//!                 └─────── failed ──▶ as it was before
//! ```
//!
//! A repeat passes over the lines that are published, as long as they are the same ones, and goes on behind them. So two
//! requests with one key can take turns: each finds what the other has published.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use sse_engine::Millis;

use crate::store::Fingerprint;

/// How far an upload has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UploadProgress {
    pub(super) lines: u64,
    /// Of all these lines.
    pub(super) content: Fingerprint,
    /// The first and the last event published.
    pub(super) seqs: (u64, u64),
}

/// What to do with the next lines of an upload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextLines {
    /// The first `repeats` of them are published already. The others, if there are any, are in flight now.
    Publish { repeats: usize, before: Option<UploadProgress> },
    /// Others are in flight under the same key.
    InFlight,
    /// Other lines were published under the same key. It shows at the line with this index.
    Conflict(usize),
}

#[derive(Debug)]
struct Upload {
    progress: Option<UploadProgress>,
    in_flight: bool,
    time: Millis,
    turn: u64,
}

/// The recent uploads. When there are too many, the one that has not moved for longest goes, but none in flight.
#[derive(Debug)]
pub(super) struct Uploads {
    limit: usize,
    window: u128,
    uploads: HashMap<String, Upload>,
    /// The keys in the order in which the uploads moved.
    order: BTreeMap<u64, String>,
    turn: u64,
    evicted: u64,
}

impl Uploads {
    pub(super) fn new(limit: usize, window: Duration) -> Self {
        let (uploads, order) = Default::default();
        Self { limit, window: window.as_millis(), uploads, order, turn: 0, evicted: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.uploads.len()
    }

    pub(super) const fn take_evicted(&mut self) -> u64 {
        std::mem::replace(&mut self.evicted, 0)
    }

    /// Decides on the lines of the upload `key` after the first `lines`. `contents` are the fingerprints of all lines through
    /// each of them, the first that of the lines before them. What is to be published is in flight until it is
    /// [done](Self::done) or has [failed](Self::failed).
    pub(super) fn next(&mut self, key: &str, lines: u64, contents: &[Fingerprint], now: Millis) -> NextLines {
        self.expire(now);
        let count = contents.len().saturating_sub(1);
        let before = self.uploads.get(key).and_then(|upload| upload.progress);
        let repeats = match before {
            Some(known) if known.lines >= lines => {
                let repeats = usize::try_from(known.lines - lines).unwrap_or(usize::MAX);
                if contents.get(repeats).is_some_and(|content| *content != known.content) {
                    return NextLines::Conflict(repeats.saturating_sub(1));
                }
                repeats.min(count)
            }
            _ => 0,
        };
        if repeats < count && self.limit > 0 {
            let (time, turn) = (now, 0);
            let new = || Upload { progress: None, in_flight: false, time, turn };
            let upload = self.uploads.entry(key.to_owned()).or_insert_with(new);
            if upload.in_flight {
                return NextLines::InFlight;
            }
            upload.in_flight = true;
        }
        NextLines::Publish { repeats, before }
    }

    /// Returns true if more lines than `lines` were published under `key`.
    pub(super) fn has_more_than(&self, key: &str, lines: u64) -> bool {
        let progress = self.uploads.get(key).and_then(|upload| upload.progress);
        progress.is_some_and(|progress| progress.lines > lines)
    }

    pub(super) fn done(&mut self, key: &str, progress: UploadProgress, now: Millis) {
        if self.limit == 0 {
            return;
        }
        self.turn += 1;
        let upload = Upload { progress: Some(progress), in_flight: false, time: now, turn: self.turn };
        if let Some(known) = self.uploads.insert(key.to_owned(), upload) {
            self.order.remove(&known.turn);
        }
        self.order.insert(self.turn, key.to_owned());
        self.expire(now);
        while self.order.len() > self.limit && self.forget_oldest() {
            self.evicted += 1;
        }
    }

    pub(super) fn failed(&mut self, key: &str) {
        match self.uploads.get_mut(key) {
            Some(upload) if upload.progress.is_some() => upload.in_flight = false,
            _ => drop(self.uploads.remove(key)),
        }
    }

    fn expire(&mut self, now: Millis) {
        let window = self.window;
        let is_old = |upload: &Upload| u128::from(now.saturating_sub(upload.time)) > window;
        while self.order.first_key_value().and_then(|(_, key)| self.uploads.get(key)).is_some_and(is_old) {
            if !self.forget_oldest() {
                return;
            }
        }
    }

    /// Forgets the upload that has not moved for longest. Returns false if it is in flight.
    fn forget_oldest(&mut self) -> bool {
        let Some(oldest) = self.order.first_entry() else { return false };
        if self.uploads.get(oldest.get()).is_some_and(|upload| upload.in_flight) {
            return false;
        }
        self.uploads.remove(&oldest.remove());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fingerprints through each of `lines`, from `lines[from]` on.
    fn contents(lines: &[&str], from: usize) -> Vec<Fingerprint> {
        let mut chain = vec![Fingerprint::of([])];
        for line in lines {
            let next = chain[chain.len() - 1].then(Fingerprint::of([line.as_bytes()]));
            chain.push(next);
        }
        chain.split_off(from)
    }

    fn progress(lines: &[&str], seqs: (u64, u64)) -> UploadProgress {
        UploadProgress { lines: lines.len() as u64, content: contents(lines, lines.len())[0], seqs }
    }

    #[test]
    fn a_repeat_goes_on_behind_what_is_published() {
        let mut uploads = Uploads::new(10, Duration::from_secs(1));
        let all = ["a", "b", "c", "d"];
        assert_eq!(uploads.next("k", 0, &contents(&all[..2], 0), 0), NextLines::Publish { repeats: 0, before: None });
        assert_eq!(uploads.next("k", 0, &contents(&all[..2], 0), 0), NextLines::InFlight);
        let done = progress(&all[..2], (1, 2));
        uploads.done("k", done, 0);
        let publish = |repeats| NextLines::Publish { repeats, before: Some(done) };
        assert_eq!(uploads.next("k", 0, &contents(&all[..1], 0), 0), publish(1), "not yet where it can be compared");
        assert_eq!(uploads.next("k", 1, &contents(&all[..2], 1), 0), publish(1));
        assert_eq!(uploads.next("k", 0, &contents(&all, 0), 0), publish(2));
        uploads.failed("k");
        assert_eq!(uploads.next("k", 2, &contents(&all, 2), 0), publish(0));
        uploads.failed("k");
        assert_eq!(uploads.next("k", 0, &contents(&["a", "x"], 0), 0), NextLines::Conflict(1));
        assert_eq!(uploads.next("k", 2, &contents(&["x", "b", "c"], 2), 0), NextLines::Conflict(0));
        assert!(uploads.has_more_than("k", 1) && !uploads.has_more_than("k", 2) && !uploads.has_more_than("other", 0));
    }

    #[test]
    fn uploads_are_bounded_in_number_and_age() {
        let mut uploads = Uploads::new(2, Duration::from_secs(1));
        let done = progress(&["a"], (1, 1));
        for (now, key) in [(0, "a"), (1, "b"), (2, "a"), (3, "c")] {
            uploads.done(key, done, now);
        }
        assert_eq!((uploads.len(), uploads.take_evicted()), (2, 1));
        assert!(!uploads.has_more_than("b", 0) && uploads.has_more_than("a", 0));
        uploads.next("d", 0, &contents(&["x"], 0), 1003);
        assert_eq!((uploads.has_more_than("a", 0), uploads.has_more_than("c", 0)), (false, true));
        assert_eq!(uploads.take_evicted(), 0, "too old");
    }
}
