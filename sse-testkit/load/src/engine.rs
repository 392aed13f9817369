//! The run: one thread, one readiness loop over all sockets.
//!
//! ```text
//!  connect all ─▶ settle ─▶ publish, deliver ─▶ settle ─▶ Report
//!                    └───── or hold, idle ──────────▲
//! ```

mod fleet;
mod publisher;
mod publishers;
mod run_context;
mod socket;
mod subscriber;
mod timers;

use std::{
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mio::{Events, Poll};

use crate::{
    Progress,
    error::{Kind, LoadError},
    ledger::Losses,
    mix::Mix,
    options::Options,
    pace::Pace,
    process::{Cpu, Memory, Processes},
    report::{Churn, Connect, Idle, Publish, Report, Server, Slow, Stream, Times},
};
use fleet::Fleet;
use publishers::Publishers;
use run_context::{Counts, RunContext};
use socket::Connector;
use sse_testkit::random::Random;

/// Readiness taken from the system at once.
const EVENTS: usize = 1024;

/// Subscribers that are read before answers to publishers are looked for.
const BETWEEN_LOOKS: usize = 16;

/// How often progress is told, in nanoseconds.
const TOLD_EVERY: u64 = 200_000_000;

/// Descriptors for what is not a connection.
const DESCRIPTORS: u64 = 64;

pub(crate) struct Engine<'a, P> {
    options: &'a Options,
    poll: Poll,
    ready: Events,
    context: RunContext,
    counts: Counts,
    fleet: Fleet<'a>,
    publishers: Publishers<'a>,
    /// Whether events are published now.
    publishing: bool,
    phase: &'static str,
    told: u64,
    progress: P,
}

/// What was measured of processes around a part of the run.
struct Window {
    own: io::Result<Cpu>,
    server: Option<Cpu>,
    since: u64,
}

impl<'a, P: FnMut(&Progress)> Engine<'a, P> {
    pub(crate) fn new(options: &'a Options, progress: P) -> Result<Self, LoadError> {
        let mut random = Random::new(options.seed);
        let mix = Mix::new(options, &mut random).map_err(Kind::Options)?;
        let connector = Connector::new(options).map_err(Kind::Tls)?;
        check_descriptors(options)?;
        // not by the seed: events of an earlier run are not taken for this one's
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let run = Random::new(since_epoch.as_nanos() as u64 ^ u64::from(std::process::id())).next() as u32;
        let context = RunContext::new(options, mix, run, connector);
        Ok(Self {
            options,
            poll: Poll::new().map_err(Kind::Socket)?,
            ready: Events::with_capacity(EVENTS),
            counts: Counts::new(),
            fleet: Fleet::new(options, &context, &mut random),
            publishers: Publishers::new(options, options.subscribers, &mut random),
            context,
            publishing: false,
            phase: "connecting",
            told: 0,
            progress,
        })
    }

    pub(crate) fn run(mut self) -> Result<Report, LoadError> {
        let server = Processes::new(&self.options.pid);
        let memory = || -> Result<Option<Memory>, Kind> {
            (!server.is_empty()).then(|| server.memory()).transpose().map_err(Kind::Process)
        };
        let before = memory()?;
        let took = self.ramp()?;
        let connected = memory()?;
        let window = Window::open(&server, &self.context)?;
        let timed_out = match self.options.idle {
            Some(time) => {
                self.phase = "idle";
                self.hold(time)?;
                false
            }
            None => self.publish()?,
        };
        let (own_cpu, server_cpu, time) = window.close(&server, &self.context)?;
        let after = memory()?;
        if self.options.idle.is_none() {
            self.phase = "settling";
            self.hold(self.options.settle)?;
        }
        let server =
            before.zip(connected).zip(after).zip(server_cpu).map(|(((before, connected), after), cpu)| Server {
                cpu,
                window: time,
                resident_before: before.resident,
                resident_connected: connected.resident,
                resident_after: after.resident,
                dirty_before: before.private_dirty,
                dirty_connected: connected.private_dirty,
                dirty_after: after.private_dirty,
            });
        Ok(self.report(took, timed_out, own_cpu, server, time))
    }

    /// Connects all subscribers, and sees that they stay. Returns how long it took until all were connected.
    fn ramp(&mut self) -> Result<Duration, Kind> {
        let start = self.context.now();
        let deadline = start.saturating_add(nanos(self.options.connect_timeout));
        loop {
            self.phase = "connecting";
            while !self.fleet.is_all_there() {
                if self.context.now() >= deadline {
                    return Err(Kind::Ramp {
                        open: self.fleet.open(),
                        subscribers: self.fleet.len(),
                        seconds: self.options.connect_timeout.as_secs_f64(),
                        reason: self.counts.reason.clone(),
                    });
                }
                self.turn(Some(deadline))?;
            }
            let took = Duration::from_nanos(self.context.now() - start);
            self.phase = "settling";
            self.hold(self.options.settle)?;
            // a server that is full may accept a stream only to end it
            if self.fleet.is_all_there() {
                self.fleet.end_ramp();
                return Ok(took);
            }
        }
    }

