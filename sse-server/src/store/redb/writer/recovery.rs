//! What the writer does when the file can't be written: it waits, lets readers have the file meanwhile, and opens it again.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{Writer, announce_committed};
use crate::store::redb::{
    Asked, Fault, OpenError, TopicNames,
    fault::{dropped, guarded},
    loaded::{self, BLOCK},
    tables::FileResult,
    write::{LogTransaction, TopicIndex},
};

impl Writer {
    /// Looks whether the log's file is where it was.
    pub(super) fn check_place(&mut self) -> FileResult<()> {
        if self.place.is_some() && self.shared.directory.place() != self.place {
            return Err(Fault::Moved);
        }
        self.seen = Instant::now();
        Ok(())
    }

    /// Reopens the file until all reported batches are committed. Returns false if the store is closing and that failed.
    pub(super) fn recover(&mut self, fault: Option<&Fault>) -> bool {
        let moved = matches!(fault, Some(Fault::Moved));
        if fault.is_some() && !moved {
            // After an I/O error redb refuses everything until the file is reopened.
            self.stop_reading();
            if fault.is_some_and(Fault::is_full) {
                self.read_on();
            }
        }
        loop {
            let Ok(closing) = self.shared.rest(self.shared.options.retry) else { return false };
            let again = if moved { self.check_place().map(|()| true) } else { self.try_again() };
            match again {
                Ok(true) => {
                    tracing::info!(file = %self.shared.directory.path().display(), "the log can be written again");
                    let Ok(queue) = self.shared.queue() else { return false };
                    let _ = self.shared.health.send_replace(Ok(()));
                    drop(queue);
                    self.last = Instant::now();
                    return true;
                }
                Ok(false) => {}
                Err(fault) => tracing::debug!(%fault, "the log can't be written yet"),
            }
            if closing {
                return false;
            }
        }
    }

    /// Reopens the file, unless there is no room on the disk.
    fn try_again(&mut self) -> FileResult<bool> {
        if !self.shared.directory.has_room() {
            return Ok(false);
        }
        self.stop_reading();
        let reopened = self.reopen();
        if reopened.as_ref().is_err_and(Fault::is_full) {
            self.read_on();
        }
        reopened.map(|()| true)
    }

    /// Lets readers have the file while it can't be written.
    fn read_on(&self) {
        match self.shared.directory.open_reading() {
            Ok((database, _)) => drop(self.shared.database.replace(Some(Arc::new(database)))),
            Err(error) => tracing::debug!(%error, "the log can't be read either"),
        }
    }

    /// Takes the file away from readers, and waits for those who have it: what they read may be written over next.
    fn stop_reading(&self) {
        let Some(database) = self.shared.database.replace(None) else { return };
        while Arc::strong_count(&database) > 1 {
            thread::sleep(Duration::from_millis(1));
        }
        dropped(database);
    }

    /// Reopens the file, and brings it up to date with what was reported. Nothing is appended meanwhile.
    fn reopen(&mut self) -> FileResult<()> {
        let shared = self.shared.clone();
        let (reported, committed, head, ends) = {
            let mut queue = shared.queue()?;
            (std::mem::take(&mut queue.reported), queue.committed, queue.head(), queue.ends.clone())
        };
        let _question = shared.disk.ask(Asked::Write);
        let reopened = guarded(|| {
            let (database, loaded) = shared.directory.open_for_use().map_err(|OpenError::File { fault, .. }| fault)?;
            if loaded.epoch != self.loaded.epoch {
                return Err(Fault::Moved);
            }
            self.loaded = loaded;
            if !self.begun {
                loaded::begin(&database, &mut self.loaded)?;
            }
            self.topics = TopicIndex::of(&self.loaded);
            let transaction = database.begin_write()?;
            let mut writing = LogTransaction::begin(&transaction, &mut self.loaded, &mut self.topics)?;
            writing.cut_off(committed, self.next_key, &ends)?;
            for batch in &reported {
                writing.insert(batch)?;
            }
            writing.finish(head, head.0 + BLOCK, false, true)?;
            transaction.commit()?;
            Ok(database)
        });
        let mut queue = shared.queue()?;
        let database = match reopened {
            Ok(database) => database,
            Err(fault) => {
                queue.put_back(reported);
                return Err(fault);
            }
        };
        queue.committed = reported.back().map_or(committed, |batch| batch.at.0);
        queue.reserved = self.loaded.reserved;
        queue.put_back(VecDeque::new());
        announce_committed(&queue);
        let topics: Vec<_> = self.loaded.topics.values().cloned().collect();
        queue.followers.iter().for_each(|follower| follower.recovered(queue.committed, &topics, self.announced));
        // those of topics that the file has forgotten after all
        let known: HashSet<_> = self.loaded.ends().map(|(topic, _)| topic).collect();
        ends.keys().filter(|topic| !known.contains(topic)).for_each(|topic| queue.report_reopened(topic));
        drop(queue);
        (self.begun, self.announced, self.place) = (true, 0, shared.directory.place());
        self.next_key = self.loaded.next_key;
        *shared.names.write().map_err(|_| Fault::Gone)? = TopicNames::of(&self.loaded);
        shared.database.replace(Some(Arc::new(database)));
        Ok(())
    }
}
