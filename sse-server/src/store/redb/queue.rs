//! What waits for the writer, and who is told of an event when.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, oneshot},
};

use super::{Durability, Shared, file::Loaded};
use crate::store::{AfterUnlock, Batch, Entry, Follower, KeyedRange, StoreError};
use sse_engine::{Millis, Topic};

/// So many bytes are written without waiting for the time to come.
const EAGER: usize = Shared::ROOM / 4;

/// How long events are at the most only in memory that nobody has to sync.
const SELDOM: Duration = Duration::from_secs(10);

/// How long a write waits at the most for those who took part in the last one.
const LINGER: Duration = Duration::from_millis(2);

/// How often retention by age is looked at.
const SWEEP: Duration = Duration::from_secs(1);

/// How many events a new follower is told at a time.
const PAGE: usize = 1024;

/// What is appended and not written yet.
#[derive(Debug)]
pub(super) struct Queue {
    /// The next sequence number, and the last time given out.
    next: u64,
    time: Millis,
    /// Sequence numbers through this one may be shown: the file knows.
    pub(super) reserved: u64,
    /// Events through this one are in the file.
    pub(super) committed: u64,
    /// Nobody has seen these: they are told of when they are written.
    pub(super) waiting: Vec<Waiting>,
    /// These were told of. They come before those that wait.
    pub(super) shown: VecDeque<Record>,
    bytes: usize,
    /// The file says that it may be behind: events may be told of before they are written.
    pub(super) behind: bool,
    pub(super) trims: Vec<Trimming>,
    /// Where the last publisher waits for its answer.
    runtime: Option<Handle>,
    /// Since when there are some.
    waiting_since: Instant,
    /// How many batches the last write had, and how long it took. So many are worth as long a wait: with a write of its
    /// own for whoever comes first, the others would wait for two.
    crowd: (usize, Duration),
    /// The writer has taken what was here, and it is not in the file yet.
    pub(super) writing: bool,
    pub(super) closing: bool,
    pub(super) followers: Vec<Arc<dyn Follower>>,
}

/// A batch at its place.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) entries: Vec<Entry>,
    pub(super) keys: Vec<KeyedRange>,
    pub(super) now: Millis,
    _room: OwnedSemaphorePermit,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) record: Record,
    pub(super) answer: Answerer,
}

/// Who gets the sequence numbers of a batch.
pub(super) type Answerer = oneshot::Sender<Result<Vec<u64>, StoreError>>;

#[derive(Debug)]
pub(super) struct Trimming {
    pub(super) topic: Topic,
    pub(super) through: u64,
    pub(super) answer: oneshot::Sender<Result<(), StoreError>>,
}

pub(super) enum Answer {
    Now(Vec<u64>),
    Later(oneshot::Receiver<Result<Vec<u64>, StoreError>>),
}

/// What the writer has to do.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) shown: VecDeque<Record>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) trims: Vec<Trimming>,
    /// Whether events may be told of before they are written from now on.
    pub(super) behind: bool,
    pub(super) closing: bool,
}

impl Record {
    pub(super) fn seqs(&self) -> Vec<u64> {
        self.entries.iter().map(|entry| entry.seq).collect()
    }

    fn weight(&self) -> usize {
        self.entries.iter().map(|entry| entry.draft.weight()).sum()
    }
}

impl Work {
    /// Nobody asked for anything.
    pub(super) fn is_idle(&self) -> bool {
        self.shown.is_empty() && self.waiting.is_empty() && self.trims.is_empty() && !self.closing
    }

    /// All that is to be written, in order.
    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.shown.iter().chain(self.waiting.iter().map(|waiting| &waiting.record))
    }
}

impl Queue {
    pub(super) fn new(loaded: &Loaded) -> Self {
        Self {
            next: loaded.head + 1,
            time: loaded.time,
            reserved: loaded.reserved,
            committed: loaded.head,
            waiting: Vec::new(),
            shown: VecDeque::new(),
            bytes: 0,
            behind: false,
            trims: Vec::new(),
            runtime: None,
            waiting_since: Instant::now(),
            crowd: (0, Duration::ZERO),
            writing: false,
            closing: false,
            followers: Vec::new(),
        }
    }