    /// Publishes until the end, and waits for the last arrival. `true`: in vain.
    fn publish(&mut self) -> Result<bool, Kind> {
        self.phase = "publishing";
        self.publishers.connect(self.poll.registry(), &self.context)?;
        self.publishing = true;
        self.fleet.churn(true, &self.context);
        let timeout = nanos(self.options.timeout);
        let mut churning = true;
        self.publishers.last = self.context.now();
        loop {
            if churning && self.publishers.is_all_issued(&self.context) {
                churning = false;
                self.fleet.churn(false, &self.context);
            }
            let stalls_at = self.progressed().saturating_add(timeout);
            let stalled = self.context.now() > stalls_at;
            if self.publishers.is_done(&self.context) && (self.has_arrived() || stalled) {
                break;
            }
            if stalled && !self.publishers.is_able(&self.context) {
                self.publishers.give_up(&mut self.context, &mut self.counts);
                break;
            }
            self.turn((!stalled).then_some(stalls_at.saturating_add(1)))?;
        }
        self.publishing = false;
        self.fleet.churn(false, &self.context);
        Ok(!self.has_arrived())
    }

    fn hold(&mut self, time: Duration) -> Result<(), Kind> {
        let until = self.context.now().saturating_add(nanos(time));
        while self.context.now() < until {
            self.turn(Some(until))?;
        }
        Ok(())
    }

    /// Whether all have all that was sent. In lockstep, what has not come in time is given up.
    fn has_arrived(&self) -> bool {
        self.counts.accounted >= self.counts.expected
    }

    fn may_go_on(&self) -> bool {
        let lockstep = self.options.pace() == Pace::Lockstep;
        let stalls_at = self.progressed().saturating_add(nanos(self.options.timeout));
        self.has_arrived() || (lockstep && self.context.now() > stalls_at)
    }

    /// When something was sent last, or arrived.
    fn progressed(&self) -> u64 {
        self.counts.last_arrival.max(self.publishers.last)
    }

    /// One look at all that is ready or due. Waits for it until `until` at the longest.
    fn turn(&mut self, until: Option<u64>) -> Result<(), Kind> {
        let Self { poll, context, counts, fleet, .. } = self;
        fleet.turn(poll.registry(), context, counts)?;
        if self.publishing {
            let may_go_on = self.may_go_on();
            let Self { poll, context, counts, fleet, publishers, .. } = self;
            publishers.turn(fleet, poll.registry(), context, counts, may_go_on)?;
        }
        self.tell();
        let wait = self.wait(until);
        let Self { poll, ready, context, counts, fleet, publishers, .. } = self;
        match poll.poll(ready, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            polled => polled.map_err(Kind::Socket)?,
        }
        let subscribers = fleet.len();
        for (nth, event) in ready.iter().enumerate() {
            let at = event.token().0 as u32;
            if at < subscribers {
                let ended = event.is_read_closed() || event.is_error();
                fleet.step(at, ended, poll.registry(), context, counts)?;
            } else {
                publishers.step(at - subscribers, context, counts)?;
            }
            if self.publishing && nth % BETWEEN_LOOKS == BETWEEN_LOOKS - 1 {
                publishers.look(context, counts)?;
                if self.options.pace() == Pace::Max {
                    publishers.turn(fleet, poll.registry(), context, counts, false)?;
                }
            }
        }
        Ok(())
    }

    fn wait(&self, until: Option<u64>) -> Duration {
        let publish = self.publishing.then(|| self.publishers.next(&self.context, self.may_go_on())).flatten();
        let told = self.told.saturating_add(TOLD_EVERY);
        let next = [self.fleet.next(), publish, until, Some(told)].into_iter().flatten().min().unwrap_or(0);
        Duration::from_nanos(next.saturating_sub(self.context.now()))
    }

    fn tell(&mut self) {
        let now = self.context.now();
        if now < self.told.saturating_add(TOLD_EVERY) {
            return;
        }
        self.told = now;
        (self.progress)(&Progress {
            phase: self.phase,
            open: self.fleet.open(),
            subscribers: self.fleet.len(),
            events: self.publishers.issued(),
            deliveries: self.counts.fleet.deliveries + self.counts.slow.deliveries,
        });
    }

