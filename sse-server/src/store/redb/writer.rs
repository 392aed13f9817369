//! The writer thread, the only one that writes to the file.
//!
//! ```text
//!        ┌──────── work ◀── wait ◀────────────┐
//!        ▼                                    │
//!   transaction ── committed ──▶ reported, answered
//!        │
//!        └── failed ──▶ refused ──▶ opened again, cut off, written once more ──▶ …
//! ```

mod recovery;

use std::{
    collections::HashMap,
    fs::File,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use redb::{Database, ReadableDatabase, ReadableTable};

use super::{
    Asked, Fault, Inner,
    fault::{dropped, guarded},
    loaded::{BLOCK, Loaded},
    queue::{Job, PendingAppend, Queue, QueuedBatch},
    retention::{RetentionScan, STEP},
    tables::{EVENTS, FileResult},
    write::{LogTransaction, Outcome, TopicIndex},
};
use crate::base::seldom::Seldom;
use crate::store::{AfterUnlock, Appended, StoreError};
use sse_engine::{Millis, Retained, Stock, Topic, Trim, millis};

/// The most events trimmed on request in one transaction.
const TRIMMED: usize = 4096;

/// The trims announced under one taking of the queue's lock, which publishers need.
const ANNOUNCED: usize = 64;

/// The topics whose names are updated under one taking of their lock, which publishers need.
const NAMED: usize = 64;

/// The most idempotency keys dropped in one transaction, beyond the number added.
const KEYS: usize = 64;

/// How long nothing is trimmed after what is to be trimmed was found to be damaged.
const UNTRIMMED: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Inner>,
    loaded: Loaded,
    topics: TopicIndex,
    round: RetentionScan,
    /// The ordinal of the next key: the file has none from here on.
    next_key: u64,
    last: Instant,
    /// The file is marked as in use. Before that nothing is written, and nothing published.
    begun: bool,
    /// The last event whose trim was announced to followers, in the transaction that is not committed yet.
    announced: u64,
    /// Which file is the log's, and when it was last seen in its place.
    place: Option<(u64, u64)>,
    seen: Instant,
    /// When what is to be trimmed was found to be damaged.
    untrimmed: Option<Instant>,
    /// A file that can be opened again and not be written fails each second.
    failing: Seldom,
    /// Retention has more to trim.
    chores: bool,
    /// What the last write did to topics.
    outcome: Outcome,
    /// The number of requested trims that the last write completed.
    trimmed: usize,
    /// Keeps other processes out of the directory.
    _lock: File,
    /// Dropped last: whoever waits for the end of this thread may then open the log again.
    _ending: mpsc::Sender<()>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Inner>, loaded: Loaded, lock: File, ending: mpsc::Sender<()>) -> Self {
        let topics = TopicIndex::of(&loaded);
        let next_key = loaded.next_key;
        let (begun, place) = (shared.health.borrow().is_ok(), shared.directory.place());
        Self {
            shared,
            topics,
            loaded,
            round: RetentionScan::default(),
            next_key,
            last: Instant::now(),
            begun,
            announced: 0,
            place,
            seen: Instant::now(),
            untrimmed: None,
            failing: Seldom::a_minute(),
            chores: true,
            outcome: Outcome::default(),
            trimmed: 0,
            _lock: lock,
            _ending: ending,
        }
    }

    pub(super) fn run(mut self) {
        let mut last_try = false;
        if !self.begun && !self.recover(None) {
            self.give_up();
            return;
        }
        loop {
            let Ok(job) = self.shared.wait(self.last, self.chores) else { return };
            let closing = job.closing;
            self.last = Instant::now();
            match self.write(&job) {
                Ok(()) => {
                    if self.written(job).is_err() {
                        return;
                    }
                    if closing {
                        dropped(self.shared.database.replace(None));
                        let _ = self.shared.health.send_replace(Err(StoreError::Closed));
                        return;
                    }
                }
                Err(Fault::Gone) => return, // nothing can be told of the file any more
                Err(fault) => {
                    // While closing, there is only one more attempt.
                    if self.refuse(job, &fault).is_err()
                        || (closing && std::mem::replace(&mut last_try, true))
                        || !self.recover(Some(&fault))
                    {
                        self.give_up();
                        return;
                    }
                }
            }
        }
    }

    /// Commits `job` in one transaction.
    fn write(&mut self, job: &Job) -> FileResult<()> {
        let shared = self.shared.clone();
        let _question = shared.disk.ask(Asked::Write);
        self.announced = 0;
        self.outcome = Outcome::default();
        if self.seen.elapsed() >= shared.options.retry {
            self.check_place()?;
        }
        guarded(|| {
            let database = shared.database.get().ok_or_else(|| Fault::Damaged("the file is closed".into()))?;
            let trims = self.may_trim(&database);
            let transaction = database.begin_write()?;
            let head = self.head(job)?;
            let now = (shared.options.wall)().max(head.1);
            let mut writing = LogTransaction::begin(&transaction, &mut self.loaded, &mut self.topics)?;
            let mut entered = 0;
            let mut keys = 0;
            for batch in job.batches() {
                writing.insert(batch)?;
                entered += batch.entries.len();
                keys += batch.keys.len();
            }
            // Events that are not reported yet are not trimmed: followers would hear of the trim before the event.
            let last = job.reported.iter().filter_map(|batch| batch.entries.last()).next_back();
            let reported = match last {
                Some(entry) => entry.seq,
                None => shared.queue()?.committed,
            };
            self.trimmed = 0;
            for trim in &job.trims {
                if !writing.trim_topic(&trim.topic, trim.through.min(reported), TRIMMED)? {
                    break; // this trim continues with the next write, as do those after it
                }
                if trim.reopen {
                    writing.reopen(&trim.topic);
                }
                self.trimmed += 1;
            }
            let options = &shared.options;
            self.chores = false;
            if trims {
                self.chores = options.retention.step(&mut writing, entered, reported, now, &mut self.round)?;
                let window = millis(options.key_window);
                writing.forget_keys(options.keys, now.saturating_sub(window), keys + KEYS)?;
            }
            if job.is_idle() && job.behind == writing.loaded.behind && !writing.is_changed() {
                drop(writing);
                transaction.abort()?; // a check of retention by age that found nothing
                return Ok(());
            }
            let reserved = if job.closing { head.0 } else { (head.0 + BLOCK / 2).max(writing.loaded.reserved) };
            let reserved = if reserved > writing.loaded.reserved { head.0 + BLOCK } else { reserved };
            let touched = writing.touched();
            let (trims, outcome) = writing.finish(head, reserved, job.behind, !job.closing)?;
            self.outcome = outcome;
            self.announced = trims.iter().map(|trim| trim.through).max().unwrap_or(0);
            self.announce_trims(trims, job)?;
            self.name(&touched)?; // who reads a topic that is forgotten by now has been told of its trims
            transaction.commit()?;
            Ok(())
        })
    }

    /// Returns false if the events that would be trimmed next are on a damaged page. They are looked at outside the
    /// transaction: one that comes by such a page is lost, and after that the database does not open the file any more.
    fn may_trim(&mut self, database: &Database) -> bool {
        if !self.shared.options.retention.may_trim(&self.loaded, &self.topics) {
            return true;
        }
        if self.untrimmed.is_some_and(|since| since.elapsed() < UNTRIMMED) {
            return false;
        }
        let looked = guarded(|| {
            for row in database.begin_read()?.open_table(EVENTS)?.iter()?.take(STEP) {
                let _ = row?.1.value().len();
            }
            Ok(())
        });
        self.untrimmed = looked.is_err().then(Instant::now);
        if let Err(fault) = &looked {
            let file = self.shared.directory.path();
            tracing::error!(%fault, file = %file.display(), "the oldest events are damaged; nothing is trimmed for a minute");
        }
        looked.is_ok()
    }

    /// The last sequence number and publish time after this transaction. While closing, no more are assigned.
    fn head(&self, job: &Job) -> Result<(u64, Millis), StoreError> {
        if job.closing {
            return Ok(self.shared.queue()?.head());
        }
        Ok(job.batches().last().map_or((self.loaded.head, self.loaded.time), |batch| batch.at))
    }

    /// Updates the topic names, before readers can see events of new topics.
    fn name(&self, touched: &[u32]) -> FileResult<()> {
        for touched in touched.chunks(NAMED) {
            let mut names = self.shared.names.write().map_err(|_| Fault::Gone)?;
            for id in touched {
                match self.loaded.topics.get(id) {
                    Some(stored) if !names.topics.contains_key(id) => names.add(*id, &stored.topic),
                    Some(_) => {}
                    None => names.remove(*id),
                }
            }
        }
        Ok(())
    }

    /// Announces trims to followers before they are committed. What remains of each topic is reported from the
    /// followers' point of view: without events that were not reported to them yet, and with those that were but are not written.
    fn announce_trims(&self, mut trims: Vec<Trim>, job: &Job) -> Result<(), StoreError> {
        if trims.is_empty() {
            return Ok(());
        }
        let mut left: HashMap<Topic, Stock> = trims.iter().map(|trim| (trim.topic.clone(), trim.left)).collect();
        let each = |left: &mut HashMap<Topic, Stock>, batch: &QueuedBatch, change: fn(&mut Retained, u64, usize)| {
            for entry in &batch.entries {
                for (topic, kind, bytes) in entry.kinds() {
                    if let Some(left) = left.get_mut(topic) {
                        change(left.of_mut(kind), entry.seq, bytes);
                    }
                }
            }
        };
        for waiting in &job.waiting {
            each(&mut left, &waiting.batch, |left, _, bytes| left.remove(bytes));
        }
        let (mut counted, mut after_unlock) = (0, Vec::new());
        let mut queue = self.shared.queue()?;
        for trims in trims.chunks_mut(ANNOUNCED) {
            // what was reported while the lock was given up comes last
            queue.reported.iter().skip(counted).for_each(|batch| each(&mut left, batch, Retained::add));
            counted = queue.reported.len();
            trims.iter_mut().for_each(|trim| trim.left = left[&trim.topic]);
            after_unlock.extend(queue.followers.iter().map(|follower| follower.trimming(trims)));
            queue.give_way().map_err(|_| self.shared.gone())?;
        }
        drop(queue);
        after_unlock.into_iter().for_each(AfterUnlock::wake);
        Ok(())
    }

    /// The job is committed: reports what waited for that, and answers.
    fn written(&mut self, job: Job) -> Result<(), StoreError> {
        let Outcome { ended, reopened } = std::mem::take(&mut self.outcome);
        let mut ended = ended.into_iter();
        let mut queue = self.shared.queue()?;
        if let Some(batch) = job.batches().last() {
            queue.committed = queue.committed.max(batch.at.0);
        }
        queue.reserved = self.loaded.reserved;
        queue.behind = job.behind && !queue.closing;
        queue.writing = false;
        queue.note_write(job.waiting.len(), self.last.elapsed());
        let (mut after_unlock, mut answers) = (Vec::new(), Vec::new());
        for PendingAppend { batch, answer } in job.waiting {
            after_unlock.extend(queue.report(&batch.entries));
            let seqs = batch.seqs();
            let ended = batch.end.and_then(|topic| Some((topic, ended.next()?)));
            let appended = Appended { seqs, ended: ended.as_ref().map(|(_, at)| *at) };
            if let Some((topic, at)) = ended {
                after_unlock.extend(queue.report_end(topic, at));
            }
            answers.push((answer, batch.after_end.map_or(Ok(appended), |after_end| Err(queue.refusal(after_end)))));
        }
        for topic in &reopened {
            queue.report_reopened(topic);
        }
        if queue.behind {
            let (more, released) = queue.release();
            after_unlock.extend(more);
            for PendingAppend { batch, answer } in released {
                answers.push((answer, Ok(Appended { seqs: batch.seqs(), ended: None })));
                queue.reported.push_back(batch);
            }
        }
        let mut trims = job.trims;
        let mut more = trims.split_off(self.trimmed.min(trims.len()));
        more.append(&mut queue.trims);
        queue.trims = more;
        announce_committed(&queue);
        drop(queue);
        self.shared.work.notify_all();
        if self.shared.damage.count() > 0 {
            let firsts = self.loaded.topics.values().map(|stored| stored.retained.first()).filter(|first| *first > 0);
            self.shared.damage.forget(firsts.min().map_or(self.loaded.head, |first| first - 1));
        }
        self.next_key = self.loaded.next_key;
        after_unlock.into_iter().for_each(AfterUnlock::wake);
        self.shared.answer(answers, trims)
    }

    /// The job failed: publishers and trimmers get the error, and batches that were reported are kept.
    fn refuse(&self, job: Job, fault: &Fault) -> Result<(), StoreError> {
        let error = StoreError::Unavailable(format!("{}: {fault}", self.shared.directory.path().display()).into());
        if self.failing.due().is_some() {
            let file = self.shared.directory.path();
            tracing::error!(%fault, file = %file.display(), "the log can't be written; publishing is refused until it can");
        }
        let mut queue = self.shared.queue()?;
        let _ = self.shared.health.send_replace(Err(error.clone()));
        let waiting: Vec<_> = job.waiting.into_iter().chain(std::mem::take(&mut queue.waiting)).collect();
        let trims: Vec<_> = job.trims.into_iter().chain(std::mem::take(&mut queue.trims)).collect();
        waiting.iter().for_each(|waiting| queue.take_back(&waiting.batch));
        queue.put_back(job.reported);
        drop(queue);
        self.shared.work.notify_all();
        for waiting in waiting {
            let _ = waiting.answer.send(Err(error.clone()));
        }
        for trim in trims {
            let _ = trim.answer.send(Err(error.clone()));
        }
        Ok(())
    }

    fn give_up(&self) {
        let queue = self.shared.queue.lock_even_so();
        let events: usize = queue.reported.iter().map(|batch| batch.entries.len()).sum();
        if events == 0 {
            return;
        }
        tracing::error!(events, "closed without them: acknowledged events that could not be written are lost");
    }
}

impl Drop for Writer {
    /// Leaves nobody waiting, whatever ended the thread.
    fn drop(&mut self) {
        if self.shared.health.borrow().is_ok() {
            let _ = self.shared.health.send_replace(Err(StoreError::Gone));
        }
        let mut queue = self.shared.queue.lock_even_so();
        queue.writing = false;
        let (waiting, trims) = (std::mem::take(&mut queue.waiting), std::mem::take(&mut queue.trims));
        let followers = queue.followers.clone();
        drop(queue);
        drop((waiting, trims)); // dropping the senders tells those who wait
        self.shared.work.notify_all();
        if *self.shared.health.borrow() == Err(StoreError::Gone) {
            followers.iter().for_each(|follower| follower.gone());
        }
    }
}

fn announce_committed(queue: &Queue) {
    queue.followers.iter().for_each(|follower| follower.committed(queue.committed));
}
