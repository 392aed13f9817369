//! Streams over sockets taken over from hyper: a few threads, each with a readiness loop and its share of the
//! connections. A subscriber costs no more than its place, its socket and what is unsent.
//!
//! ```text
//!  accept ── socket, subscriber ──▶ inbox ──▶ streams (slab, groups, timers) ──▶ sockets
//!  publish ── group is ready ───────▲                       ▲
//!                                                 readiness ┘
//! ```

mod connection;
mod groups;
mod shared_steps;
mod socket;
mod streams;
mod timers;

#[cfg(test)]
mod tests;

use std::{
    fmt, io,
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task,
    thread::{self, JoinHandle},
    time::Duration,
};

use mio::{Events, Interest, Poll, Token, Waker};
use sse_engine::{DrainReason, EncodedPage, GroupId, Millis, StoreRead, WRITE_BYTES};
use tokio::runtime::Handle;

use super::{takeover::TakenStream, tls::TlsSession};
use crate::{
    base::{connections::OpenConnection, lock::Lock},
    config::MAX_SHARDS,
    hub::{Hub, ReadyGroup, Waiters},
};
use connection::Id;
use socket::ShardSocket;
use streams::Streams;

/// The number of readiness events taken at once.
const EVENTS: usize = 1024;

const WAKE: Token = Token(usize::MAX);

/// The messages for a shard, and its waker.
#[derive(Debug)]
pub(crate) struct Inbox {
    /// `None` once the shard has ended.
    messages: Lock<Option<Vec<Message>>>,
    /// The shard has been woken and has not drained the inbox yet.
    woken: AtomicBool,
    waker: Box<dyn InboxWaker>,
}

/// Wakes a shard.
trait InboxWaker: fmt::Debug + Send + Sync {
    fn wake(&self) -> io::Result<()>;
}

impl InboxWaker for Waker {
    fn wake(&self) -> io::Result<()> {
        Self::wake(self)
    }
}

#[derive(Debug)]
enum Message {
    Add(Box<NewConnection>),
    /// There is an event for a group.
    Ready(GroupId),
    /// A page read from the store for a connection, or the reason for which there is none.
    Read(Id, Result<EncodedPage, DrainReason>),
    /// The grant of a connection's stream has changed.
    Grant(Id),
    /// A shutdown has started.
    Drain,
    Stop,
    #[cfg(test)]
    Panic,
}

/// Reads from the store for a shard. They run on the runtime, and their pages arrive in the inbox.
#[derive(Debug, Clone)]
struct Reader {
    runtime: Handle,
    inboxes: Inboxes,
    shard: usize,
}

impl Reader {
    /// Starts to read the next page for a connection. The read is wanted while the returned handle is kept.
    fn read(&self, hub: &Hub, id: Id, read: StoreRead) -> Arc<()> {
        let hub = hub.clone();
        let wanted = Arc::new(());
        let waits = Arc::downgrade(&wanted);
        let mut answer = Answer { reader: self.clone(), id, page: Err(DrainReason::Store) };
        self.runtime.spawn(async move {
            let page = hub.read(read, WRITE_BYTES, || waits.strong_count() > 0).await;
            answer.set(page);
        });
        wanted
    }
}

impl Reader {
    /// Wakes the stream of a connection when its grant changes.
    fn waker(&self, id: Id) -> task::Waker {
        Arc::new(GrantWaker { inboxes: self.inboxes.clone(), shard: self.shard, id }).into()
    }
}

/// Tells a shard that the grant of a stream has changed.
struct GrantWaker {
    inboxes: Inboxes,
    shard: usize,
    id: Id,
}

impl task::Wake for GrantWaker {
    fn wake(self: Arc<Self>) {
        if let Some(inbox) = self.inboxes.0.get(self.shard) {
            inbox.put([Message::Grant(self.id)]);
        }
    }
}

/// The answer to a read, which arrives in the inbox when this is dropped. If the read panics it is an error: the stream
/// ends instead of waiting for ever.
struct Answer {
    reader: Reader,
    id: Id,
    page: Result<EncodedPage, DrainReason>,
}

