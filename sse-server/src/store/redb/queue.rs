//! The queue of the writer thread, and when followers see an event.

mod job;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::oneshot};

use super::{
    Durability, Inner,
    loaded::Loaded,
    room::{Permit, Size},
};
use crate::store::{AfterUnlock, Appended, Batch, Entry, Follower, StoreError};
pub(super) use job::{AfterEnd, AppendReply, Appending, Job, PendingAppend, PendingTrim, QueuedBatch};
use sse_engine::{Millis, Topic};

/// With durability `none`, the longest time before queued events are written.
const SELDOM: Duration = Duration::from_secs(10);

/// The longest time a write waits for the publishers that took part in the previous one.
const LINGER: Duration = Duration::from_millis(2);

/// How often retention by age is checked.
const SWEEP: Duration = Duration::from_secs(1);

/// The number of events read at a time for a new follower.
pub(super) const FOLLOWER_BATCH: usize = 1024;

/// Batches that are appended and not yet written.
#[derive(Debug)]
pub(super) struct Queue {
    /// The next sequence number, and the last publish time assigned.
    next: u64,
    time: Millis,
    /// Sequence numbers through this one may be reported before they are written: the file has recorded the reservation.
    pub(super) reserved: u64,
    /// Events through this one are committed to the file.
    pub(super) committed: u64,
    /// Not yet reported: followers get these once they are written.
    pub(super) waiting: Vec<PendingAppend>,
    /// Already reported to followers. They precede those in `waiting`.
    pub(super) reported: VecDeque<QueuedBatch>,
    size: Size,
    /// Once this much is queued, it is written without waiting for the interval to pass.
    eager: Size,
    /// The file records that it may be behind, so events may be reported before they are written.
    pub(super) behind: bool,
    pub(super) trims: Vec<PendingTrim>,
    /// The topics that have ended, and where, as far as that is known: those of the file and those of what is queued.
    pub(super) ends: HashMap<Topic, u64>,
    /// The runtime of the last publisher that waits for an answer.
    runtime: Option<Handle>,
    /// When the first batch in `waiting` was queued.
    waiting_since: Instant,
    /// The number of batches in the last write, and how long it took. Waiting up to that long for as many to arrive
    /// again is worth it: were the first of them written alone, the others would wait for two writes.
    crowd: (usize, Duration),
    /// The writer has taken a job that is not committed yet.
    pub(super) writing: bool,
    pub(super) closing: bool,
    pub(super) followers: Vec<Arc<dyn Follower>>,
}

impl Queue {
    pub(super) fn new(loaded: &Loaded, eager: Size) -> Self {
        Self {
            next: loaded.head + 1,
            time: loaded.time,
            reserved: loaded.reserved,
            committed: loaded.head,
            waiting: Vec::new(),
            reported: VecDeque::new(),
            size: Size::default(),
            eager,
            behind: false,
            trims: Vec::new(),
            ends: loaded.ends().map(|(topic, at)| (topic.clone(), at)).collect(),
            runtime: None,
            waiting_since: Instant::now(),
            crowd: (0, Duration::ZERO),
            writing: false,
            closing: false,
            followers: Vec::new(),
        }
    }

    /// The last sequence number assigned, and the last publish time.
    pub(super) const fn head(&self) -> (u64, Millis) {
        (self.next - 1, self.time)
    }

    /// Skips `count` sequence numbers, as if they had been assigned.
    #[cfg(test)]
    pub(super) const fn skip(&mut self, count: u64) {
        self.next += count;
    }

    /// Assigns sequence numbers and a time to `batch`, unless something of it would come after the end of a topic. An end
    /// that is not written yet may be taken back: the refusal waits until it is.
    fn place(&mut self, mut batch: Batch, permit: Permit) -> Result<QueuedBatch, StoreError> {
        let mut after_end = None;
        match batch.check_ends(|topic| self.ends.get(topic).copied()) {
            Err(StoreError::Ended { index, at }) if at > 0 && at >= self.committed && self.has_unanswered() => {
                after_end = batch.topic(index).cloned().map(|topic| AfterEnd { index, topic, at });
                batch = Batch { now: batch.now, ..Batch::default() };
            }
            checked => checked?,
        }
        let Batch { drafts, end, keys, now } = batch;
        self.time = self.time.max(now);
        let (first, time) = (self.next, self.time);
        let entries: Vec<_> = drafts.into_iter().zip(first..).map(|(draft, seq)| Entry { seq, time, draft }).collect();
        self.next += entries.len() as u64;
        if end.is_some() {
            self.next = self.next.max(2); // what ends at 0 has not ended
        }
        let batch = QueuedBatch { entries, end, keys, after_end, at: self.head(), now, permit };
        for entry in batch.entries.iter().filter(|entry| entry.draft.end) {
            self.ends.insert(entry.draft.topic.clone(), entry.seq);
        }
        if let Some(topic) = &batch.end {
            self.ends.insert(topic.clone(), batch.at.0); // the writer knows better
        }
        Ok(batch)
    }

