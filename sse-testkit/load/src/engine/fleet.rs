//! All subscribers: who connects when, who is read when, who leaves and comes back.

use std::{collections::VecDeque, mem, time::Duration};

use mio::{Interest, Registry, Token};
use sse_testkit::random::Random;

use super::{
    run_context::{Counts, RunContext},
    subscriber::{Step, Subscriber},
    timers::{Purpose, Timers},
};
use crate::{
    error::Kind,
    mix::{self, Manner},
    options::Options,
    pace::Beat,
};

/// Bytes read at once: what a burst leaves in a socket.
const BUFFER: usize = 256 << 10;

const SECOND: u64 = 1_000_000_000;

pub(super) struct Fleet<'a> {
    options: &'a Options,
    subscribers: Vec<Subscriber>,
    open: u32,
    /// Those whose topics have all ended.
    finished: u32,
    /// Connections on their way.
    connecting: u32,
    /// Those to connect, each at most once.
    queue: VecDeque<u32>,
    /// The pace of first connections; `None` once all were connected.
    ramp: Option<(Beat, u64)>,
    timers: Timers,
    /// Those with more to read than they had a turn for, each at most once.
    unread: VecDeque<u32>,
    churning: Vec<u32>,
    /// Which of the churning is the next to leave.
    turn: usize,
    churn: Option<(Beat, u64)>,
    /// Steady and churning subscribers of each topic.
    listeners: Vec<u32>,
    sources: u64,
    random: Random,
    buffer: Vec<u8>,
}