    /// The last sequence number given out, and the last time.
    pub(super) const fn head(&self) -> (u64, Millis) {
        (self.next - 1, self.time)
    }

    /// As if so many sequence numbers had been given out.
    #[cfg(test)]
    pub(super) const fn skip(&mut self, count: u64) {
        self.next += count;
    }

    /// Gives a batch its place.
    fn place(&mut self, batch: Batch, room: OwnedSemaphorePermit) -> Record {
        self.time = self.time.max(batch.now);
        let (first, time) = (self.next, self.time);
        let entries: Vec<_> =
            batch.drafts.into_iter().zip(first..).map(|(draft, seq)| Entry { seq, time, draft }).collect();
        self.next += entries.len() as u64;
        Record { entries, keys: batch.keys, now: batch.now, _room: room }
    }

    pub(super) fn tell(&self, entries: &[Entry]) -> Vec<AfterUnlock> {
        self.followers.iter().map(|follower| follower.appended(entries, self.committed)).collect()
    }

    /// When there is something to write, at the latest.
    fn due(&self, durability: Durability, last: Instant, chores: bool) -> Instant {
        let period = match durability {
            Durability::Always => Duration::ZERO,
            Durability::Interval(interval) => interval,
            Durability::None => SELDOM,
        };
        let quiet = self.behind && matches!(durability, Durability::Interval(_));
        if !self.trims.is_empty() || self.bytes >= EAGER || self.closing {
            last
        } else if !self.waiting.is_empty() {
            let (crowd, took) = self.crowd;
            if self.waiting.len() >= crowd { last } else { self.waiting_since + took.min(LINGER) }
        } else if !self.shown.is_empty() || quiet {
            last + period
        } else if chores {
            last + period.min(SWEEP)
        } else {
            last + SWEEP
        }
    }

    /// A write of so many batches took so long.
    pub(super) const fn note_write(&mut self, batches: usize, took: Duration) {
        self.crowd = (batches, took);
    }

    fn take(&mut self, durability: Durability) -> Work {
        // Once all is written the file is not behind any more; it says so, before more is told of.
        let behind = match durability {
            Durability::Always => false,
            Durability::Interval(_) => !self.shown.is_empty() || !self.waiting.is_empty(),
            Durability::None => self.behind || !self.waiting.is_empty(),
        };
        // Nor is anything told of that comes after what nobody has heard of.
        self.behind &= behind && self.waiting.is_empty();
        self.bytes = 0;
        self.writing = true;
        Work {
            shown: std::mem::take(&mut self.shown),
            waiting: std::mem::take(&mut self.waiting),
            trims: std::mem::take(&mut self.trims),
            behind: behind && !self.closing,
            closing: self.closing,
        }
    }

    /// The file says that it may be behind: what came while that was written need not wait any more.
    pub(super) fn release(&mut self) -> (Vec<AfterUnlock>, Vec<Waiting>) {
        let reserved = self.reserved;
        let fits = |waiting: &Waiting| waiting.record.entries.last().is_none_or(|entry| entry.seq <= reserved);
        let count = self.waiting.iter().take_while(|waiting| fits(waiting)).count();
        let released: Vec<_> = self.waiting.drain(..count).collect();
        let told = released.iter().flat_map(|waiting| self.tell(&waiting.record.entries)).collect();
        (told, released)
    }

    /// What could not be written, and was told of, is kept for the next time.
    pub(super) fn put_back(&mut self, mut shown: VecDeque<Record>) {
        shown.append(&mut self.shown);
        self.bytes = shown.iter().map(Record::weight).sum();
        self.shown = shown;
        self.behind = false;
        self.writing = false;
    }
}

