//! Where events leave for the application: decoded, then queued or handed to a callback.

use std::{
    cell::{Cell, RefCell},
    fmt,
    task::{Context, Poll},
};

use crate::{
    DecodeError, Delivery, Signal,
    decoder::{Decoder, RawEvent},
    queue::Queue,
};

/// What the application gets for an event.
pub(crate) type DeliveryResult<T> = Result<Delivery<T>, DecodeError>;

/// Takes events, whatever type they are decoded to.
pub(crate) trait Sink: fmt::Debug {
    /// Takes an event of the application's.
    fn take(&self, event: RawEvent<'_>);

    /// Takes an event of the hub's own, whose content is signalled too.
    fn take_hubs(&self, _: RawEvent<'_>) {}

    /// Takes a signal, except those of the hub's own events.
    fn take_signal(&self, _: &Signal) {}

    /// How many events can be taken without loss. Without a queue there is no limit.
    fn room(&self) -> usize {
        usize::MAX
    }

    /// Returns true if a caller that can wait should do so before it hands in more.
    fn is_tight(&self) -> bool {
        false
    }

    /// Waits until [`is_tight`](Self::is_tight) is false.
    fn poll_room(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// How many events were dropped for want of room.
    fn dropped(&self) -> u64 {
        0
    }

    /// Ends it: nothing more will be handed in.
    fn end(&self) {}
}

/// The events of one `EventSource`.
pub(crate) struct Deliveries<T> {
    decoder: Decoder<T>,
    queue: Queue<DeliveryResult<T>>,
    /// Takes the events instead of the queue. It is not here while it runs.
    callback: RefCell<Option<Box<EventCallback<T>>>>,
    ended: Cell<bool>,
}

type EventCallback<T> = dyn FnMut(DeliveryResult<T>);

impl<T> Deliveries<T> {
    pub(crate) fn new(decoder: Decoder<T>, capacity: usize) -> Self {
        Self { decoder, queue: Queue::new(capacity), callback: RefCell::new(None), ended: Cell::new(false) }
    }

    pub(crate) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<DeliveryResult<T>>> {
        self.queue.poll_next(context)
    }

    /// Hands everything from now on to `callback`, beginning with what is in the queue. It is dropped at the end.
    pub(crate) fn divert(&self, callback: Box<EventCallback<T>>) {
        self.run(callback);
    }

    /// Hands over what is in the queue, including what arrives while the callback runs. The callback may call back into
    /// this, so nothing is borrowed meanwhile.
    fn run(&self, mut callback: Box<EventCallback<T>>) {
        while let Poll::Ready(Some(item)) = self.queue.poll_next(&mut Context::from_waker(std::task::Waker::noop())) {
            callback(item);
        }
        if !self.ended.get() {
            self.callback.replace(Some(callback));
        }
    }
}

impl<T> Sink for Deliveries<T> {
    fn take(&self, event: RawEvent<'_>) {
        let Some(item) = self.decoder.read(event) else { return };
        let callback = self.callback.take();
        match callback {
            Some(mut callback) => {
                callback(item);
                self.run(callback);
            }
            None => self.queue.push(item),
        }
    }

    fn room(&self) -> usize {
        if self.callback.borrow().is_some() { usize::MAX } else { self.queue.room() }
    }

    fn is_tight(&self) -> bool {
        self.callback.borrow().is_none() && self.queue.is_tight()
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.callback.borrow().is_some() { Poll::Ready(()) } else { self.queue.poll_room(context) }
    }

    fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    fn end(&self) {
        self.ended.set(true);
        self.queue.end();
        let callback = self.callback.take();
        drop(callback); // when nothing is borrowed, since the drop may call back into this
    }
}

impl<T> fmt::Debug for Deliveries<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries").field("decoder", &self.decoder).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use futures_util::{FutureExt, future::poll_fn};
    use sse_core::Text;

    use super::*;
    use crate::Message;

    fn deliveries(capacity: usize) -> Rc<Deliveries<Message>> {
        Rc::new(Deliveries::new(Decoder::untyped(), capacity))
    }

    fn take(deliveries: &Deliveries<Message>, data: &str) {
        deliveries.take(RawEvent { name: "message", data, id: "", origin: &Text::default() });
    }

    fn text(item: DeliveryResult<Message>) -> String {
        item.unwrap().value.data.to_string()
    }

    #[test]
    fn a_callback_gets_what_waited_and_what_comes() {
        let deliveries = deliveries(2);
        take(&deliveries, "1");
        let seen = Rc::<RefCell<Vec<String>>>::default();
        let log = Rc::clone(&seen);
        deliveries.divert(Box::new(move |item| log.borrow_mut().push(text(item))));
        for number in ["2", "3", "4", "5"] {
            take(&deliveries, number);
        }
        assert_eq!((seen.take(), deliveries.dropped()), (["1", "2", "3", "4", "5"].map(String::from).into(), 0));
        assert_eq!((deliveries.room(), deliveries.is_tight()), (usize::MAX, false));

        deliveries.end();
        take(&deliveries, "6");
        assert_eq!((seen.take(), Rc::strong_count(&seen)), (vec![], 1)); // and the callback is gone
    }

    #[test]
    fn events_that_come_while_a_callback_runs_wait_for_it() {
        let deliveries = deliveries(8);
        let seen = Rc::<RefCell<Vec<String>>>::default();
        let (log, more) = (Rc::clone(&seen), Rc::downgrade(&deliveries));
        deliveries.divert(Box::new(move |item| {
            let data = text(item);
            if data == "1" {
                take(&more.upgrade().unwrap(), "2");
            }
            log.borrow_mut().push(data);
        }));
        take(&deliveries, "1");
        take(&deliveries, "3");
        assert_eq!(seen.take(), ["1", "2", "3"]);
    }

    #[test]
    fn a_callback_may_end_it_all() {
        let deliveries = deliveries(8);
        let seen = Rc::<RefCell<Vec<String>>>::default();
        let (log, own) = (Rc::clone(&seen), Rc::downgrade(&deliveries));
        deliveries.divert(Box::new(move |item| {
            log.borrow_mut().push(text(item));
            own.upgrade().unwrap().end();
        }));
        take(&deliveries, "1");
        take(&deliveries, "2");
        assert_eq!((seen.take(), Rc::strong_count(&seen)), (vec!["1".to_owned()], 1));
        assert_eq!(
            poll_fn(|context| deliveries.poll_next(context)).now_or_never().map(|end| end.is_none()),
            Some(true)
        );
    }
}