    /// Returns true if there are batches whose publishers wait: they may be refused still.
    const fn has_unanswered(&self) -> bool {
        !self.waiting.is_empty() || (self.writing && !self.behind)
    }

    /// Why a batch is refused, now that all before it is written.
    pub(super) fn refusal(&self, after_end: AfterEnd) -> StoreError {
        let AfterEnd { index, topic, at } = after_end;
        StoreError::Ended { index, at: self.ends.get(&topic).copied().unwrap_or(at) }
    }

    /// Takes back the ends of a batch that is refused.
    pub(super) fn take_back(&mut self, batch: &QueuedBatch) {
        for topic in batch.ends() {
            self.ends.remove(topic);
        }
    }

    /// Reports `entries` to all followers.
    pub(super) fn report(&self, entries: &[Entry]) -> Vec<AfterUnlock> {
        self.followers.iter().map(|follower| follower.appended(entries, self.committed)).collect()
    }

    /// Reports that `topic` has ended at `at`, without an event that says so.
    pub(super) fn report_end(&mut self, topic: Topic, at: u64) -> Vec<AfterUnlock> {
        let after_unlock = self.followers.iter().map(|follower| follower.ended(&topic, at).1).collect();
        self.ends.insert(topic, at);
        after_unlock
    }

    /// Reports that `topic`, which had ended, goes on.
    pub(super) fn report_reopened(&mut self, topic: &Topic) {
        self.ends.remove(topic);
        self.followers.iter().for_each(|follower| follower.topic_reopened(topic));
    }

    const fn is_eager(&self) -> bool {
        self.size.reaches(self.eager)
    }

    /// The latest time for the next write.
    fn due(&self, durability: Durability, last: Instant, chores: bool) -> Instant {
        let period = match durability {
            Durability::Always => Duration::ZERO,
            Durability::Interval(interval) => interval,
            Durability::None => SELDOM,
        };
        let quiet = self.behind && matches!(durability, Durability::Interval(_));
        if !self.trims.is_empty() || self.is_eager() || self.closing {
            last
        } else if !self.waiting.is_empty() {
            let (crowd, took) = self.crowd;
            if self.waiting.len() >= crowd { last } else { self.waiting_since + took.min(LINGER) }
        } else if !self.reported.is_empty() || quiet {
            last + period
        } else if chores {
            last + period.min(SWEEP)
        } else {
            last + SWEEP
        }
    }

    /// Records that a write of `batches` batches took `took`.
    pub(super) const fn note_write(&mut self, batches: usize, took: Duration) {
        self.crowd = (batches, took);
    }

    /// Takes all that is queued.
    fn take_job(&mut self, durability: Durability) -> Job {
        // Once everything is written, the file is no longer behind. It records that before more is reported.
        let behind = match durability {
            Durability::Always => false,
            Durability::Interval(_) => !self.reported.is_empty() || !self.waiting.is_empty(),
            Durability::None => self.behind || !self.waiting.is_empty(),
        };
        // No event is reported ahead of one that still waits.
        self.behind &= behind && self.waiting.is_empty();
        self.size = Size::default();
        self.writing = true;
        Job {
            reported: std::mem::take(&mut self.reported),
            waiting: std::mem::take(&mut self.waiting),
            trims: std::mem::take(&mut self.trims),
            behind: behind && !self.closing,
            closing: self.closing,
        }
    }

    /// Reports the batches that arrived while the file recorded that it may be behind: they need not wait any longer. One that
    /// ends a topic without an event has to, or that is refused, and those after it.
    pub(super) fn release(&mut self) -> (Vec<AfterUnlock>, Vec<PendingAppend>) {
        let reserved = self.reserved;
        let fits = |PendingAppend { batch, .. }: &PendingAppend| {
            batch.end.is_none() && batch.after_end.is_none() && batch.at.0 <= reserved
        };
        let count = self.waiting.iter().take_while(|waiting| fits(waiting)).count();
        let released: Vec<_> = self.waiting.drain(..count).collect();
        let after_unlock = released.iter().flat_map(|waiting| self.report(&waiting.batch.entries)).collect();
        (after_unlock, released)
    }

    /// Puts back batches that were reported and could not be written, for the next attempt.
    pub(super) fn put_back(&mut self, mut reported: VecDeque<QueuedBatch>) {
        reported.append(&mut self.reported);
        self.size = reported.iter().map(QueuedBatch::size).sum();
        self.reported = reported;
        self.behind = false;
        self.writing = false;
    }
}

