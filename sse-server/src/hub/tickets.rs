//! The tickets of a hub: their key, and which of them has a stream.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::SystemTime,
};

use super::granted::GrantedStream;
use crate::{
    auth::{Denial, KEY_BYTES, Ticket, TicketKey},
    base::{lock::Lock, random},
    config::{Config, StoreKind},
};

/// The tickets that are remembered without an open stream, at least: of those that were revoked, and of the others.
const REMEMBERED: usize = 100_000;

/// The name of the key beside the log.
const KEY_FILE: &str = "tickets.key";

/// The tickets of a hub.
#[derive(Debug, Clone)]
pub(crate) struct Tickets(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    key: TicketKey,
    used: Lock<Used>,
}

/// What tickets were used for.
#[derive(Debug)]
struct Used {
    all: HashMap<u128, Use>,
    /// Since when all uses are remembered.
    since: SystemTime,
    /// The number of the last claim.
    claims: u64,
    /// The number of tickets at which it is worth looking for those that may be forgotten.
    sweep_at: usize,
}

#[derive(Debug)]
enum Use {
    /// Its stream is about to open, for the claim with this number. It may have had another before.
    Opening(u64, Option<Weak<GrantedStream>>),
    /// It has, or had, this stream.
    Stream(Weak<GrantedStream>),
    /// Its stream was taken back.
    Revoked,
}

/// A ticket whose stream is about to open. If it does not, the ticket is as it was before.
#[derive(Debug)]
pub(crate) struct Claim {
    tickets: Tickets,
    /// Of the ticket, and of the claim.
    number: u128,
    claim: u64,
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
            None => new_key()?,
        };
        Ok(Self::with(TicketKey::new(key, format!("{:?}", config.auth.mode)), SystemTime::now()))
    }

    fn with(key: TicketKey, since: SystemTime) -> Self {
        let used = Used { all: HashMap::new(), since, claims: 0, sweep_at: 2 * REMEMBERED };
        Self(Arc::new(Shared { key, used: Lock::new(used) }))
    }

    pub(crate) fn key(&self) -> &TicketKey {
        &self.0.key
    }

    /// Takes `ticket` for a stream that is about to open. `has_position` says that the stream goes on after an event of this log.
    pub(super) fn claim(&self, ticket: &Ticket, has_position: bool, now: SystemTime) -> Result<Claim, Denial> {
        let mut used = self.0.used.lock_even_so();
        used.forget_some(now);
        used.claims += 1;
        let (claim, is_remembered) = (used.claims, used.since <= ticket.issued);
        let before = match used.all.get(&ticket.number) {
            None if ticket.use_by < now && (is_remembered || !has_position) => {
                return Err(Denial::invalid("the ticket was not used in time; ask for another"));
            }
            None => None,
            Some(Use::Revoked) => return Err(Denial::invalid("the ticket's stream was revoked")),
            // who has had something of it is the one who has it, and has lost the connection
            Some(Use::Opening(_, before)) if has_position => before.clone(),
            Some(Use::Stream(stream)) if has_position || stream.strong_count() == 0 => Some(stream.clone()),
            Some(Use::Opening(..) | Use::Stream(_)) => {
                return Err(Denial::invalid("the ticket has a stream already; ask for another"));
            }
        };
        used.all.insert(ticket.number, Use::Opening(claim, before));
        drop(used);
        Ok(Claim { tickets: self.clone(), number: ticket.number, claim })
    }

    /// Has the ticket with this number be of no more use.
    pub(super) fn revoke(&self, number: u128) {
        self.0.used.lock_even_so().all.insert(number, Use::Revoked);
    }
}

impl Use {
    fn is_of(&self, claim: u64) -> bool {
        matches!(self, Self::Opening(own, _) if *own == claim)
    }
}

impl Used {
    /// Makes room if there are too many. A ticket that is forgotten opens a stream only with a position, once its time is over.
    fn forget_some(&mut self, now: SystemTime) {
        if self.all.len() < self.sweep_at {
            return;
        }
        let is_over = |one: &Use| matches!(one, Use::Stream(stream) if stream.strong_count() == 0);
        let is_revoked = |one: &Use| matches!(one, Use::Revoked);
        for may_go in [&is_over as &dyn Fn(&Use) -> bool, &is_revoked] {
            if self.all.values().filter(|one| may_go(one)).count() > REMEMBERED {
                self.all.retain(|_, one| !may_go(one));
                self.since = now;
            }
        }
        self.sweep_at = 2 * self.all.len().max(REMEMBERED); // so that it is seldom, however many have a stream
    }
}

impl Claim {
    /// The number of the ticket.
    pub(super) const fn number(&self) -> u128 {
        self.number
    }

    /// Notes that the stream has opened. The one that the ticket had before ends; or this one, if the ticket was revoked or claimed
    /// again meanwhile.
    pub(super) fn opened(&self, stream: &Arc<GrantedStream>) {
        let mut used = self.tickets.0.used.lock_even_so();
        let superseded = match used.all.get_mut(&self.number) {
            Some(one) if one.is_of(self.claim) => match std::mem::replace(one, Use::Stream(Arc::downgrade(stream))) {
                Use::Opening(_, before) => before.and_then(|before| before.upgrade()),
                Use::Stream(_) | Use::Revoked => None,
            },
            _ => Some(stream.clone()),
        };
        drop(used);
        if let Some(superseded) = superseded {
            superseded.revoke();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut used = self.tickets.0.used.lock_even_so();
        let Some(Use::Opening(claim, before)) = used.all.get_mut(&self.number) else { return };
        if *claim != self.claim {
            return;
        }
        match before.take() {
            Some(before) => used.all.insert(self.number, Use::Stream(before)),
            None => used.all.remove(&self.number),
        };
    }
}

fn new_key() -> Result<[u8; KEY_BYTES], String> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|error| format!("the system has no randomness for a key: {error}"))?;
    Ok(key)
}

