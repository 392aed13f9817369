//! The one thread that writes.
//!
//! ```text
//!        ┌──────── work ◀── wait ◀────────────┐
//!        ▼                                    │
//!   transaction ── committed ──▶ told, answered
//!        │
//!        └── failed ──▶ refused ──▶ opened again, cut off, written once more ──▶ …
//! ```

use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use super::{
    Fault, Names, Shared,
    fault::guarded,
    file::{BLOCK, Loaded},
    queue::{Queue, Record, Waiting, Work},
    retention::Round,
    tables::Rows,
    write::{Topics, Writing},
};
use crate::store::{AfterUnlock, Entry, StoreError};
use sse_engine::{Millis, Retained, Topic, Trim};

/// How many events that someone wants trimmed go in one transaction.
const TRIMMED: usize = 4096;

/// How many keys are forgotten in one transaction, besides as many as come.
const KEYS: usize = 64;

#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    loaded: Loaded,
    topics: Topics,
    round: Round,
    /// Keys from this one on are not in the file.
    next_key: u64,
    last: Instant,
    /// Retention has more to do.
    chores: bool,
    /// How many of the last write's trims were done.
    trimmed: usize,
    /// No other process has the directory meanwhile.
    _lock: File,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, loaded: Loaded, lock: File) -> Self {
        let topics = Topics::of(&loaded);
        let next_key = loaded.next_key;
        Self {
            shared,
            topics,
            loaded,
            round: Round::default(),
            next_key,
            last: Instant::now(),
            chores: true,
            trimmed: 0,
            _lock: lock,
        }
    }

    pub(super) fn run(mut self) {
        let mut last_try = false;
        loop {
            let Ok(work) = self.shared.wait(self.last, self.chores) else { return };
            let closing = work.closing;
            self.last = Instant::now();
            match self.write(&work) {
                Ok(()) => {
                    if self.written(work).is_err() {
                        return;
                    }
                    if closing {
                        self.shared.database.replace(None);
                        let _ = self.shared.health.send_replace(Err(StoreError::Closed));
                        return;
                    }
                }
                Err(fault) => {
                    // When it is to close, one more try has to do.
                    if self.refuse(work, &fault).is_err()
                        || (closing && std::mem::replace(&mut last_try, true))
                        || !self.recover()
                    {
                        self.give_up();
                        return;
                    }
                }
            }
        }
    }

    /// One transaction for all that waits.
    fn write(&mut self, work: &Work) -> Rows<()> {
        let shared = self.shared.clone();
        guarded(|| {
            let database = shared.database.get().ok_or_else(|| Fault::Damaged("the file is closed".into()))?;
            let transaction = database.begin_write()?;
            let head = self.head(work)?;
            let now = now();
            let mut writing = Writing::begin(&transaction, &mut self.loaded, &mut self.topics)?;
            let mut entered = 0;
            let mut keys = 0;
            for record in work.records() {
                writing.enter(record)?;
                entered += record.entries.len();
                keys += record.keys.len();
            }
            // What nobody has heard of is not trimmed: followers would hear of the trim first.
            let shown = work.shown.iter().filter_map(|record| record.entries.last()).next_back();
            let told = match shown {
                Some(entry) => entry.seq,
                None => shared.queue()?.committed,
            };
            self.trimmed = 0;
            for trim in &work.trims {
                if !writing.trim_topic(&trim.topic, trim.through.min(told), TRIMMED)? {
                    break; // it goes on with the next write, and so do those after it
                }
                self.trimmed += 1;
            }
            let options = &shared.options;
            self.chores = options.retention.step(&mut writing, entered, told, now, &mut self.round)?;
            let window = u64::try_from(options.key_window.as_millis()).unwrap_or(Millis::MAX);
            writing.forget_keys(options.keys, now.saturating_sub(window), keys + KEYS)?;
            if work.is_idle() && work.behind == writing.loaded.behind && !writing.is_changed() {
                drop(writing);
                transaction.abort()?; // a look at what has become too old, and nothing had
                return Ok(());
            }
            let reserved = if work.closing { head.0 } else { (head.0 + BLOCK / 2).max(writing.loaded.reserved) };
            let reserved = if reserved > writing.loaded.reserved { head.0 + BLOCK } else { reserved };
            let touched = writing.touched();
            let trims = writing.finish(head, reserved, work.behind, !work.closing)?;
            self.name(&touched)?;
            self.tell_trims(trims, work)?;
            transaction.commit()?;
            Ok(())
        })
    }

    /// The last sequence number and time of what will be in the file. Nothing is given out any more when it closes.
    fn head(&self, work: &Work) -> Result<(u64, Millis), StoreError> {
        if work.closing {
            return Ok(self.shared.queue()?.head());
        }
        let last = work.records().filter_map(|record| record.entries.last()).last();
        Ok(last.map_or((self.loaded.head, self.loaded.time), |entry| (entry.seq, entry.time)))
    }

    /// Readers find topics by name before they can see their events.
    fn name(&self, touched: &[u32]) -> Rows<()> {
        let mut names = self.shared.names.write().map_err(|_| Fault::Gone)?;
        for id in touched {
            match self.loaded.topics.get(id) {
                Some(record) if !names.topics.contains_key(id) => names.add(*id, &record.topic),
                Some(_) => {}
                None => names.remove(*id),
            }
        }
        Ok(())
    }

    /// Followers hear of it first. What is left of a topic is told as they see it: without what they have not heard of,
    /// with what is not in the file yet.
    fn tell_trims(&self, mut trims: Vec<Trim>, work: &Work) -> Result<(), StoreError> {
        if trims.is_empty() {
            return Ok(());
        }
        let queue = self.shared.queue()?;
        let mut left: HashMap<&Topic, Retained> = trims.iter().map(|trim| (&trim.topic, trim.left)).collect();
        let each = |records: &mut dyn Iterator<Item = &Record>, change: &mut dyn FnMut(&Entry)| {
            records.flat_map(|record| &record.entries).for_each(change);
        };
        each(&mut work.waiting.iter().map(|waiting| &waiting.record), &mut |entry| {
            if let Some(left) = left.get_mut(&entry.draft.topic) {
                left.take_away(entry.draft.weight());
            }
        });
        each(&mut queue.shown.iter(), &mut |entry| {
            if let Some(left) = left.get_mut(&entry.draft.topic) {
                left.add(entry.seq, entry.draft.weight());
            }
        });
        let left: Vec<_> = trims.iter().map(|trim| left[&trim.topic]).collect();
        trims.iter_mut().zip(left).for_each(|(trim, left)| trim.left = left);
        let told: Vec<_> = queue.followers.iter().map(|follower| follower.trimming(&trims)).collect();
        drop(queue);
        told.into_iter().for_each(AfterUnlock::wake);
        Ok(())
    }

    /// All of it is in the file.
    fn written(&mut self, work: Work) -> Result<(), StoreError> {
        let mut queue = self.shared.queue()?;
        if let Some(entry) = work.records().last().and_then(|record| record.entries.last()) {
            queue.committed = queue.committed.max(entry.seq);
        }
        queue.reserved = self.loaded.reserved;
        queue.behind = work.behind && !queue.closing;
        queue.writing = false;
        queue.note_write(work.waiting.len(), self.last.elapsed());
        let mut told: Vec<_> = work.waiting.iter().flat_map(|waiting| queue.tell(&waiting.record.entries)).collect();
        let mut answers: Vec<_> =
            work.waiting.into_iter().map(|waiting| (waiting.answer, waiting.record.seqs())).collect();
        if queue.behind {
            let (more, released) = queue.release();
            told.extend(more);
            for Waiting { record, answer } in released {
                answers.push((answer, record.seqs()));
                queue.shown.push_back(record);
            }
        }
        let mut trims = work.trims;
        let mut more = trims.split_off(self.trimmed.min(trims.len()));
        more.append(&mut queue.trims);
        queue.trims = more;
        settle(&queue);
        drop(queue);
        self.shared.work.notify_all();
        self.next_key = self.loaded.next_key;
        told.into_iter().for_each(AfterUnlock::wake);
        self.shared.answer(answers, trims)
    }

    /// It could not be written: whoever waits is told so, and what was shown is kept.
    fn refuse(&self, work: Work, fault: &Fault) -> Result<(), StoreError> {
        let error = StoreError::Unavailable(format!("{}: {fault}", self.shared.place.path().display()).into());
        tracing::error!(%fault, file = %self.shared.place.path().display(), "the log can't be written; publishing is refused until it can");
        let mut queue = self.shared.queue()?;
        let _ = self.shared.health.send_replace(Err(error.clone()));
        let waiting: Vec<_> = work.waiting.into_iter().chain(std::mem::take(&mut queue.waiting)).collect();
        let trims: Vec<_> = work.trims.into_iter().chain(std::mem::take(&mut queue.trims)).collect();
        queue.put_back(work.shown);
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

    /// Opens the file again and again until what was shown is in it. `false`: the store is to close, and it is not.
    fn recover(&mut self) -> bool {
        // After an error the library lets nothing through until the file is opened anew.
        self.shared.database.replace(None);
        loop {
            let Ok(closing) = self.shared.rest(self.shared.options.retry) else { return false };
            match self.reopen() {
                Ok(()) => {
                    tracing::info!(file = %self.shared.place.path().display(), "the log can be written again");
                    let Ok(queue) = self.shared.queue() else { return false };
                    let _ = self.shared.health.send_replace(Ok(()));
                    drop(queue);
                    self.last = Instant::now();
                    return true;
                }
                Err(fault) => tracing::debug!(%fault, "the log can't be written yet"),
            }
            if closing {
                return false;
            }
        }
    }

    /// Opens the file, and brings it to where the log is: nothing is appended meanwhile.
    fn reopen(&mut self) -> Rows<()> {
        let shared = self.shared.clone();
        let (shown, committed, head) = {
            let mut queue = shared.queue()?;
            (std::mem::take(&mut queue.shown), queue.committed, queue.head())
        };
        let reopened = guarded(|| {
            let (database, loaded) = shared.place.open().map_err(|super::OpenError::File { fault, .. }| fault)?;
            self.topics = Topics::of(&loaded);
            self.loaded = loaded;
            let transaction = database.begin_write()?;
            let mut writing = Writing::begin(&transaction, &mut self.loaded, &mut self.topics)?;
            writing.cut_off(committed, self.next_key)?;
            for record in &shown {
                writing.enter(record)?;
            }
            writing.finish(head, head.0 + BLOCK, false, true)?;
            transaction.commit()?;
            Ok(database)
        });
        let mut queue = shared.queue()?;
        let database = match reopened {
            Ok(database) => database,
            Err(fault) => {
                queue.put_back(shown);
                return Err(fault);
            }
        };
        let last = shown.iter().filter_map(|record| record.entries.last()).map(|entry| entry.seq).max();
        queue.committed = last.unwrap_or(committed);
        queue.reserved = self.loaded.reserved;
        queue.put_back(VecDeque::new());
        settle(&queue);
        let records: Vec<_> = self.loaded.topics.values().cloned().collect();
        queue.followers.iter().for_each(|follower| follower.reopened(queue.committed, &records));
        drop(queue);
        self.next_key = self.loaded.next_key;
        let topics = self.loaded.topics.iter().map(|(id, record)| (*id, &record.topic));
        *shared.names.write().map_err(|_| Fault::Gone)? = Names::of(topics);
        shared.database.replace(Some(Arc::new(database)));
        Ok(())
    }

    fn give_up(&self) {
        let queue = self.shared.queue.lock_even_so();
        let events: usize = queue.shown.iter().map(|record| record.entries.len()).sum();
        tracing::error!(events, "closed without them: acknowledged events that could not be written are lost");
    }
}

impl Drop for Writer {
    /// Nobody is left waiting, whatever ended it.
    fn drop(&mut self) {
        if self.shared.health.borrow().is_ok() {
            let _ = self.shared.health.send_replace(Err(StoreError::Gone));
        }
        let mut queue = self.shared.queue.lock_even_so();
        queue.writing = false;
        let (waiting, trims) = (std::mem::take(&mut queue.waiting), std::mem::take(&mut queue.trims));
        drop(queue);
        drop((waiting, trims)); // who asked learns of it by that
        self.shared.work.notify_all();
    }
}

fn settle(queue: &Queue) {
    queue.followers.iter().for_each(|follower| follower.settled(queue.committed));
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now() -> Millis {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(Millis::MAX)
}
