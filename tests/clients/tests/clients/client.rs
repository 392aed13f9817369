//! A client at work, and what it shows of its stream.

use std::{
    cmp::Ordering,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::Deserialize;
use sse_core::hub::{Drain, DrainReason, Position, names};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};

use crate::install::installed;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// More than any test here makes a client show.
const MOST: usize = 10_000;

/// An event that the hub took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) name: String,
    pub(crate) data: String,
    pub(crate) id: String,
}

/// What a client shows, as its adapter says it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Seen {
    Event {
        event: String,
        data: String,
        id: String,
    },
    Comment {
        comment: String,
    },
    /// The connection ended or failed, in its own words.
    Ended {
        #[allow(dead_code, reason = "for who reads a failure")]
        ended: String,
    },
}

impl Seen {
    pub(crate) fn is(&self, name: &str) -> bool {
        matches!(self, Self::Event { event, .. } if event == name)
    }

    /// The reason, if it is the announced end of a stream.
    pub(crate) fn drain(&self) -> Option<DrainReason> {
        match self {
            Self::Event { event, data, .. } if event == names::event::DRAIN => Some(Drain::decode(data).reason),
            _ => None,
        }
    }

    fn published(&self) -> Option<Published> {
        match self {
            Self::Event { event, data, id } if !event.starts_with(names::event::RESERVED_PREFIX) => {
                Some(Published { name: event.clone(), data: data.clone(), id: id.clone() })
            }
            _ => None,
        }
    }
}

/// What was seen so far, and word of more.
#[derive(Debug, Default)]
pub(crate) struct Log {
    seen: Mutex<Vec<Seen>>,
    more: Notify,
}

impl Log {
    pub(crate) fn add(&self, seen: Seen) {
        let mut all = self.seen.lock().unwrap();
        assert!(all.len() < MOST, "{MOST} things seen and no end");
        all.push(seen);
        drop(all);
        self.more.notify_waiters();
    }
}

/// A client that runs, until it is dropped.
pub(crate) struct Client {
    name: String,
    log: Arc<Log>,
    task: JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Client {
    /// A client of which this task tells what it shows.
    pub(crate) fn of<T: Future<Output = ()> + Send + 'static>(name: &str, task: impl FnOnce(Arc<Log>) -> T) -> Self {
        let log = Arc::new(Log::default());
        Self { name: name.to_owned(), task: tokio::spawn(task(Arc::clone(&log))), log }
    }

    /// A client that has an adapter in a language that this program runs.
    pub(crate) fn adapter(program: &str, adapter: &str, url: &str) -> Self {
        let installed = installed();
        let mut command = Command::new(program);
        command.arg(installed.adapters.join(adapter)).arg(url).env("PYTHONPATH", &installed.python);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self::of(adapter, async move |log| {
            let (_process, mut lines) = (process, lines);
            while let Some(line) = lines.next_line().await.unwrap() {
                let seen = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
                log.add(seen);
            }
        })
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.seen.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, so: impl Fn(&Seen) -> bool) -> usize {
        self.log.seen.lock().unwrap().iter().filter(|seen| so(seen)).count()
    }

    /// Waits until `count` things of a kind were seen.
    pub(crate) async fn until(&self, what: &str, count: usize, so: impl Fn(&Seen) -> bool) {
        let waiting = async {
            loop {
                let more = self.log.more.notified();
                tokio::pin!(more);
                more.as_mut().enable();
                if self.count(&so) >= count {
                    return;
                }
                assert!(!self.task.is_finished(), "{} ended: {:#?}", self.name, self.seen());
                more.await;
            }
        };
        let in_time = timeout(PATIENCE, waiting).await;
        assert!(in_time.is_ok(), "{}: no {count} of {what} in {PATIENCE:?}: {:#?}", self.name, self.seen());
    }