    fn report(
        &self,
        took: Duration,
        timed_out: bool,
        own_cpu: Option<f64>,
        server: Option<Server>,
        held: Duration,
    ) -> Report {
        let Self { options, counts, .. } = self;
        Report {
            subscribers: options.subscribers,
            slow: self.fleet.subscribers().iter().filter(|subscriber| subscriber.is_slow()).count() as u32,
            topics: options.topics,
            unread: options.unread,
            sets: self.context.mix.sets().len() as u32,
            publishers: options.publishers,
            size: options.size,
            pace: match options.pace() {
                _ if options.idle.is_some() => "idle",
                Pace::Rate(_) => "at a rate",
                Pace::Max => "back to back",
                Pace::Lockstep => "in lockstep",
            },
            seed: options.seed,
            connect: Connect {
                took,
                times: Times::of(&counts.connect),
                refused: counts.refused,
                retried: counts.retried,
            },
            publish: options.idle.is_none().then(|| self.published(timed_out)),
            idle: options.idle.map(|_| Idle { held }),
            stream: Stream {
                gaps: counts.gaps,
                drains: counts.drains,
                ends: counts.ends,
                finished: counts.finished,
                reconnects: counts.reconnects,
                heartbeats: counts.heartbeats,
                bytes: counts.bytes,
            },
            server,
            own_cpu,
        }
    }

    fn published(&self, timed_out: bool) -> Publish {
        let Self { options, counts, context, publishers, .. } = self;
        let (mut losses, mut slow_losses) = (Losses::default(), Losses::default());
        for subscriber in self.fleet.subscribers() {
            if subscriber.is_slow() {
                slow_losses.add(subscriber.ledger().holes());
                continue;
            }
            let set = &context.mix.sets()[subscriber.set() as usize];
            let issued = |place| context.issued[context.mix.lane_at(set, place) as usize];
            let void = |place| context.void.get(&context.mix.lane_at(set, place)).map_or(&[][..], Vec::as_slice);
            losses.add(subscriber.ledger().losses(issued, void));
        }
        let first = publishers.first.unwrap_or(0);
        Publish {
            events: publishers.issued(),
            took: Duration::from_nanos(publishers.last.saturating_sub(first)),
            times: Times::of(&counts.publish),
            refused: counts.publish_refused,
            unknown: counts.publish_unknown,
            deliveries: counts.fleet.deliveries,
            delivered_in: Duration::from_nanos(counts.last_arrival.saturating_sub(first)),
            latency: Times::of(&counts.latency),
            losses,
            doubled: counts.fleet.doubled,
            out_of_order: counts.fleet.late,
            stray: counts.stray,
            foreign: counts.foreign,
            timed_out,
            slow: (options.slow > 0.0).then_some(Slow {
                deliveries: counts.slow.deliveries,
                losses: slow_losses,
                doubled: counts.slow.doubled,
                out_of_order: counts.slow.late,
            }),
            churn: options.churn.map(|_| Churn {
                disconnects: counts.disconnects,
                skipped: counts.skipped,
                times: Times::of(&counts.resume),
            }),
        }
    }
}

impl Window {
    fn open(server: &Processes, context: &RunContext) -> Result<Self, Kind> {
        let cpu = (!server.is_empty()).then(|| server.cpu()).transpose().map_err(Kind::Process)?;
        Ok(Self { own: Processes::own().cpu(), server: cpu, since: context.now() })
    }

    /// The tool's share of a core, the server's CPU, and how long the window was.
    fn close(
        self,
        server: &Processes,
        context: &RunContext,
    ) -> Result<(Option<f64>, Option<Duration>, Duration), Kind> {
        let time = Duration::from_nanos(context.now() - self.since);
        let own = self.own.ok().zip(Processes::own().cpu().ok());
        let own = own.map(|(before, after)| after.since(&before).as_secs_f64() / time.as_secs_f64().max(1e-9));
        let cpu = self.server.map(|before| Ok(server.cpu()?.since(&before))).transpose().map_err(Kind::Process)?;
        Ok((own, cpu, time))
    }
}

/// Raises the limit of descriptors as far as it goes, and sees that it is enough.
fn check_descriptors(options: &Options) -> Result<(), Kind> {
    let Ok(limit) = rlimit::increase_nofile_limit(u64::MAX) else { return Ok(()) };
    let needed = u64::from(options.subscribers) + u64::from(options.publishers) + DESCRIPTORS;
    if cfg!(unix) && needed > limit {
        let (subscribers, publishers) = (options.subscribers, options.publishers);
        return Err(Kind::Descriptors { subscribers, publishers, limit });
    }
    Ok(())
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
