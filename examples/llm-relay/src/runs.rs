//! The runs that are under way.

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::{journal::Journal, listen::listen, pour::Sink, provider::Provider};

/// The most at a time; more prompts are refused.
const MOST: usize = 64;

#[derive(Debug)]
pub(crate) struct Runs {
    /// Where the journals are.
    data: PathBuf,
    provider: Provider,
    hub: Sink,
    room: Arc<Semaphore>,
    /// How to stop each of them, by its id.
    under_way: Mutex<HashMap<String, Arc<Notify>>>,
}

/// Why a run is not whole in the hub.
enum Broken {
    Journal(io::Error),
    Refused(String),
}

impl Runs {
    pub(crate) fn new(data: PathBuf, provider: Provider, hub: Sink) -> Self {
        Self { data, provider, hub, room: Arc::new(Semaphore::new(MOST)), under_way: Mutex::default() }
    }

    /// Goes on with those that a relay before this one has left.
    pub(crate) fn go_on(self: &Arc<Self>) {
        for journal in Journal::all_in(&self.data) {
            match journal {
                Ok((id, journal)) => self.start(id, journal, None),
                Err(error) => eprintln!("llm-relay: a journal can't be read: {error}"),
            }
        }
    }

    /// Begins one, and gives its id. With `None` there are too many.
    pub(crate) async fn begin(self: &Arc<Self>, prompt: String) -> io::Result<Option<String>> {
        let Ok(place) = self.room.clone().try_acquire_owned() else { return Ok(None) };
        let id = format!("{:016x}{:016x}", getrandom::u64()?, getrandom::u64()?); // not to be guessed
        let journal = Journal::create(&self.data, &id, prompt).await?;
        self.start(id.clone(), journal, Some(place));
        Ok(Some(id))
    }

    /// Stops one, if it is under way.
    pub(crate) fn stop(&self, id: &str) {
        if let Some(stop) = self.under_way().get(id) {
            stop.notify_one();
        }
    }

    /// Brings a run to its end, in a task of its own, which has this place as long as it lasts.
    fn start(self: &Arc<Self>, id: String, mut journal: Journal, place: Option<OwnedSemaphorePermit>) {
        let (runs, stop) = (self.clone(), Arc::new(Notify::new()));
        self.under_way().insert(id.clone(), stop.clone());
        tokio::spawn(async move {
            let _place = place;
            let said = journal.said();
            let listening = async { listen(&runs.provider, &mut journal, &stop).await.map_err(Broken::Journal) };
            let pouring = async { runs.hub.pour(&id, said).await.map_err(Broken::Refused) };
            let done = tokio::try_join!(listening, pouring);
            runs.under_way().remove(&id);
            let left = match done {
                Ok(_) => journal.remove(),
                Err(Broken::Refused(why)) => {
                    eprintln!("llm-relay: run {id} is given up: {why}");
                    journal.set_aside()
                }
                Err(Broken::Journal(error)) => Err(error),
            };
            if let Err(error) = left {
                eprintln!("llm-relay: run {id} is left to the next start: {error}");
            }
        });
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
