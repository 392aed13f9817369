//! The tickets of a hub: their key, and which of them has a stream.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use super::granted::GrantedStream;
use crate::{
    auth::{Denial, KEY_BYTES, Ticket, TicketKey},
    base::lock::Lock,
    config::{Config, StoreKind},
};

/// The tickets that are remembered besides those with an open stream.
const REMEMBERED: usize = 100_000;

/// The name of the key beside the log.
const KEY_FILE: &str = "tickets.key";

/// The tickets of a hub.
#[derive(Debug, Clone)]
pub(crate) struct Tickets(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    key: TicketKey,
    used: Lock<HashMap<u128, Use>>,
}

/// What a ticket was used for.
#[derive(Debug, Clone)]
enum Use {
    /// Its stream is about to open.
    Opening,
    /// It has, or had, this stream.
    Stream(Weak<GrantedStream>),
    /// Its stream was taken back.
    Revoked,
}

/// A ticket whose stream is about to open. If it does not, the ticket is as it was before.
#[derive(Debug)]
pub(crate) struct Claim {
    tickets: Tickets,
    number: u128,
    before: Option<Use>,
    has_opened: AtomicBool,
}

impl Tickets {
    /// Those of a hub with this configuration. Their key is in the file that it names, or beside the log, where it is made if
    /// there is none; with a log in memory it is as young as the log. It blocks.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, in one line.
    pub(super) fn open(config: &Config) -> Result<Self, String> {
        let beside = || (config.store.kind == StoreKind::Redb).then(|| config.store.path.join(KEY_FILE));
        let path: Option<PathBuf> = config.auth.ticket_key.clone().or_else(beside);
        let key = match path {
            Some(path) => kept(&path).map_err(|error| format!("{}: {error}", path.display()))?,
            None => random()?,
        };
        Ok(Self(Arc::new(Shared { key: TicketKey::new(key), used: Lock::default() })))
    }

    pub(crate) fn key(&self) -> &TicketKey {
        &self.0.key
    }

    /// Takes `ticket` for a stream that is about to open. `has_position` says that the stream goes on after an event of this log.
    pub(super) fn claim(&self, ticket: &Ticket, has_position: bool, now: SystemTime) -> Result<Claim, Denial> {
        let mut used = self.0.used.lock_even_so();
        self.forget_some(&mut used);
        let before = match used.entry(ticket.number) {
            Entry::Vacant(_) if ticket.use_by < now && !has_position => {
                return Err(Denial::invalid("the ticket was not used in time; ask for another"));
            }
            Entry::Vacant(entry) => {
                entry.insert(Use::Opening);
                None
            }
            Entry::Occupied(mut entry) => {
                let is_free = match entry.get() {
                    Use::Opening => false,
                    // who has had something of it is the one who has it, and has lost the connection
                    Use::Stream(stream) => has_position || stream.strong_count() == 0,
                    Use::Revoked => return Err(Denial::invalid("the ticket's stream was revoked")),
                };
                if !is_free {
                    return Err(Denial::invalid("the ticket has a stream already; ask for another"));
                }
                Some(entry.insert(Use::Opening))
            }
        };
        drop(used);
        Ok(Claim { tickets: self.clone(), number: ticket.number, before, has_opened: AtomicBool::new(false) })
    }

    /// Has the ticket with this number be of no more use.
    pub(super) fn revoke(&self, number: u128) {
        self.0.used.lock_even_so().insert(number, Use::Revoked);
    }

    /// Makes room if there are too many. A ticket that is forgotten opens a stream only with a position, once its time is over.
    fn forget_some(&self, used: &mut HashMap<u128, Use>) {
        if used.len() > REMEMBERED {
            used.retain(|_, one| !matches!(one, Use::Stream(stream) if stream.strong_count() == 0));
        }
        if used.len() > 2 * REMEMBERED {
            used.retain(|_, one| !matches!(one, Use::Revoked));
        }
    }
}

