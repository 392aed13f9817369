//! The handshakes that are under way.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use prometheus_client::metrics::gauge::Gauge;
use tokio::{sync::oneshot, time::Instant};

use crate::base::{lock::Lock, network::network};

/// The most handshakes that are under way at once, each of which may hold 64 KB, and the most of one client.
const MOST: usize = 4096;
const MOST_OF_ONE: usize = 512;

/// How many handshakes of one client are under way before one more is one of a rush.
const RUSH: usize = 4;

/// How long a handshake may take undisturbed by others of its client.
const UNDISTURBED: Duration = Duration::from_secs(1);

/// The handshakes that are under way. One that is too many takes a place of the client that has the most. If its own client has
/// as many, it takes that of the oldest, which only holds it: who means it needs a moment. Where all are young it is the newcomer
/// who goes: in a rush nobody would get through otherwise.
#[derive(Debug, Clone)]
pub(super) struct Handshakes(Arc<Lock<UnderWay>>);

#[derive(Debug)]
struct UnderWay {
    /// By their turn, with whom they belong to.
    all: BTreeMap<u64, Begun>,
    of_clients: HashMap<IpAddr, BTreeSet<u64>>,
    /// The clients by how many they have.
    by_count: BTreeSet<(usize, IpAddr)>,
    next: u64,
    count: Gauge,
}

#[derive(Debug)]
struct Begun {
    address: IpAddr,
    at: Instant,
    superseded: oneshot::Sender<Superseded>,
}

/// Another handshake has the place.
#[derive(Debug)]
struct Superseded;

/// The place of a handshake, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    all: Handshakes,
    turn: u64,
    /// Its client has many others under way.
    is_of_rush: bool,
    superseded: oneshot::Receiver<Superseded>,
}

impl Handshakes {
    /// None yet. They are counted in `count`.
    pub(super) fn new(count: Gauge) -> Self {
        let (all, of_clients) = <(BTreeMap<_, _>, HashMap<_, _>)>::default();
        Self(Arc::new(Lock::new(UnderWay { all, of_clients, by_count: BTreeSet::new(), next: 0, count })))
    }

    /// A place for a client that has connected `now`, if there is one.
    pub(super) fn begin(&self, address: IpAddr, now: Instant) -> Option<Place> {
        let address = network(address);
        let mut under_way = self.0.lock_even_so();
        let own = under_way.of_clients.get(&address).map_or(0, BTreeSet::len);
        if own >= MOST_OF_ONE || under_way.all.len() >= MOST {
            let (most, loudest) = under_way.by_count.last().copied()?;
            let of = |client| under_way.of_clients.get(&client).and_then(|turns| turns.first().copied());
            let (oldest, may_be_young) = match own {
                MOST_OF_ONE.. => (of(address)?, false),
                own if most > own + 1 => (of(loudest)?, true),
                _ => (*under_way.all.first_key_value()?.0, false), // nobody has more than others
            };
            if !may_be_young && under_way.all.get(&oldest).is_some_and(|begun| now < begun.at + UNDISTURBED) {
                return None;
            }
            if let Some(begun) = under_way.remove(oldest) {
                let _ = begun.superseded.send(Superseded); // it may have ended in this moment
            }
        }
        let (sender, superseded) = oneshot::channel();
        let turn = under_way.next;
        under_way.next += 1;
        under_way.all.insert(turn, Begun { address, at: now, superseded: sender });
        under_way.change(address, |turns| turns.insert(turn));
        under_way.count.inc();
        Some(Place { all: self.clone(), turn, is_of_rush: own >= RUSH, superseded })
    }
}

impl UnderWay {
    fn remove(&mut self, turn: u64) -> Option<Begun> {
        let begun = self.all.remove(&turn)?;
        self.change(begun.address, |turns| turns.remove(&turn));
        self.count.dec();
        Some(begun)
    }

    fn change(&mut self, address: IpAddr, change: impl FnOnce(&mut BTreeSet<u64>) -> bool) {
        let turns = self.of_clients.entry(address).or_default();
        self.by_count.remove(&(turns.len(), address));
        change(turns);
        match turns.len() {
            0 => drop(self.of_clients.remove(&address)),
            count => drop(self.by_count.insert((count, address))),
        }
    }
}

impl Place {
    /// Returns true if the client had many others under way when this one began.
    pub(super) const fn is_of_rush(&self) -> bool {
        self.is_of_rush
    }

    /// Waits until another handshake has the place.
    pub(super) async fn superseded(&mut self) {
        let _ = (&mut self.superseded).await; // its sender is only dropped with the place
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.0.lock_even_so().remove(self.turn);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn one_too_many_takes_a_place_of_the_loudest_and_of_its_own_only_if_that_is_old() {
        let (count, address) = (Gauge::default(), |last: usize| IpAddr::from([127, 0, 0, last as u8]));
        let (now, later) = (Instant::now(), Instant::now() + UNDISTURBED);
        let handshakes = Handshakes::new(count.clone());
        let is_superseded = |place: &mut Place| place.superseded().now_or_never().is_some();
        let mut of_one: Vec<_> = (0..MOST_OF_ONE).map(|_| handshakes.begin(address(1), now).unwrap()).collect();
        assert!(handshakes.begin(address(1), now).is_none(), "a rush");
        assert_eq!(of_one.iter().filter(|place| !place.is_of_rush()).count(), RUSH);
        of_one.push(handshakes.begin(address(1), later).unwrap());
        assert_eq!(of_one.iter_mut().map(is_superseded).position(|is| !is), Some(1), "its oldest");
        assert_eq!(count.get(), MOST_OF_ONE as i64);
        let others: Vec<_> =
            (0..MOST - MOST_OF_ONE).map(|i| handshakes.begin(address(2 + i % 100), now).unwrap()).collect();
        assert!(!is_superseded(&mut of_one[1]));
        let one_more = handshakes.begin(address(200), now).unwrap();
        assert!(is_superseded(&mut of_one[1]) && !is_superseded(&mut of_one[2]), "of who has the most, however young");
        assert_eq!(count.get(), MOST as i64);
        drop((of_one, others, one_more));
        assert_eq!(count.get(), 0);
        let under_way = handshakes.0.lock_even_so();
        assert!(under_way.of_clients.is_empty() && under_way.by_count.is_empty());
    }
}
