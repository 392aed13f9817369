//! All publishers: which events go out next, over which connection.

use mio::{Registry, Token};
use sse_testkit::random::Random;

use super::{
    fleet::Fleet,
    publisher::{Outcome, Publisher},
    run_context::{Counts, RunContext},
};
use crate::{
    error::Kind,
    options::Options,
    pace::{Due, Pace, Schedule},
    payload::Payload,
};

/// Publishers whose answers are looked for between the readings of subscribers, and not only when the system says that
/// they are ready: with more, there is always one that is.
const LOOKED_FOR: usize = 4;

pub(super) struct Publishers<'a> {
    options: &'a Options,
    publishers: Vec<Publisher>,
    schedule: Schedule,
    random: Random,
    /// Where the search for an idle one begins.
    turn: usize,
    /// When the first event went out.
    pub(super) first: Option<u64>,
    /// When the last one went out; before the first: when publishing began.
    pub(super) last: u64,
}

impl<'a> Publishers<'a> {
    /// Publishers whose sockets have the tokens from `first_token` on.
    pub(super) fn new(options: &'a Options, first_token: u32, random: &mut Random) -> Self {
        let (events, time) = options.bounds();
        let publisher = |at| Publisher::new(Token((first_token + at) as usize));
        Self {
            options,
            publishers: (0..options.publishers).map(publisher).collect(),
            schedule: Schedule::new(options.pace(), events.into(), time),
            random: Random::new(random.next()),
            turn: 0,
            first: None,
            last: 0,
        }
    }

    pub(super) fn connect(&mut self, registry: &Registry, context: &RunContext) -> Result<(), Kind> {
        self.publishers.iter_mut().try_for_each(|publisher| publisher.connect(registry, context))
    }

    pub(super) const fn issued(&self) -> u64 {
        self.schedule.issued()
    }

    /// Whether nothing is left to send and no answer is missing.
    pub(super) fn is_done(&self, context: &RunContext) -> bool {
        self.is_all_issued(context) && self.publishers.iter().all(Publisher::is_idle)
    }

    pub(super) fn is_all_issued(&self, context: &RunContext) -> bool {
        self.due(context.now(), true) == Due::Done
    }

    /// Whether one could publish now, and it is not time for the last word.
    pub(super) fn is_able(&self, context: &RunContext) -> bool {
        !self.is_all_issued(context) && self.publishers.iter().any(Publisher::is_idle)
    }

    /// Publishes no more. Of what was not answered it is not known whether it was published.
    pub(super) fn give_up(&mut self, context: &mut RunContext, counts: &mut Counts) {
        for publisher in self.publishers.iter_mut().filter(|publisher| !publisher.is_idle()) {
            note(Some(publisher.broken()), context, counts);
        }
    }

    /// When something is to be sent, if nothing happens before. 0: at once.
    pub(super) fn next(&self, context: &RunContext, arrived: bool) -> Option<u64> {
        let again = self.publishers.iter().filter_map(Publisher::again_at).min();
        let due = match self.due(context.now(), arrived) {
            _ if !self.publishers.iter().any(Publisher::is_idle) => None,
            Due::Now => Some(0),
            Due::At(time) => {
                let since = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
                Some(self.first.unwrap_or_else(|| context.now()).saturating_add(since))
            }
            Due::Wait | Due::Done => None,
        };
        [again, due].into_iter().flatten().min()
    }

    /// A publisher's socket is ready.
    pub(super) fn step(&mut self, at: u32, context: &mut RunContext, counts: &mut Counts) -> Result<(), Kind> {
        let outcome = self.publishers[at as usize].step(context.now(), self.options)?;
        note(outcome, context, counts);
        Ok(())
    }

    /// Looks for answers while subscribers are read, for what goes out back to back.
    pub(super) fn look(&mut self, context: &mut RunContext, counts: &mut Counts) -> Result<(), Kind> {
        if self.options.pace() != Pace::Max {
            return Ok(());
        }
        for publisher in self.publishers.iter_mut().filter(|publisher| publisher.is_busy()).take(LOOKED_FOR) {
            let outcome = publisher.step(context.now(), self.options)?;
            note(outcome, context, counts);
        }
        Ok(())
    }

    /// Sends all that is due. `arrived` says that all have what was sent so far.
    pub(super) fn turn(
        &mut self,
        fleet: &Fleet<'_>,
        registry: &Registry,
        context: &mut RunContext,
        counts: &mut Counts,
        mut arrived: bool,
    ) -> Result<(), Kind> {
        for publisher in &mut self.publishers {
            if publisher.again_at().is_some_and(|time| time <= context.now()) {
                let outcome = publisher.send(context.now(), self.options, registry, context)?;
                note(outcome, context, counts);
            }
        }
        while self.due(context.now(), arrived) == Due::Now {
            let publishers = self.publishers.len();
            let idle = |at: &usize| self.publishers[*at].is_idle();
            let Some(at) = (0..publishers).map(|step| (self.turn + step) % publishers).find(idle) else { break };
            self.turn = at + 1;
            let nanos = context.now();
            let mut topics = Vec::with_capacity(self.options.batch as usize);
            let mut listeners = 0;
            while topics.len() < self.options.batch as usize && self.due(nanos, arrived) != Due::Done {
                let topic = context.mix.draw(&mut self.random);
                let lane = context.mix.lane(topic, at as u32);
                let seq = context.issued[lane as usize];
                if seq == u32::MAX {
                    break;
                }
                context.issued[lane as usize] = seq + 1;
                listeners += u64::from(fleet.listeners(topic));
                self.schedule.issue();
                topics.push((Payload { lane, seq, nanos }, topic));
            }
            if topics.is_empty() {
                break;
            }
            counts.expected += listeners;
            self.first.get_or_insert(nanos);
            self.last = nanos;
            let named = |&(event, topic): &(Payload, u32)| (event, context.mix.topics()[topic as usize].as_str());
            let events: Vec<_> = topics.iter().map(named).collect();
            let outcome = self.publishers[at].publish(&events, self.options, registry, context)?;
            note(outcome, context, counts);
            arrived = listeners == 0;
        }
        Ok(())
    }

    fn due(&self, now: u64, arrived: bool) -> Due {
        let since = now.saturating_sub(self.first.unwrap_or(now));
        self.schedule.due(std::time::Duration::from_nanos(since), arrived)
    }
}

fn note(outcome: Option<Outcome>, context: &mut RunContext, counts: &mut Counts) {
    match outcome {
        None => {}
        Some(Outcome::Accepted { took }) => counts.publish.saturating_record(took),
        Some(Outcome::Refused) => counts.publish_refused += 1,
        Some(Outcome::Unknown(events)) => {
            counts.publish_unknown += events.len() as u64;
            events.into_iter().for_each(|(lane, seq)| context.make_void(lane, seq));
        }
    }
}