impl Answer {
    fn set(&mut self, page: Result<EncodedPage, DrainReason>) {
        self.page = page;
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let page = std::mem::replace(&mut self.page, Err(DrainReason::Store));
        if let Some(inbox) = self.reader.inboxes.0.get(self.reader.shard) {
            inbox.put([Message::Read(self.id, page)]);
        }
    }
}

/// A connection on its way to a shard.
#[derive(Debug)]
struct NewConnection {
    socket: TcpStream,
    tls: Option<Box<TlsSession>>,
    stream: TakenStream,
    chunked: bool,
    open: OpenConnection,
}

impl Inbox {
    fn new(waker: impl InboxWaker + 'static) -> Self {
        Self { messages: Lock::new(Some(Vec::new())), woken: AtomicBool::new(false), waker: Box::new(waker) }
    }

    fn put(&self, messages: impl IntoIterator<Item = Message>) {
        match self.messages.lock().as_deref_mut() {
            Ok(Some(waiting)) => waiting.extend(messages),
            _ => return,
        }
        // One wake-up, however many messages arrive until the shard drains the inbox.
        if !self.woken.swap(true, Ordering::AcqRel)
            && let Err(error) = self.waker.wake()
        {
            self.woken.store(false, Ordering::Release);
            tracing::error!(%error, "can't wake a shard");
        }
    }

    fn is_open(&self) -> bool {
        self.messages.lock().is_ok_and(|messages| messages.is_some())
    }

    /// The messages since the last call; `None` if the inbox is closed.
    fn take(&self) -> Option<Vec<Message>> {
        self.woken.store(false, Ordering::Release);
        self.messages.lock().ok()?.as_mut().map(std::mem::take)
    }

    fn close(&self) {
        drop(self.messages.lock_even_so().take());
    }
}

/// The inboxes of all shards, by their numbers.
#[derive(Debug, Clone)]
struct Inboxes(Arc<[Inbox]>);

impl Waiters for Inboxes {
    fn ready(&self, groups: &mut [ReadyGroup]) {
        groups.sort_unstable_by_key(|ready| ready.shard);
        for of_shard in groups.chunk_by(|one, other| one.shard == other.shard) {
            if let Some(inbox) = of_shard.first().and_then(|ready| self.0.get(ready.shard)) {
                inbox.put(of_shard.iter().map(|ready| Message::Ready(ready.group)));
            }
        }
    }

    fn drain(&self) {
        self.0.iter().for_each(|inbox| inbox.put([Message::Drain]));
    }
}

/// The threads of the shards. They end when this is dropped, and their connections with them.
#[derive(Debug)]
pub(crate) struct Shards {
    inboxes: Inboxes,
    threads: Vec<JoinHandle<()>>,
    next: AtomicUsize,
}

impl Shards {
    /// Starts `count` shards for a hub. The store is read on the current runtime.
    pub(crate) fn start(hub: &Hub, count: usize) -> io::Result<Self> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let polls = (0..count.min(MAX_SHARDS)).map(|_| Poll::new()).collect::<io::Result<Vec<_>>>()?;
        let wakers = polls.iter().map(|poll| Waker::new(poll.registry(), WAKE)).collect::<io::Result<Vec<_>>>()?;
        let inboxes = Inboxes(wakers.into_iter().map(Inbox::new).collect());
        let mut shards = Self { inboxes: inboxes.clone(), threads: Vec::new(), next: AtomicUsize::new(0) };
        for (index, poll) in polls.into_iter().enumerate() {
            let (hub, inboxes) = (hub.clone(), inboxes.clone());
            let thread = thread::Builder::new().name(format!("sse-shard-{index}"));
            let reader = Reader { runtime: runtime.clone(), inboxes, shard: index };
            shards.threads.push(thread.spawn(move || run(&hub, &reader, poll))?);
        }
        hub.attach(Arc::new(inboxes));
        Ok(shards)
    }

    /// Hands a connection to the next shard in turn. If no shard is left, the connection is closed.
    pub(crate) fn adopt(
        &self,
        (socket, tls): (TcpStream, Option<Box<TlsSession>>),
        stream: TakenStream,
        chunked: bool,
        open: OpenConnection,
    ) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.inboxes.0.len();
        let (before, from) = self.inboxes.0.split_at(turn);
        if let Some(inbox) = from.iter().chain(before).find(|inbox| inbox.is_open()) {
            inbox.put([Message::Add(Box::new(NewConnection { socket, tls, stream, chunked, open }))]);
        }
    }
}