impl Claim {
    /// The number of the ticket.
    pub(super) const fn number(&self) -> u128 {
        self.number
    }

    /// Notes that the stream has opened. One that the ticket had before ends.
    pub(super) fn opened(&self, stream: &Arc<GrantedStream>) {
        self.tickets.0.used.lock_even_so().insert(self.number, Use::Stream(Arc::downgrade(stream)));
        self.has_opened.store(true, Ordering::Relaxed);
        if let Some(Use::Stream(before)) = &self.before
            && let Some(before) = before.upgrade()
        {
            before.revoke();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if *self.has_opened.get_mut() {
            return;
        }
        let mut used = self.tickets.0.used.lock_even_so();
        match self.before.take() {
            Some(before) => used.insert(self.number, before),
            None => used.remove(&self.number),
        };
    }
}

fn random() -> Result<[u8; KEY_BYTES], String> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|error| format!("the system has no randomness for a key: {error}"))?;
    Ok(key)
}

/// The key in the file at `path`, which is made if there is none.
fn kept(path: &Path) -> Result<[u8; KEY_BYTES], String> {
    match fs::read(path) {
        Ok(bytes) => bytes.try_into().map_err(|bytes: Vec<u8>| {
            format!(
                "a key of tickets has {KEY_BYTES} bytes, and this file has {}; delete it for a new one",
                bytes.len()
            )
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = random()?;
            write(path, &key).map_err(|error| format!("the key of tickets can't be kept: {error}"))?;
            Ok(key)
        }
        Err(error) => Err(format!("the key of tickets can't be read: {error}")),
    }
}

/// Writes a file that only its owner may read, whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use io::Write;
    let beside = path.with_extension("new");
    let mut options = fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(beside, path)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::auth::Grant;

    fn tickets() -> Tickets {
        Tickets(Arc::new(Shared { key: TicketKey::new([7; KEY_BYTES]), used: Lock::default() }))
    }

    fn ticket(now: SystemTime) -> Ticket {
        Ticket { number: 7, use_by: now + Duration::from_secs(60), grant: Grant::default() }
    }

    #[test]
    fn a_ticket_is_for_one_stream() {
        let (tickets, now) = (tickets(), SystemTime::now());
        let ticket = ticket(now);
        let later = now + Duration::from_secs(61);
        let first = tickets.claim(&ticket, false, now).unwrap();
        assert!(tickets.claim(&ticket, true, now).is_err(), "raced");
        drop(first); // it did not open
        assert!(tickets.claim(&ticket, false, later).is_err(), "too late");

        let claim = tickets.claim(&ticket, false, now).unwrap();
        let stream = GrantedStream::for_test();
        claim.opened(&stream);
        drop(claim);
        assert!(tickets.claim(&ticket, false, now).is_err(), "a second stream");
        let second = GrantedStream::for_test();
        let claim = tickets.claim(&ticket, true, later).unwrap();
        claim.opened(&second);
        drop(claim);
        assert!(stream.is_revoked(), "the connection that was lost");
        drop(second);
        assert!(tickets.claim(&ticket, false, later).is_ok(), "it has ended");
        tickets.revoke(7);
        assert!(tickets.claim(&ticket, true, now).is_err());
    }

    #[test]
    fn after_a_restart_who_has_a_position_goes_on() {
        let (tickets, now) = (tickets(), SystemTime::now());
        let later = now + Duration::from_secs(61);
        assert!(tickets.claim(&ticket(now), false, later).is_err());
        assert!(tickets.claim(&ticket(now), true, later).is_ok());
    }

    #[test]
    fn a_key_is_made_once_and_what_is_none_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let key = kept(&path).unwrap();
        assert_eq!(kept(&path), Ok(key));
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::write(&path, "short").unwrap();
        assert!(kept(&path).unwrap_err().contains("32 bytes, and this file has 5"));
        assert!(kept(&directory.path().join("missing/key")).unwrap_err().contains("can't be kept"));
    }
}