impl Shared {
    /// Gives a batch its place, and tells of it if that may be done at once.
    pub(super) fn append(&self, batch: Batch, room: OwnedSemaphorePermit) -> Result<Answer, StoreError> {
        let mut queue = self.queue()?;
        if queue.closing {
            return Err(StoreError::Closed);
        }
        self.health.borrow().clone()?;
        let record = queue.place(batch, room);
        let seqs = record.seqs();
        let first = queue.shown.is_empty();
        let before = queue.bytes;
        queue.bytes += record.weight();
        if queue.behind && queue.waiting.is_empty() && queue.head().0 <= queue.reserved {
            let told = queue.tell(&record.entries);
            let wake = first || (before < EAGER && queue.bytes >= EAGER);
            queue.shown.push_back(record);
            drop(queue);
            if wake {
                self.work.notify_one();
            }
            told.into_iter().for_each(AfterUnlock::wake);
            return Ok(Answer::Now(seqs));
        }
        let (answer, answered) = oneshot::channel();
        if queue.waiting.is_empty() {
            queue.waiting_since = Instant::now();
        }
        queue.runtime = Handle::try_current().ok();
        queue.waiting.push(Waiting { record, answer });
        let count = queue.waiting.len();
        let wake = count == 1 || count == queue.crowd.0 || queue.bytes >= EAGER;
        drop(queue);
        if wake {
            self.work.notify_one();
        }
        Ok(Answer::Later(answered))
    }

    pub(super) fn trim(
        &self,
        topic: Topic,
        through: u64,
        answer: oneshot::Sender<Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        let mut queue = self.queue()?;
        if queue.closing {
            return Err(StoreError::Closed);
        }
        self.health.borrow().clone()?;
        queue.trims.push(Trimming { topic, through, answer });
        drop(queue);
        self.work.notify_one();
        Ok(())
    }

    /// Tells a new follower of all that there is, the last of it while nothing can come in between.
    pub(super) fn follow(&self, mut after: u64, follower: Arc<dyn Follower>) -> Result<(), StoreError> {
        loop {
            let (entries, committed) = self.read(|snapshot| snapshot.entries_after(after, PAGE))?;
            let all = entries.len() < PAGE;
            after = entries.last().map_or(after, |last| last.seq);
            follower.appended(&entries, 0).wake();
            if !all {
                continue;
            }
            let mut queue = self.queue()?;
            while queue.writing {
                queue = self.work.wait(queue).map_err(|_| self.gone())?;
            }
            if queue.committed > committed.max(after) {
                continue; // it was written meanwhile
            }
            let shown = queue.shown.iter().filter(|record| record.entries.iter().all(|entry| entry.seq > after));
            let told: Vec<_> = shown.map(|record| follower.appended(&record.entries, queue.committed)).collect();
            follower.settled(queue.committed);
            queue.followers.push(follower);
            drop(queue);
            told.into_iter().for_each(AfterUnlock::wake);
            return Ok(());
        }
    }

    /// Answers those who waited. From within the runtime: each task that is woken from outside of it costs a system call.
    pub(super) fn answer(&self, waiting: Vec<(Answerer, Vec<u64>)>, trims: Vec<Trimming>) -> Result<(), StoreError> {
        let answer = move || {
            for (answer, seqs) in waiting {
                let _ = answer.send(Ok(seqs)); // who asked may be gone
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

    /// Waits until there is something to do.
    pub(super) fn wait(&self, last: Instant, chores: bool) -> Result<Work, StoreError> {
        let mut queue = self.queue()?;
        loop {
            let now = Instant::now();
            let due = queue.due(self.options.durability, last, chores);
            if due <= now {
                return Ok(queue.take(self.options.durability));
            }
            let waited = self.work.wait_timeout(queue, due - now);
            queue = waited.map_err(|_| self.gone())?.0;
        }
    }

    /// Waits for a time, or until the store is to close. Returns true if it is.
    pub(super) fn rest(&self, time: Duration) -> Result<bool, StoreError> {
        let (end, mut queue) = (Instant::now() + time, self.queue()?);
        while !queue.closing {
            let now = Instant::now();
            if now >= end {
                return Ok(false);
            }
            queue = self.work.wait_timeout(queue, end - now).map_err(|_| self.gone())?.0;
        }
        Ok(true)
    }
}
