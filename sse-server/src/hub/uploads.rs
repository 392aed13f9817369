//! How far uploads have come, by their idempotency keys: one entry each, however many events they have.
//!
//! A repeat passes over the events that are published, as long as they are the same ones, and goes on after them. So two
//! requests with one key can take turns: each finds what the other has published.

use std::time::Duration;

use sse_engine::Millis;

use super::recent_keys::RecentKeys;
use crate::store::Fingerprint;

/// How far an upload has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UploadProgress {
    /// The number of events.
    pub(super) total: u64,
    /// Of all these events.
    pub(super) content: Fingerprint,
    /// The first and the last event published.
    pub(super) seqs: (u64, u64),
}

/// What to do with the next events of an upload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextEvents {
    /// The first `repeats` of them are published already. The others, if there are any, are in flight now.
    Publish { repeats: usize, before: Option<UploadProgress> },
    /// Others are in flight under the same key.
    InFlight,
    /// Other events were published under the same key. It shows at the event with this index.
    Conflict(usize),
}

/// The recent uploads.
#[derive(Debug)]
pub(super) struct Uploads(RecentKeys<str, (), UploadProgress>);

impl Uploads {
    pub(super) fn new(limit: usize, window: Duration) -> Self {
        Self(RecentKeys::new(limit, window))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) const fn take_evicted(&mut self) -> u64 {
        self.0.take_evicted()
    }

    /// Decides on the events of the upload `key` after those `read` before. `contents` are the fingerprints of all events
    /// through each of them, the first that of the events before them. What is to be published is in flight until it is
    /// [done](Self::done) or has [failed](Self::failed).
    pub(super) fn next(&mut self, key: &str, read: u64, contents: &[Fingerprint], now: Millis) -> NextEvents {
        self.0.expire(now);
        let count = contents.len().saturating_sub(1);
        let before = self.0.used(key).copied();
        let repeats = match before {
            Some(known) if known.total >= read => {
                let repeats = usize::try_from(known.total - read).unwrap_or(usize::MAX);
                if contents.get(repeats).is_some_and(|content| *content != known.content) {
                    return NextEvents::Conflict(repeats.saturating_sub(1));
                }
                repeats.min(count)
            }
            _ => 0,
        };
        if repeats < count {
            if self.0.in_flight(key).is_some() {
                return NextEvents::InFlight;
            }
            self.0.begin(key.into(), ());
        }
        NextEvents::Publish { repeats, before }
    }

    /// Returns true if more events than `count` were published under `key`.
    pub(super) fn has_more_than(&self, key: &str, count: u64) -> bool {
        self.0.used(key).is_some_and(|progress| progress.total > count)
    }

    /// The events of the upload `key` in flight are published: it has come as far as `progress` says.
    pub(super) fn done(&mut self, key: &str, progress: UploadProgress, now: Millis) {
        self.0.done(key, progress, now);
    }

    /// The events of the upload `key` in flight are not published.
    pub(super) fn failed(&mut self, key: &str) {
        self.0.failed(key);
    }

    /// Adds an upload from the store. They are added in the order in which they moved.
    pub(super) fn remember(&mut self, key: &str, progress: UploadProgress, time: Millis) {
        self.0.add(key.into(), progress, time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fingerprints through each of `events`, from `events[from]` on.
    fn contents(events: &[&str], from: usize) -> Vec<Fingerprint> {
        let mut chain = vec![Fingerprint::of([])];
        for event in events {
            let next = chain[chain.len() - 1].then(Fingerprint::of([event.as_bytes()]));
            chain.push(next);
        }
        chain.split_off(from)
    }

    fn progress(events: &[&str], seqs: (u64, u64)) -> UploadProgress {
        UploadProgress { total: events.len() as u64, content: contents(events, events.len())[0], seqs }
    }

    #[test]
    fn a_repeat_goes_on_after_what_is_published() {
        let mut uploads = Uploads::new(10, Duration::from_secs(1));
        let all = ["a", "b", "c", "d"];
        assert_eq!(uploads.next("k", 0, &contents(&all[..2], 0), 0), NextEvents::Publish { repeats: 0, before: None });
        assert_eq!(uploads.next("k", 0, &contents(&all[..2], 0), 0), NextEvents::InFlight);
        let done = progress(&all[..2], (1, 2));
        uploads.done("k", done, 0);
        let publish = |repeats| NextEvents::Publish { repeats, before: Some(done) };
        assert_eq!(uploads.next("k", 0, &contents(&all[..1], 0), 0), publish(1), "not yet where it can be compared");
        assert_eq!(uploads.next("k", 1, &contents(&all[..2], 1), 0), publish(1));
        assert_eq!(uploads.next("k", 0, &contents(&all, 0), 0), publish(2));
        uploads.failed("k");
        assert_eq!(uploads.next("k", 2, &contents(&all, 2), 0), publish(0));
        uploads.failed("k");
        assert_eq!(uploads.next("k", 0, &contents(&["a", "x"], 0), 0), NextEvents::Conflict(1));
        assert_eq!(uploads.next("k", 2, &contents(&["x", "b", "c"], 2), 0), NextEvents::Conflict(0));
        assert!(uploads.has_more_than("k", 1) && !uploads.has_more_than("k", 2) && !uploads.has_more_than("other", 0));
    }
}
