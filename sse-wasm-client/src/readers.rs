//! The readers of one broadcast.

use std::{
    cell::RefCell,
    fmt,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll},
};

use futures_util::Stream;

use crate::{queue::Queue, sink::DeliveryResult};

/// Hands each event to all readers.
pub(crate) struct Readers<T> {
    queues: RefCell<Vec<Weak<Waiting<T>>>>,
    callbacks: RefCell<Vec<Weak<Called<T>>>>,
    /// The capacity of each reader's queue.
    capacity: usize,
}

type Waiting<T> = Queue<Rc<DeliveryResult<T>>>;
type Called<T> = RefCell<dyn FnMut(&DeliveryResult<T>)>;

impl<T> Readers<T> {
    pub(crate) const fn new(capacity: usize) -> Self {
        Self { queues: RefCell::new(Vec::new()), callbacks: RefCell::new(Vec::new()), capacity }
    }

    pub(crate) fn events(&self) -> Events<T> {
        let queue = Rc::new(Queue::new(self.capacity));
        join(&self.queues, &queue);
        Events(queue)
    }

    /// Ends the readers' streams, after what they hold.
    pub(crate) fn end(&self) {
        for queue in readers(&self.queues) {
            queue.end();
        }
    }

    /// Hands `item` to the readers of this moment. One that joins meanwhile gets the next.
    pub(crate) fn send(&self, item: DeliveryResult<T>) {
        let item = Rc::new(item);
        for callback in readers(&self.callbacks) {
            // A callback that causes an event while it runs does not get that event: it can't run within itself.
            if let Ok(mut callback) = callback.try_borrow_mut() {
                callback(&item);
            }
        }
        for queue in readers(&self.queues) {
            queue.push(Rc::clone(&item));
        }
    }
}

impl<T: 'static> Readers<T> {
    pub(crate) fn on_event(&self, callback: impl FnMut(&DeliveryResult<T>) + 'static) -> Callback {
        let callback: Rc<Called<T>> = Rc::new(RefCell::new(callback));
        join(&self.callbacks, &callback);
        Callback(Box::new(callback))
    }
}

fn join<R: ?Sized>(readers: &RefCell<Vec<Weak<R>>>, reader: &Rc<R>) {
    let mut readers = readers.borrow_mut();
    readers.retain(|reader| reader.strong_count() > 0);
    readers.push(Rc::downgrade(reader));
}

/// The readers of this moment, except those that are gone when it is their turn.
fn readers<R: ?Sized>(readers: &RefCell<Vec<Weak<R>>>) -> impl Iterator<Item = Rc<R>> {
    let readers = readers.borrow().clone();
    readers.into_iter().filter_map(|reader| reader.upgrade())
}

impl<T> fmt::Debug for Readers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

/// The events of a broadcast since this reader joined, from `Broadcast::events`.
///
/// It has a queue of its own, of the same capacity as the connection's. When it is full the oldest event is dropped and
/// counted.
#[must_use = "a stream does nothing unless it is polled"]
pub struct Events<T>(Rc<Waiting<T>>);

impl<T> Events<T> {
    /// How many events were dropped because they were not read in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped()
    }
}

impl<T> Stream for Events<T> {
    type Item = Rc<DeliveryResult<T>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(context)
    }
}

impl<T> fmt::Debug for Events<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

/// A function that is called for every event, from `Broadcast::on_event`. Dropping this ends the calls.
#[must_use = "the function is not called any more once this is dropped"]
pub struct Callback(#[expect(dead_code, reason = "held to be dropped")] Box<dyn std::any::Any>);

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::{FutureExt, StreamExt};
    use sse_core::{EventId, Text};

    use super::*;
    use crate::Delivery;

    fn item(value: u8) -> DeliveryResult<u8> {
        Ok(Delivery { value, id: EventId::default(), origin: Text::default() })
    }

    fn values(events: &mut Events<u8>) -> Vec<u8> {
        std::iter::from_fn(|| events.next().now_or_never().flatten())
            .map(|item| item.as_ref().as_ref().unwrap().value)
            .collect()
    }

    #[test]
    fn everyone_gets_what_comes_while_they_are_there() {
        let readers = Readers::new(2);
        let mut first = readers.events();
        readers.send(item(1));
        let (mut second, gone) = (readers.events(), readers.events());
        let sum = Rc::new(Cell::new(0));
        let total = Rc::clone(&sum);
        let callback = readers.on_event(move |item| total.set(total.get() + item.as_ref().unwrap().value));
        drop(gone);
        readers.send(item(2));
        readers.send(item(3));
        drop(callback);
        assert_eq!((sum.get(), Rc::strong_count(&sum)), (5, 1));
        readers.end();
        readers.send(item(4));
        assert_eq!((first.dropped(), second.dropped()), (1, 0));
        assert_eq!((values(&mut first), values(&mut second)), (vec![2, 3], vec![2, 3]));
        assert!(first.next().now_or_never().is_some_and(|end| end.is_none()));
    }

    #[test]
    fn a_callback_may_drop_itself_and_add_others() {
        let readers = Rc::new(Readers::new(8));
        let own = Rc::new(RefCell::new(None));
        let (held, of) = (Rc::clone(&own), Rc::clone(&readers));
        let late = Rc::new(RefCell::new(None));
        let added = Rc::clone(&late);
        let calls = Rc::new(Cell::new(0));
        let count = Rc::clone(&calls);
        let callback = readers.on_event(move |_| {
            count.set(count.get() + 1);
            of.send(item(7)); // not within itself
            added.replace(Some(of.events()));
            held.replace(None::<Callback>);
        });
        own.replace(Some(callback));
        readers.send(item(1));
        readers.send(item(2));
        assert_eq!(calls.get(), 1);
        assert_eq!(values(late.borrow_mut().as_mut().unwrap()), [1, 2]);
    }

    #[test]
    fn one_that_another_drops_is_not_called() {
        let readers = Readers::new(2);
        let second = Rc::new(RefCell::new(None));
        let held = Rc::clone(&second);
        let _first = readers.on_event(move |_| held.replace(None::<Callback>).map_or((), drop));
        let calls = Rc::new(Cell::new(0));
        let count = Rc::clone(&calls);
        second.replace(Some(readers.on_event(move |_| count.set(count.get() + 1))));
        readers.send(item(1));
        assert_eq!(calls.get(), 0);
    }

    #[test]
    fn those_who_come_and_go_leave_nothing() {
        let readers = Readers::<u8>::new(2);
        for _ in 0..10 {
            drop(readers.events());
            drop(readers.on_event(|_| ()));
        }
        assert_eq!((readers.queues.borrow().len(), readers.callbacks.borrow().len()), (1, 1));
    }
}