    /// Waits until `count` published events were seen.
    pub(crate) async fn until_published(&self, count: usize) {
        self.until("the events published", count, |seen| seen.published().is_some()).await;
    }

    /// Fails the test unless the client saw what a client should of these events.
    pub(crate) fn check(&self, published: &[Published]) {
        let seen = self.seen();
        check(&seen, published).unwrap_or_else(|fault| panic!("{}: {fault}: {seen:#?}", self.name));
    }
}

/// What holds for every client: it saw what was published, once and in order, with the right IDs; else only the hub's own
/// events, of which none is a gap; and its position never went back.
fn check(seen: &[Seen], published: &[Published]) -> Result<(), String> {
    let events: Vec<_> = seen.iter().filter_map(Seen::published).collect();
    if events != published {
        return Err(format!("not what was published, which is {published:#?}"));
    }
    let mut position: Option<Position> = None;
    for seen in seen {
        let Seen::Event { event, data, id } = seen else { continue };
        if id.is_empty() && matches!(seen.drain(), Some(DrainReason::Busy | DrainReason::Shutdown)) {
            continue; // turned away before it had a position
        }
        let here = Position::parse(id).ok_or_else(|| format!("{id:?} is no position"))?;
        if position.is_some_and(|before| !matches!(before.partial_cmp(&here), Some(Ordering::Less | Ordering::Equal))) {
            return Err(format!("back at {id}"));
        }
        position = Some(here);
        match event.as_str() {
            names::event::CURSOR if data == "{}" => {}
            names::event::DRAIN if seen.drain() != Some(DrainReason::Other) => {}
            name if !name.starts_with(names::event::RESERVED_PREFIX) => {}
            name => return Err(format!("{name:?} with {data:?}")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sse_core::hub::Epoch;

    use super::*;

    fn id(seq: u64) -> String {
        Position::new(Epoch::new(1), seq).to_string()
    }

    fn seen(event: &str, data: &str, id: String) -> Seen {
        Seen::Event { event: event.to_owned(), data: data.to_owned(), id }
    }

    #[test]
    fn what_a_client_should_see_passes_and_nothing_else() {
        let published = [1, 2].map(|seq| Published { name: "tick".into(), data: "x".into(), id: id(seq) });
        let tick = |seq| seen("tick", "x", id(seq));
        let cursor = |seq| seen("sse-cursor", "{}", id(seq));
        let busy = || seen("sse-drain", r#"{"reason":"busy"}"#, String::new());
        let age = |seq| seen("sse-drain", r#"{"reason":"age"}"#, id(seq));

        let good = [busy(), cursor(0), tick(1), age(1), Seen::Ended { ended: String::new() }, cursor(1), tick(2)];
        assert_eq!(check(&good, &published), Ok(()));
        for (what, bad) in [
            ("lost", vec![cursor(0), tick(2)]),
            ("doubled", vec![cursor(0), tick(1), tick(1), tick(2)]),
            ("in another order", vec![cursor(0), tick(2), tick(1)]),
            ("invented", vec![seen("message", "", String::new()), cursor(0), tick(1), tick(2)]),
            ("another id", vec![cursor(0), tick(1), tick(3)]),
            ("a gap", vec![seen("sse-gap", r#"{"reason":"lost"}"#, id(0)), tick(1), tick(2)]),
            ("back", vec![cursor(0), tick(1), cursor(0), tick(2)]),
            (
                "another epoch",
                vec![seen("sse-cursor", "{}", Position::new(Epoch::new(2), 0).to_string()), tick(1), tick(2)],
            ),
            ("no id", vec![seen("sse-cursor", "{}", String::new()), tick(1), tick(2)]),
            ("no data", vec![seen("sse-cursor", "", id(0)), tick(1), tick(2)]),
            ("an unknown reason", vec![cursor(0), tick(1), tick(2), seen("sse-drain", "{}", id(2))]),
        ] {
            assert!(check(&bad, &published).is_err(), "{what}");
        }
    }
}
