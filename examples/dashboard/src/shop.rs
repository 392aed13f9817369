//! A shop that does not exist: people order, pay, wait for a parcel and change their minds, by chance, but the same for
//! the same seed.

use std::collections::BTreeMap;

use crate::event::Event;

/// The first order's number.
const FIRST: u32 = 1001;

/// How long the shop takes to get busy and quiet again, in milliseconds.
const TIDE: u64 = 240_000;

const TOWNS: &[&str] = &["Aveiro", "Bergen", "Ghent", "Graz", "Leeds", "Nantes", "Tartu", "Turku", "Vilnius", "Zadar"];

/// Its events from a time on, without end, in the order of their times.
#[derive(Debug, Clone)]
pub struct Shop {
    random: Random,
    /// What is due. An order has one thing due at a time, so the two make a key.
    due: BTreeMap<(u64, u32), Step>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Place,
    Pay { cents: u32 },
    Ship,
    Cancel { refund: u32 },
}

impl Shop {
    /// Opens at this time, in milliseconds since 1970.
    #[must_use]
    pub fn new(seed: u64, opens: u64) -> Self {
        Self { random: Random(seed), due: BTreeMap::from([((opens, FIRST), Step::Place)]) }
    }

    fn in_seconds(&mut self, at: u64, order: u32, least: u64, most: u64, step: Step) {
        let at = at + self.random.within(least * 1000, most * 1000);
        self.due.insert((at, order), step);
    }

    fn place(&mut self, at: u64, order: u32) -> Event {
        let items = self.random.within(1, 5);
        let cents = (0..items).map(|_| self.random.within(490, 7490)).sum::<u64>();
        let (items, cents) = (items as u16, cents as u32);
        if self.random.within(0, 99) < 88 {
            self.in_seconds(at, order, 2, 40, Step::Pay { cents });
        } else {
            self.in_seconds(at, order, 15, 90, Step::Cancel { refund: 0 });
        }
        // from 0.5 to 1.7 seconds, up and down
        let tide = at % TIDE;
        let mean = 500 + tide.min(TIDE - tide) / 100;
        let next = at + self.random.within(mean / 5, mean * 9 / 5);
        self.due.insert((next, order.wrapping_add(1)), Step::Place);
        Event::Placed { order, at, items, cents }
    }

    fn pay(&mut self, at: u64, order: u32, cents: u32) -> Event {
        if self.random.within(0, 99) < 94 {
            self.in_seconds(at, order, 10, 120, Step::Ship);
        } else {
            self.in_seconds(at, order, 10, 60, Step::Cancel { refund: cents });
        }
        Event::Paid { order, at, cents }
    }
}

impl Iterator for Shop {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let ((at, order), step) = self.due.pop_first()?;
        Some(match step {
            Step::Place => self.place(at, order),
            Step::Pay { cents } => self.pay(at, order, cents),
            Step::Ship => {
                let town = self.random.within(0, TOWNS.len() as u64 - 1);
                Event::Shipped { order, at, to: TOWNS[town as usize].to_owned() }
            }
            Step::Cancel { refund } => Event::Cancelled { order, at, refund },
        })
    }
}

/// SplitMix64.
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    fn within(&mut self, least: u64, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // the ranges are so small that it hardly matters that they don't divide 2^64
        least + (z ^ (z >> 31)) % (most - least + 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const OPENS: u64 = 1_700_000_000_000;

    #[test]
    fn a_seed_is_a_day() {
        let day = |seed| Shop::new(seed, OPENS).take(500).collect::<Vec<_>>();
        assert_eq!(day(1), day(1));
        assert_ne!(day(1), day(2));
    }

    #[test]
    fn orders_go_their_way_in_time() {
        let mut last = OPENS;
        let mut orders: HashMap<u32, Vec<Event>> = HashMap::new();
        for event in Shop::new(7, OPENS).take(20_000) {
            assert!(event.at() >= last, "{event:?} is before {last}");
            last = event.at();
            let story = orders.entry(event.order()).or_default();
            let fits = match (&story[..], &event) {
                ([], Event::Placed { .. }) | ([Event::Placed { .. }], Event::Cancelled { refund: 0, .. }) => true,
                ([Event::Placed { cents: asked, .. }], Event::Paid { cents, .. }) => asked == cents,
                ([_, Event::Paid { .. }], Event::Shipped { .. }) => true,
                ([_, Event::Paid { cents, .. }], Event::Cancelled { refund, .. }) => cents == refund,
                _ => false,
            };
            assert!(fits, "{event:?} after {story:?}");
            story.push(event);
        }
        let ends = |end: fn(&Event) -> bool| orders.values().filter(|story| story.last().is_some_and(end)).count();
        assert!(ends(|event| matches!(event, Event::Shipped { .. })) > 5_000);
        assert!(ends(|event| matches!(event, Event::Cancelled { refund: 0, .. })) > 300);
        assert!(ends(|event| matches!(event, Event::Cancelled { refund: 1.., .. })) > 150);
    }

    #[test]
    fn it_is_busy_but_not_too_busy() {
        let events: Vec<_> = Shop::new(1, OPENS).take_while(|event| event.at() < OPENS + 600_000).collect();
        assert!((1_000..3_000).contains(&events.len()), "{} in ten minutes", events.len());
    }
}