impl Inner {
    /// Queues `batch`, and reports it to followers if that is allowed before it is written.
    pub(super) fn append(&self, batch: Batch, permit: Permit) -> Result<Appending, StoreError> {
        let mut queue = self.queue()?;
        if queue.closing {
            return Err(StoreError::Closed);
        }
        self.health.borrow().clone()?;
        self.disk.writes()?;
        let batch = queue.place(batch, permit)?;
        let seqs = batch.seqs();
        let first = queue.reported.is_empty();
        let was_eager = queue.is_eager();
        queue.size += batch.size();
        let may_report = queue.behind && queue.waiting.is_empty() && queue.head().0 <= queue.reserved;
        if may_report && batch.end.is_none() {
            let after_unlock = queue.report(&batch.entries);
            let wake = first || (!was_eager && queue.is_eager());
            queue.reported.push_back(batch);
            drop(queue);
            if wake {
                self.work.notify_one();
            }
            after_unlock.into_iter().for_each(AfterUnlock::wake);
            return Ok(Appending::Now(Appended { seqs, ended: None }));
        }
        let (answer, answered) = oneshot::channel();
        if queue.waiting.is_empty() {
            queue.waiting_since = Instant::now();
        }
        queue.runtime = Handle::try_current().ok();
        queue.waiting.push(PendingAppend { batch, answer });
        let count = queue.waiting.len();
        let wake = count == 1 || count == queue.crowd.0 || queue.is_eager();
        drop(queue);
        if wake {
            self.work.notify_one();
        }
        Ok(Appending::Later(answered))
    }

    pub(super) fn trim(&self, trim: PendingTrim) -> Result<(), StoreError> {
        let mut queue = self.queue()?;
        if queue.closing {
            return Err(StoreError::Closed);
        }
        self.health.borrow().clone()?;
        self.disk.writes()?;
        queue.trims.push(trim);
        drop(queue);
        self.work.notify_one();
        Ok(())
    }

    /// Reports all events after `after` to a new follower, the last of them under the queue's lock so that none is
    /// missed.
    pub(super) fn follow(&self, mut after: u64, follower: Arc<dyn Follower>) -> Result<(), StoreError> {
        loop {
            let (entries, committed) = self.read(|snapshot| snapshot.entries_after(after, FOLLOWER_BATCH))?;
            let all = entries.len() < FOLLOWER_BATCH;
            after = entries.last().map_or(after, |last| last.seq);
            follower.appended(&entries, 0).wake();
            if !all {
                continue;
            }
            let mut queue = self.queue()?;
            while queue.writing {
                queue.wait(&self.work).map_err(|_| self.gone())?;
            }
            if queue.committed > committed.max(after) {
                continue; // more was committed meanwhile
            }
            let reported = queue.reported.iter().filter(|batch| batch.entries.iter().all(|entry| entry.seq > after));
            let after_unlock: Vec<_> =
                reported.map(|batch| follower.appended(&batch.entries, queue.committed)).collect();
            follower.committed(queue.committed);
            queue.followers.push(follower);
            drop(queue);
            after_unlock.into_iter().for_each(AfterUnlock::wake);
            return Ok(());
        }
    }

    /// Answers appenders and trimmers. It does so from within the runtime, since each wake-up from outside costs a
    /// system call.
    pub(super) fn answer(
        &self,
        waiting: Vec<(AppendReply, Result<Appended, StoreError>)>,
        trims: Vec<PendingTrim>,
    ) -> Result<(), StoreError> {
        let answer = move || {
            for (answer, appended) in waiting {
                let _ = answer.send(appended); // the publisher may be gone
            }
            for trim in trims {
                let _ = trim.answer.send(Ok(()));
            }
        };
        let runtime = self.queue()?.runtime.clone();
        match runtime {
            Some(runtime) => drop(runtime.spawn(async move { answer() })),
            None => answer(),
        }
        Ok(())
    }

    /// Waits until a job is due, and takes it.
    pub(super) fn wait(&self, last: Instant, chores: bool) -> Result<Job, StoreError> {
        let mut queue = self.queue()?;
        loop {
            let now = Instant::now();
            let due = queue.due(self.options.durability, last, chores);
            if due <= now {
                return Ok(queue.take_job(self.options.durability));
            }
            queue.wait_for(&self.work, due - now).map_err(|_| self.gone())?;
        }
    }

    /// Waits for `time` or until the store is closing. Returns true if it is closing.
    pub(super) fn rest(&self, time: Duration) -> Result<bool, StoreError> {
        let (end, mut queue) = (Instant::now() + time, self.queue()?);
        while !queue.closing {
            let now = Instant::now();
            if now >= end {
                return Ok(false);
            }
            queue.wait_for(&self.work, end - now).map_err(|_| self.gone())?;
        }
        Ok(true)
    }
}
