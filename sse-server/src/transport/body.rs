//! A stream as an ordinary response body: for HTTP/2, for programs that embed the hub, and for in-process tests.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_util::Stream;
use sse_engine::{
    Action, Control, Cursor, DrainReason, Driver, EncodedPage, Failed, Lasts, Millis, Opening, Session, Step,
    StoreRead, StreamName, Surroundings, WRITE_BYTES, Write, millis,
};
use tokio::{
    sync::{futures::OwnedNotified, oneshot},
    time::{Sleep, sleep_until},
};

use crate::{
    base::turn,
    hub::{Hub, Subscriber, Waiter},
    metrics::EndReason,
    transport::deliveries::Deliveries,
};

/// The body of a stream. It ends after the last block of the session, and never fails.
#[derive(Debug)]
pub(crate) struct EventBody {
    session: Session,
    subscriber: Subscriber,
    draining: bool,
    /// Its last words have been given out.
    said_farewell: bool,
    /// The next page, while it is being read from the store.
    reading: Option<oneshot::Receiver<Result<EncodedPage, DrainReason>>>,
    /// Fires when the session has to be polled.
    timer: Pin<Box<Sleep>>,
    /// Completes when a shutdown starts; only while the stream is not polled, because its client takes nothing.
    drain_begins: Option<Pin<Box<OwnedNotified>>>,
}

impl EventBody {
    pub(crate) fn new(subscriber: Subscriber, cursor: Cursor, opening: Opening, control: Control) -> Self {
        let hub = subscriber.hub();
        let now = hub.clock().now();
        let session = Session::new(cursor, opening, control, now, hub);
        let timer = Box::pin(sleep_until(hub.clock().instant(session.due())));
        Self { session, subscriber, draining: false, said_farewell: false, reading: None, timer, drain_begins: None }
    }

    /// The same stream, but without a maximum age.
    pub(super) fn without_age(mut self) -> Self {
        self.session.forget_age();
        self
    }