#[cfg(test)]
impl Shards {
    /// Has a shard panic, as a fault in it would.
    pub(crate) fn panic(&self, shard: usize) {
        self.inboxes.0[shard].put([Message::Panic]);
    }
}

impl Drop for Shards {
    fn drop(&mut self) {
        self.inboxes.0.iter().for_each(|inbox| inbox.put([Message::Stop]));
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // its panic was already reported
        }
    }
}

/// Closes a shard's inbox when the shard ends, even by a panic, so that nothing waits for it. Unless the shard was stopped
/// it fails the hub, which has lost the shard's streams.
struct Alive<'a> {
    hub: &'a Hub,
    inbox: &'a Inbox,
    stopped: bool,
}

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        self.inbox.close();
        if !self.stopped {
            self.hub.shard_gone();
        }
    }
}

/// Runs a shard until it is stopped.
fn run(hub: &Hub, reader: &Reader, mut poll: Poll) {
    let (shard, inbox) = (reader.shard, &reader.inboxes.0[reader.shard]);
    let mut alive = Alive { hub, inbox, stopped: false };
    let mut streams = Streams::new(hub.clone(), reader.clone());
    let mut events = Events::with_capacity(EVENTS);
    let mut busy = false;
    loop {
        let now = hub.clock().now();
        let wait = if busy { Some(Duration::ZERO) } else { streams.due().map(|due| until(due, now)) };
        match poll.poll(&mut events, wait) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                tracing::error!(%error, shard, "a shard ends, and its streams with it");
                return;
            }
            _ => {}
        }
        let now = hub.clock().now();
        for event in &events {
            if event.token() != WAKE {
                streams.on_event(event.token().0, event.is_readable() || event.is_error(), now);
            }
        }
        let Some(messages) = inbox.take() else { return };
        for message in messages {
            match message {
                Message::Add(connection) => add(&poll, &mut streams, *connection, now),
                Message::Ready(group) => streams.ready(group),
                Message::Read(id, page) => streams.on_read(id, page, now),
                Message::Grant(id) => streams.on_grant(id, now),
                Message::Drain => streams.drain(now),
                Message::Stop => {
                    alive.stopped = true;
                    return;
                }
                #[cfg(test)]
                Message::Panic => panic!("a shard panics"),
            }
        }
        busy = streams.turn(hub.clock().now()); // what came meanwhile may have taken a while
    }
}

/// Rounded up, so that what is due has become due when the wait ends.
fn until(due: Millis, now: Millis) -> Duration {
    Duration::from_millis(due.saturating_sub(now))
}

fn add(poll: &Poll, streams: &mut Streams<ShardSocket>, connection: NewConnection, now: Millis) {
    let NewConnection { socket, tls, stream, chunked, open } = connection;
    let mut socket = mio::net::TcpStream::from_std(socket);
    let index = streams.vacant();
    match poll.registry().register(&mut socket, Token(index), Interest::READABLE | Interest::WRITABLE) {
        Ok(()) => {
            // what was decrypted already, perhaps the client's end, is not reported by the system
            let may_have_input = tls.is_some();
            streams.add(ShardSocket::new(socket, tls), stream, chunked, open, now);
            if may_have_input {
                streams.on_event(index, true, now);
            }
        }
        Err(error) => tracing::warn!(%error, "can't watch a connection; it is closed"),
    }
}