/// The key in the file at `path`, which is made if there is none.
fn kept(path: &Path) -> Result<[u8; KEY_BYTES], String> {
    let read = || match fs::read(path) {
        Ok(bytes) => bytes.try_into().map(Some).map_err(|bytes: Vec<u8>| {
            format!(
                "a key of tickets has {KEY_BYTES} bytes, and this file has {}; delete it for a new one",
                bytes.len()
            )
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("the key of tickets can't be read: {error}")),
    };
    if let Some(key) = read()? {
        return Ok(key);
    }
    let key = new_key()?;
    match write(path, &key) {
        Ok(()) => Ok(key),
        // another hub has made it at the same time
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read()?.ok_or_else(|| "the key of tickets comes and goes".to_owned())
        }
        Err(error) => Err(format!("the key of tickets can't be kept: {error}")),
    }
}

/// Writes a file that only its owner may read, whole, unless there is one.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use io::Write;
    let beside = path.with_extension(format!("{:016x}", random::name()));
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    let linked = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&beside, path));
    let _ = fs::remove_file(&beside); // it has another name, or is of no use
    linked
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::auth::Grant;

    fn tickets(since: SystemTime) -> Tickets {
        Tickets::with(TicketKey::new([7; KEY_BYTES], String::new()), since)
    }

    const A_WHILE: Duration = Duration::from_secs(61);

    fn ticket(now: SystemTime) -> Ticket {
        Ticket { number: 7, issued: now, use_by: now + Duration::from_secs(60), grant: Grant::default(), stamp: None }
    }

    fn opened(claim: &Claim) -> Arc<GrantedStream> {
        let stream = GrantedStream::for_test();
        claim.opened(&stream);
        stream
    }

    #[test]
    fn a_ticket_is_for_one_stream() {
        let now = SystemTime::now();
        let (tickets, ticket, later) = (tickets(now), ticket(now), now + A_WHILE);
        let first = tickets.claim(&ticket, false, now).unwrap();
        assert!(tickets.claim(&ticket, false, now).is_err(), "raced");
        drop(first); // it did not open
        assert!(tickets.claim(&ticket, false, later).is_err(), "too late");
        assert!(tickets.claim(&ticket, true, later).is_err(), "a position makes up for a restart only");

        let stream = opened(&tickets.claim(&ticket, false, now).unwrap());
        assert!(tickets.claim(&ticket, false, now).is_err(), "a second stream");
        drop(tickets.claim(&ticket, true, now).unwrap());
        assert!(!stream.is_revoked(), "the other did not open");
        let second = opened(&tickets.claim(&ticket, true, later).unwrap());
        assert!(stream.is_revoked(), "the connection that was lost");
        drop(second);
        assert!(tickets.claim(&ticket, false, later).is_ok(), "it has ended");
        tickets.revoke(7);
        assert!(tickets.claim(&ticket, true, now).is_err());
    }

    #[test]
    fn the_last_of_several_attempts_counts() {
        let now = SystemTime::now();
        let (tickets, ticket) = (tickets(now), ticket(now));
        let slow = tickets.claim(&ticket, false, now).unwrap();
        let quick = tickets.claim(&ticket, true, now).unwrap();
        assert!(opened(&slow).is_revoked());
        let stream = opened(&quick);
        assert!(!stream.is_revoked());
        assert!(tickets.claim(&ticket, false, now).is_err(), "it is still open");
    }

    #[test]
    fn what_is_revoked_stays_so_whoever_is_about_to_open() {
        let now = SystemTime::now();
        for opens in [true, false] {
            let (tickets, ticket) = (tickets(now), ticket(now));
            let stream = opened(&tickets.claim(&ticket, false, now).unwrap());
            let claim = tickets.claim(&ticket, true, now).unwrap();
            tickets.revoke(7);
            if opens {
                assert!(opened(&claim).is_revoked());
            } else {
                drop(claim);
            }
            assert!(tickets.claim(&ticket, true, now).is_err());
            drop(stream);
        }
    }

    #[test]
    fn after_a_restart_who_has_a_position_goes_on() {
        let now = SystemTime::now();
        let tickets = tickets(now + Duration::from_secs(10));
        assert!(tickets.claim(&ticket(now), false, now + A_WHILE).is_err());
        assert!(tickets.claim(&ticket(now), true, now + A_WHILE).is_ok());
    }

    #[test]
    fn there_is_a_bound_to_what_is_remembered() {
        let now = SystemTime::now();
        let tickets = tickets(now);
        let open = opened(&tickets.claim(&ticket(now), false, now).unwrap());
        for number in 8..3 * REMEMBERED as u128 {
            drop(opened(&tickets.claim(&Ticket { number, ..ticket(now) }, false, now).unwrap()));
        }
        let count = tickets.0.used.lock_even_so().all.len();
        assert!(count < 2 * REMEMBERED, "{count}");
        assert!(tickets.claim(&ticket(now), false, now).is_err(), "it has a stream");
        assert!(!open.is_revoked());
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