impl<'a> Fleet<'a> {
    pub(super) fn new(options: &'a Options, context: &RunContext, random: &mut Random) -> Self {
        let manners = mix::manners(options, random);
        let mut listeners = vec![0; context.mix.topics().len()];
        for (at, manner) in manners.iter().enumerate() {
            if *manner != Manner::Slow {
                let set = &context.mix.sets()[context.mix.set_of(at as u32) as usize];
                set.topics.iter().for_each(|topic| listeners[*topic as usize] += 1);
            }
        }
        let churning = random.order(options.subscribers);
        let churning = churning.into_iter().filter(|at| manners[*at as usize] == Manner::Churning).collect();
        let new = |(at, manner)| Subscriber::new(context, context.mix.set_of(at as u32), manner);
        Self {
            options,
            subscribers: manners.into_iter().enumerate().map(new).collect(),
            open: 0,
            finished: 0,
            connecting: 0,
            queue: (0..options.subscribers).collect(),
            ramp: Some((Beat::new(options.connect_rate), context.now())),
            timers: Timers::default(),
            unread: VecDeque::new(),
            churning,
            turn: 0,
            churn: None,
            listeners,
            sources: 0,
            random: Random::new(random.next()),
            buffer: vec![0; BUFFER],
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.subscribers.len() as u32
    }

    pub(super) const fn open(&self) -> u32 {
        self.open
    }

    /// Whether all are connected, but for those that have had everything.
    pub(super) fn is_all_there(&self) -> bool {
        self.open + self.finished == self.len()
    }

    pub(super) fn subscribers(&self) -> &[Subscriber] {
        &self.subscribers
    }

    /// How many are waited for when an event of this topic is published.
    pub(super) fn listeners(&self, topic: u32) -> u32 {
        self.listeners[topic as usize]
    }

    /// All were connected: from now on who was cut off comes back without waiting for its turn.
    pub(super) fn end_ramp(&mut self) {
        self.ramp = None;
    }

    /// Lets subscribers leave and come back from now on, or no longer.
    pub(super) fn churn(&mut self, goes_on: bool, context: &RunContext) {
        let rate = self.options.churn.filter(|_| goes_on);
        self.churn = rate.map(|rate| (Beat::new(rate), context.now()));
    }

    /// When something is to be done even if no socket is ready. 0: at once.
    pub(super) fn next(&self) -> Option<u64> {
        if !self.unread.is_empty() {
            return Some(0);
        }
        let room = self.connecting < self.options.connecting && !self.queue.is_empty();
        let ramp = self.ramp.as_ref().map_or(Some(0), |(beat, since)| Some(time(*since, beat.next())));
        let churn = self.churn.as_ref().map(|(beat, since)| time(*since, beat.next()));
        [ramp.filter(|_| room), churn, self.timers.next()].into_iter().flatten().min()
    }

    /// Does what is due: connects, reads on, lets leave.
    pub(super) fn turn(&mut self, registry: &Registry, context: &RunContext, counts: &mut Counts) -> Result<(), Kind> {
        while let Some((at, purpose)) = self.timers.pop(context.now()) {
            match purpose {
                Purpose::Connect if self.subscribers[at as usize].is_time(context) => {
                    counts.retried += u64::from(self.subscribers[at as usize].was_refused());
                    self.queue.push_back(at);
                }
                Purpose::Connect => {}
                Purpose::Read => self.read_slowly(at, context, counts)?,
            }
        }
        for _ in 0..self.unread.len() {
            if let Some(at) = self.unread.pop_front() {
                self.subscribers[at as usize].unread = false;
                // its end may have been told already, while there was still much to read
                self.step(at, true, registry, context, counts)?;
            }
        }
        self.leave(context, counts);
        self.connect(registry, context, counts)
    }

    /// A subscriber's socket is ready.
    #[inline]
    pub(super) fn step(
        &mut self,
        at: u32,
        ended: bool,
        registry: &Registry,
        context: &RunContext,
        counts: &mut Counts,
    ) -> Result<(), Kind> {
        let subscriber = &mut self.subscribers[at as usize];
        if subscriber.is_slow_now() || (!subscriber.is_open() && !subscriber.is_on_its_way()) {
            return Ok(()); // told before it left
        }
        let was_open = subscriber.is_open();
        // a slow one takes the head and no more than it must
        let room = if subscriber.is_slow() { 1024 } else { BUFFER };
        let step = subscriber.step(&mut self.buffer[..room], ended, context, counts)?;
        let is_open = subscriber.is_open();
        if !was_open && is_open {
            self.open += 1;
            self.connecting -= 1;
            if subscriber.is_slow() {
                if let Some(stream) = subscriber.socket() {
                    registry.deregister(stream.source()).map_err(Kind::Socket)?;
                }
                if !mem::replace(&mut subscriber.timed, true) {
                    self.timers.set(context.now() + SECOND, at, Purpose::Read);
                }
            }
        }
        match step {
            Step::Waiting => {}
            Step::More if subscriber.unread => {}
            Step::More => {
                subscriber.unread = true;
                self.unread.push_back(at);
            }
            Step::Over => self.end(at, context),
        }
        Ok(())
    }

    fn end(&mut self, at: u32, context: &RunContext) {
        let subscriber = &mut self.subscribers[at as usize];
        if subscriber.is_open() {
            self.open -= 1;
        } else {
            self.connecting -= 1;
        }
        if mem::take(&mut subscriber.unread) {
            self.unread.retain(|other| *other != at);
        }
        self.finished += u32::from(subscriber.is_finished());
        if let Some(time) = subscriber.end(self.random.next(), context) {
            self.timers.set(time, at, Purpose::Connect);
        }
    }

    /// A slow subscriber's second is over.
    fn read_slowly(&mut self, at: u32, context: &RunContext, counts: &mut Counts) -> Result<(), Kind> {
        let subscriber = &mut self.subscribers[at as usize];
        subscriber.timed = false;
        if !subscriber.is_slow_now() {
            return Ok(());
        }
        let room = self.options.slow_rate as usize;
        let room = room.min(self.buffer.len());
        match subscriber.step(&mut self.buffer[..room], false, context, counts)? {
            Step::Over => self.end(at, context),
            _ => {
                subscriber.timed = true;
                self.timers.set(context.now() + SECOND, at, Purpose::Read);
            }
        }
        Ok(())
    }

    fn leave(&mut self, context: &RunContext, counts: &mut Counts) {
        let Some((beat, since)) = &mut self.churn else { return };
        while time(*since, beat.next()) <= context.now() {
            beat.count();
            let order = (0..self.churning.len()).map(|step| (self.turn + step) % self.churning.len());
            let mut leaving = None;
            for place in order {
                let at = self.churning[place];
                if self.subscribers[at as usize].leave(context) {
                    leaving = Some((place, at));
                    break;
                }
            }
            let Some((place, at)) = leaving else {
                counts.skipped += 1;
                continue;
            };
            self.turn = place + 1;
            self.open -= 1;
            if mem::take(&mut self.subscribers[at as usize].unread) {
                self.unread.retain(|other| *other != at);
            }
            self.queue.push_back(at);
            counts.disconnects += 1;
        }
    }

    fn connect(&mut self, registry: &Registry, context: &RunContext, counts: &mut Counts) -> Result<(), Kind> {
        while self.connecting < self.options.connecting {
            if self.ramp.as_ref().is_some_and(|(beat, since)| time(*since, beat.next()) > context.now()) {
                break;
            }
            let Some(at) = self.queue.pop_front() else { break };
            if let Some((beat, _)) = &mut self.ramp {
                beat.count();
            }
            let source = (self.options.sources > 1).then(|| {
                self.sources += 1;
                1 + (self.sources % u64::from(self.options.sources)) as u8
            });
            let subscriber = &mut self.subscribers[at as usize];
            match context.connector.begin(source, subscriber.is_slow())? {
                Ok(mut stream) => {
                    registry
                        .register(stream.source(), Token(at as usize), Interest::READABLE | Interest::WRITABLE)
                        .map_err(Kind::Socket)?;
                    subscriber.connect(stream, context);
                    self.connecting += 1;
                }
                Err(error) => {
                    subscriber.fail(&error, self.random.next(), context, counts);
                    if let Some(time) = subscriber.next_connect() {
                        self.timers.set(time, at, Purpose::Connect);
                    }
                }
            }
        }
        Ok(())
    }
}

/// A time of a beat on the tool's clock.
fn time(since: u64, beat: Duration) -> u64 {
    since.saturating_add(u64::try_from(beat.as_nanos()).unwrap_or(u64::MAX))
}
