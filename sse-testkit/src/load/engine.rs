//! The run: one thread, one readiness loop over all sockets.
//!
//! ```text
//!  connect all ─▶ settle ─▶ publish, deliver ─▶ settle ─▶ Report
//!                    └───── or hold, idle ──────────▲
//! ```

mod desk;
mod fleet;
mod ground;
mod publisher;
mod socket;
mod subscriber;
mod timers;

use std::{
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mio::{Events, Poll};

use super::{
    Progress,
    error::{Kind, LoadError},
    ledger::Losses,
    mix::Mix,
    options::Options,
    pace::Pace,
    process::{Cpu, Memory, Processes},
    report::{Churn, Connect, Idle, Publish, Report, Server, Slow, Stream, Times},
};
use crate::random::Random;
use desk::Desk;
use fleet::Fleet;
use ground::{Counts, Ground};

/// Readiness taken from the system at once.
const EVENTS: usize = 1024;

/// Subscribers that are read before answers to publishers are looked for.
const BETWEEN_LOOKS: usize = 16;

/// How often progress is told, in nanoseconds.
const TOLD_EVERY: u64 = 200_000_000;

/// Descriptors for what is not a connection.
const DESCRIPTORS: u64 = 64;

pub(super) struct Engine<'a, P> {
    options: &'a Options,
    poll: Poll,
    ready: Events,
    ground: Ground,
    counts: Counts,
    fleet: Fleet<'a>,
    desk: Desk<'a>,
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
    pub(super) fn new(options: &'a Options, progress: P) -> Result<Self, LoadError> {
        let mut random = Random::new(options.seed);
        let mix = Mix::new(options, &mut random).map_err(Kind::Options)?;
        check_descriptors(options)?;
        // not by the seed: events of an earlier run are not taken for this one's
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let run = Random::new(since_epoch.as_nanos() as u64 ^ u64::from(std::process::id())).next() as u32;
        let ground = Ground::new(options, mix, run);
        Ok(Self {
            options,
            poll: Poll::new().map_err(Kind::Socket)?,
            ready: Events::with_capacity(EVENTS),
            counts: Counts::new(),
            fleet: Fleet::new(options, &ground, &mut random),
            desk: Desk::new(options, options.subscribers, &mut random),
            ground,
            publishing: false,
            phase: "connecting",
            told: 0,
            progress,
        })
    }

    pub(super) fn run(mut self) -> Result<Report, LoadError> {
        let server = Processes::new(&self.options.pid);
        let memory = || -> Result<Option<Memory>, Kind> {
            (!server.is_empty()).then(|| server.memory()).transpose().map_err(Kind::Process)
        };
        let before = memory()?;
        let took = self.ramp()?;
        let connected = memory()?;
        let window = Window::open(&server, &self.ground)?;
        let timed_out = match self.options.idle {
            Some(time) => {
                self.phase = "idle";
                self.hold(time)?;
                false
            }
            None => self.publish()?,
        };
        let (own_cpu, server_cpu, time) = window.close(&server, &self.ground)?;
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
        let start = self.ground.now();
        let deadline = start.saturating_add(nanos(self.options.connect_timeout));
        loop {
            self.phase = "connecting";
            while self.fleet.open() < self.fleet.len() {
                if self.ground.now() >= deadline {
                    return Err(Kind::Ramp {
                        open: self.fleet.open(),
                        subscribers: self.fleet.len(),
                        seconds: self.options.connect_timeout.as_secs_f64(),
                        reason: self.counts.reason.clone(),
                    });
                }
                self.turn(Some(deadline))?;
            }
            let took = Duration::from_nanos(self.ground.now() - start);
            self.phase = "settling";
            self.hold(self.options.settle)?;
            // a server that is full may accept a stream only to end it
            if self.fleet.open() == self.fleet.len() {
                self.fleet.end_ramp();
                return Ok(took);
            }
        }
    }

    /// Publishes until the end, and waits for the last arrival. `true`: in vain.
    fn publish(&mut self) -> Result<bool, Kind> {
        self.phase = "publishing";
        self.desk.connect(self.poll.registry())?;
        self.publishing = true;
        self.fleet.churn(true, &self.ground);
        let timeout = nanos(self.options.timeout);
        let mut churning = true;
        self.desk.last = self.ground.now();
        loop {
            if churning && self.desk.is_all_issued(&self.ground) {
                churning = false;
                self.fleet.churn(false, &self.ground);
            }
            let stalls_at = self.progressed().saturating_add(timeout);
            let stalled = self.ground.now() > stalls_at;
            if self.desk.is_done(&self.ground) && (self.has_arrived() || stalled) {
                break;
            }
            if stalled && !self.desk.is_able(&self.ground) {
                self.desk.give_up(&mut self.ground, &mut self.counts);
                break;
            }
            self.turn((!stalled).then_some(stalls_at.saturating_add(1)))?;
        }
        self.publishing = false;
        self.fleet.churn(false, &self.ground);
        Ok(!self.has_arrived())
    }

    fn hold(&mut self, time: Duration) -> Result<(), Kind> {
        let until = self.ground.now().saturating_add(nanos(time));
        while self.ground.now() < until {
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
        self.has_arrived() || (lockstep && self.ground.now() > stalls_at)
    }

    /// When something was sent last, or arrived.
    fn progressed(&self) -> u64 {
        self.counts.last_arrival.max(self.desk.last)
    }

    /// One look at all that is ready or due. Waits for it until `until` at the longest.
    fn turn(&mut self, until: Option<u64>) -> Result<(), Kind> {
        let Self { poll, ground, counts, fleet, .. } = self;
        fleet.turn(poll.registry(), ground, counts)?;
        if self.publishing {
            let may_go_on = self.may_go_on();
            let Self { poll, ground, counts, fleet, desk, .. } = self;
            desk.turn(fleet, poll.registry(), ground, counts, may_go_on)?;
        }
        self.tell();
        let wait = self.wait(until);
        let Self { poll, ready, ground, counts, fleet, desk, .. } = self;
        match poll.poll(ready, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            polled => polled.map_err(Kind::Socket)?,
        }
        let subscribers = fleet.len();
        for (nth, event) in ready.iter().enumerate() {
            let at = event.token().0 as u32;
            if at < subscribers {
                let ended = event.is_read_closed() || event.is_error();
                fleet.step(at, ended, poll.registry(), ground, counts)?;
            } else {
                desk.step(at - subscribers, ground, counts)?;
            }
            if self.publishing && nth % BETWEEN_LOOKS == BETWEEN_LOOKS - 1 {
                desk.look(ground, counts)?;
                if self.options.pace() == Pace::Max {
                    desk.turn(fleet, poll.registry(), ground, counts, false)?;
                }
            }
        }
        Ok(())
    }

    fn wait(&self, until: Option<u64>) -> Duration {
        let publish = self.publishing.then(|| self.desk.next(&self.ground, self.may_go_on())).flatten();
        let told = self.told.saturating_add(TOLD_EVERY);
        let next = [self.fleet.next(), publish, until, Some(told)].into_iter().flatten().min().unwrap_or(0);
        Duration::from_nanos(next.saturating_sub(self.ground.now()))
    }

    fn tell(&mut self) {
        let now = self.ground.now();
        if now < self.told.saturating_add(TOLD_EVERY) {
            return;
        }
        self.told = now;
        (self.progress)(&Progress {
            phase: self.phase,
            open: self.fleet.open(),
            subscribers: self.fleet.len(),
            events: self.desk.issued(),
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
            sets: self.ground.mix.sets().len() as u32,
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
                reconnects: counts.reconnects,
                heartbeats: counts.heartbeats,
                bytes: counts.bytes,
            },
            server,
            own_cpu,
        }
    }

    fn published(&self, timed_out: bool) -> Publish {
        let Self { options, counts, ground, desk, .. } = self;
        let (mut losses, mut slow_losses) = (Losses::default(), Losses::default());
        for subscriber in self.fleet.subscribers() {
            if subscriber.is_slow() {
                slow_losses.add(subscriber.ledger().holes());
                continue;
            }
            let set = &ground.mix.sets()[subscriber.set() as usize];
            let issued = |place| ground.issued[ground.mix.lane_at(set, place) as usize];
            let void = |place| ground.void.get(&ground.mix.lane_at(set, place)).map_or(&[][..], Vec::as_slice);
            losses.add(subscriber.ledger().losses(issued, void));
        }
        let first = desk.first.unwrap_or(0);
        Publish {
            events: desk.issued(),
            took: Duration::from_nanos(desk.last.saturating_sub(first)),
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
    fn open(server: &Processes, ground: &Ground) -> Result<Self, Kind> {
        let cpu = (!server.is_empty()).then(|| server.cpu()).transpose().map_err(Kind::Process)?;
        Ok(Self { own: Processes::own().cpu(), server: cpu, since: ground.now() })
    }

    /// The tool's share of a core, the server's CPU, and how long the window was.
    fn close(self, server: &Processes, ground: &Ground) -> Result<(Option<f64>, Option<Duration>, Duration), Kind> {
        let time = Duration::from_nanos(ground.now() - self.since);
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