    /// Waits, while nothing of the stream can be sent, until its end is overdue: its grant has ended, or it is past its age, or
    /// its moment of a shutdown, by `stream.write_stall` or ten seconds. What carries the stream cuts it off then.
    pub(crate) fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<EndReason> {
        let grace = millis(self.subscriber.hub().config().stream.write_stall);
        self.notice_grant(cx);
        loop {
            let hub = self.subscriber.hub();
            let drain_begins = self.drain_begins.get_or_insert_with(|| Box::pin(hub.drain_begins()));
            let began = !self.draining && drain_begins.as_mut().poll(cx).is_ready();
            if self.notice_drain() || began {
                continue;
            }
            let hub = self.subscriber.hub();
            let now = hub.clock().now();
            self.session.end_if_due(now, hub);
            let overdue = self.session.overdue_at(grace);
            if overdue <= now {
                return Poll::Ready(self.session.end_reason().into());
            }
            let due = hub.clock().instant(overdue.min(self.session.ends_at()));
            self.timer.as_mut().reset(due);
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Returns true if the grant of the stream has ended.
    pub(crate) fn is_out_of_grant(&self) -> bool {
        self.session.is_out_of_grant(self.subscriber.hub().clock().now())
    }

    /// Returns true if its last words have been given out.
    pub(crate) const fn said_farewell(&self) -> bool {
        self.said_farewell
    }

    /// Sets the reason for which the stream is cut off.
    pub(crate) const fn ends(&mut self, reason: EndReason) {
        self.subscriber.ends(reason);
    }

    /// Takes over when the grant of the stream ends, and is woken when that changes.
    fn notice_grant(&mut self, cx: &Context<'_>) {
        if let Some(granted) = self.subscriber.granted() {
            granted.apply_to(&mut self.session, cx.waker());
        }
    }

    /// Returns true if a shutdown has started that was not noticed before.
    fn notice_drain(&mut self) -> bool {
        let hub = self.subscriber.hub();
        let Some(drain) = hub.draining().filter(|_| !self.draining) else { return false };
        self.draining = true;
        self.session.drain(drain.began, drain.window, drain.reason, hub);
        true
    }

    /// The next action of the session.
    fn poll_session(&mut self, now: Millis, cx: &mut Context<'_>) -> Action<Bytes> {
        let Self { session, subscriber, reading, .. } = self;
        let mut driver = BodyDriver { hub: subscriber.hub(), subscriber, waker: cx.waker() };
        let Some(answer) = reading else { return session.poll(now, &mut driver) };
        match Pin::new(answer).poll(cx) {
            Poll::Pending => session.poll(now, &mut driver),
            Poll::Ready(answer) => {
                *reading = None;
                // without an answer the read has panicked, and would again
                session.accept_page(answer.unwrap_or(Err(DrainReason::Store)), now, &mut driver)
            }
        }
    }

    fn read(&mut self, read: StoreRead) {
        let (answer, answered) = oneshot::channel();
        let hub = self.subscriber.hub().clone();
        tokio::spawn(async move {
            let page = hub.read(read, WRITE_BYTES, || !answer.is_closed()).await;
            let _ = answer.send(page); // the client may be gone
        });
        self.reading = Some(answered);
    }

    fn count(&self, action: &Action<Bytes>) {
        let metrics = self.subscriber.hub().metrics();
        let mut deliveries = Deliveries::default();
        deliveries.count(action, Bytes::len, metrics);
        deliveries.flush(metrics);
    }
}

impl Stream for EventBody {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.drain_begins = None;
        this.notice_grant(cx);
        loop {
            this.notice_drain();
            let now = this.subscriber.hub().clock().now();
            let action = this.poll_session(now, cx);
            this.count(&action);
            match action {
                Action::Events { events: bytes, .. } | Action::Control { block: bytes, .. } => {
                    return Poll::Ready(Some(Ok(bytes)));
                }
                Action::ReadStore(read) => this.read(read),
                Action::Yield => {
                    turn::of_threads();
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Action::WaitUntil(due) => {
                    // A shutdown that started since the last check woke nobody.
                    if this.notice_drain() {
                        continue;
                    }
                    let due = this.subscriber.hub().clock().instant(due);
                    if this.timer.deadline() != due {
                        this.timer.as_mut().reset(due);
                    }
                    if this.timer.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                Action::End { last_words, reason } => {
                    this.subscriber.ends(reason.into());
                    this.said_farewell = true;
                    return Poll::Ready(Some(last_words).filter(|words| !words.is_empty()).map(Ok));
                }
                Action::Ended => return Poll::Ready(None),
            }
        }
    }
}

/// The session's driver for the task that polls the body.
struct BodyDriver<'a> {
    hub: &'a Hub,
    subscriber: &'a Subscriber,
    waker: &'a Waker,
}

impl Driver for BodyDriver<'_> {
    type Events = Bytes;

    fn surroundings(&self) -> &impl Surroundings {
        self.hub
    }

    fn stream_name(&self) -> Option<StreamName> {
        self.subscriber.granted().map(|granted| granted.name())
    }

    fn next(&mut self, cursor: &mut Cursor) -> Result<Step<Bytes>, Failed> {
        let waiter = Waiter::Task(self.subscriber, self.waker);
        Ok(self.hub.next(cursor, WRITE_BYTES, waiter)?.map(|write: Write| write.payload()))
    }

    fn next_lasts(&mut self, cursor: &mut Cursor, lasts: &mut Lasts) -> Result<Step<Bytes>, Failed> {
        Ok(self.hub.next_lasts(cursor, lasts, WRITE_BYTES)?.map(|write: Write| write.payload()))
    }

    fn carry(&mut self, write: Write) -> Bytes {
        write.payload()
    }

    fn accept_page(&mut self, cursor: &mut Cursor, page: EncodedPage) -> Result<Step<Bytes>, Failed> {
        Ok(self.hub.accept_page(cursor, page)?.map(|write: Write| write.payload()))
    }
}
