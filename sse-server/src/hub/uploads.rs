//! How far uploads of lines have come, by their idempotency keys: one entry each, however many lines they have.
//!
//! A repeat passes over the lines that are published, as long as they are the same ones, and goes on behind them. So two
//! requests with one key can take turns: each finds what the other has published.

use std::time::Duration;

use sse_engine::Millis;

use super::recent_keys::RecentKeys;
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

    /// Decides on the lines of the upload `key` after the first `lines`. `contents` are the fingerprints of all lines through
    /// each of them, the first that of the lines before them. What is to be published is in flight until it is
    /// [done](Self::done) or has [failed](Self::failed).
    pub(super) fn next(&mut self, key: &str, lines: u64, contents: &[Fingerprint], now: Millis) -> NextLines {
        self.0.expire(now);
        let count = contents.len().saturating_sub(1);
        let before = self.0.used(key).copied();
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
        if repeats < count {
            if self.0.in_flight(key).is_some() {
                return NextLines::InFlight;
            }
            self.0.begin(key.into(), ());
        }
        NextLines::Publish { repeats, before }
    }

    /// Returns true if more lines than `lines` were published under `key`.
    pub(super) fn has_more_than(&self, key: &str, lines: u64) -> bool {
        self.0.used(key).is_some_and(|progress| progress.lines > lines)
    }

    /// The lines of the upload `key` in flight are published: it has come as far as `progress` says.
    pub(super) fn done(&mut self, key: &str, progress: UploadProgress, now: Millis) {
        self.0.done(key, progress, now);
    }

    /// The lines of the upload `key` in flight are not published.
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
}
