//! The queue between the browser, which calls, and a stream, which is polled.

use std::{
    cell::RefCell,
    collections::VecDeque,
    task::{Context, Poll, Waker},
};

/// A bounded FIFO queue for one reader. When it is full the oldest item is dropped and counted.
#[derive(Debug)]
pub(crate) struct Queue<T>(RefCell<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    /// At most `capacity`.
    items: VecDeque<T>,
    /// At least 1.
    capacity: usize,
    dropped: u64,
    ended: bool,
    reader: Option<Waker>,
    /// Waits for room.
    writer: Option<Waker>,
}

impl<T> Queue<T> {
    /// An empty queue. A capacity of 0 is taken as 1.
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self(RefCell::new(Inner {
            items: VecDeque::new(),
            capacity,
            dropped: 0,
            ended: false,
            reader: None,
            writer: None,
        }))
    }

    /// Adds an item, unless the queue has ended.
    pub(crate) fn push(&self, item: T) {
        self.change(|queue| {
            if queue.ended {
                return None;
            }
            let oldest = (queue.items.len() == queue.capacity).then(|| queue.items.pop_front()).flatten();
            queue.dropped += u64::from(oldest.is_some());
            queue.items.push_back(item);
            oldest
        });
    }

    /// Ends the queue: the reader still gets what it holds.
    pub(crate) fn end(&self) {
        self.change(|queue| queue.ended = true);
    }

    /// Takes the oldest item; `None` after the end.
    pub(crate) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let (item, writer) = {
            let queue = &mut *self.0.borrow_mut();
            match queue.items.pop_front() {
                Some(item) => (item, if queue.has_room() { queue.writer.take() } else { None }),
                None if queue.ended => return Poll::Ready(None),
                None => {
                    queue.reader = Some(context.waker().clone());
                    return Poll::Pending;
                }
            }
        };
        if let Some(writer) = writer {
            writer.wake();
        }
        Poll::Ready(Some(item))
    }

    /// How many items can be added before one is dropped.
    pub(crate) fn room(&self) -> usize {
        let queue = self.0.borrow();
        queue.capacity - queue.items.len()
    }

    /// Returns true if less than a quarter is free: a writer that can wait should do so.
    pub(crate) fn is_tight(&self) -> bool {
        self.room() < self.0.borrow().capacity.div_ceil(4)
    }

    /// Waits until half of the queue is free, or it has ended.
    pub(crate) fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut queue = self.0.borrow_mut();
        if queue.ended || queue.has_room() {
            return Poll::Ready(());
        }
        queue.writer = Some(context.waker().clone());
        Poll::Pending
    }

    /// How many items were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.borrow().dropped
    }

    /// Changes the queue and wakes its reader, which may call back into the queue at once. So may the drop of what
    /// `change` returns, since it is the application's. Both happen when nothing is borrowed any more.
    fn change<R>(&self, change: impl FnOnce(&mut Inner<T>) -> R) {
        let (_taken_out, reader, writer) = {
            let queue = &mut *self.0.borrow_mut();
            let taken_out = change(queue);
            (taken_out, queue.reader.take(), if queue.ended { queue.writer.take() } else { None })
        };
        for waiting in [reader, writer].into_iter().flatten() {
            waiting.wake();
        }
    }
}

impl<T> Inner<T> {
    fn has_room(&self) -> bool {
        self.capacity - self.items.len() >= self.capacity.div_ceil(2)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        rc::Rc,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll<T>(queue: &Queue<T>) -> Poll<Option<T>> {
        queue.poll_next(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn first_in_first_out() {
        let queue = Queue::new(3);
        for item in 1..=3 {
            queue.push(item);
        }
        assert_eq!([poll(&queue), poll(&queue), poll(&queue)], [1, 2, 3].map(|item| Poll::Ready(Some(item))));
        assert_eq!(poll(&queue), Poll::Pending);
        assert_eq!(queue.dropped(), 0);
    }

    #[test]
    fn the_oldest_makes_room_and_is_counted() {
        let queue = Queue::new(2);
        for item in 1..=5 {
            queue.push(item);
        }
        assert_eq!(queue.dropped(), 3);
        assert_eq!([poll(&queue), poll(&queue)], [4, 5].map(|item| Poll::Ready(Some(item))));
        assert_eq!(poll(&queue), Poll::Pending);
    }

    #[test]
    fn a_queue_for_nothing_holds_one() {
        let queue = Queue::new(0);
        queue.push(1);
        queue.push(2);
        assert_eq!((queue.dropped(), poll(&queue)), (1, Poll::Ready(Some(2))));
    }

    #[test]
    fn it_ends_after_what_it_holds() {
        let queue = Queue::new(2);
        queue.push(1);
        queue.end();
        queue.push(2);
        assert_eq!([poll(&queue), poll(&queue), poll(&queue)], [Some(1), None, None].map(Poll::Ready));
    }

    #[test]
    fn each_wait_is_woken_once() {
        let woken = Arc::<Count>::default();
        let waker = Waker::from(Arc::clone(&woken));
        let wait = |queue: &Queue<u8>| queue.poll_next(&mut Context::from_waker(&waker));
        let woken = || woken.0.load(Ordering::Relaxed);

        let queue = Queue::new(2);
        assert_eq!(wait(&queue), Poll::Pending);
        queue.push(1);
        queue.push(2);
        assert_eq!(woken(), 1);
        assert_eq!([wait(&queue), wait(&queue)], [1, 2].map(|item| Poll::Ready(Some(item))));
        assert_eq!(wait(&queue), Poll::Pending);
        queue.end();
        assert_eq!((woken(), wait(&queue)), (2, Poll::Ready(None)));
    }

    #[test]
    fn a_writer_who_waits_is_woken_at_half_or_at_the_end() {
        let woken = Arc::<Count>::default();
        let waker = Waker::from(Arc::clone(&woken));
        let room = |queue: &Queue<u8>| queue.poll_room(&mut Context::from_waker(&waker));
        let woken = || woken.0.load(Ordering::Relaxed);

        let queue = Queue::new(8);
        for item in 0..6 {
            assert!(!queue.is_tight());
            queue.push(item);
        }
        assert_eq!((queue.is_tight(), queue.room()), (false, 2));
        queue.push(6);
        assert_eq!((queue.is_tight(), queue.room(), room(&queue)), (true, 1, Poll::Pending));
        assert_eq!([poll(&queue), poll(&queue)], [0, 1].map(|item| Poll::Ready(Some(item))));
        assert_eq!((woken(), room(&queue)), (0, Poll::Pending));
        assert_eq!((poll(&queue), woken(), room(&queue)), (Poll::Ready(Some(2)), 1, Poll::Ready(())));

        queue.push(7);
        assert_eq!(room(&queue), Poll::Pending);
        queue.end();
        assert_eq!((woken(), room(&queue)), (2, Poll::Ready(())));

        let smallest = Queue::new(1);
        assert!(!smallest.is_tight());
        smallest.push(1);
        assert!(smallest.is_tight());
    }

    #[test]
    fn a_dropped_item_may_use_the_queue() {
        struct Nosy(Rc<Queue<Self>>);
        impl Drop for Nosy {
            fn drop(&mut self) {
                assert_eq!(self.0.dropped(), 1);
            }
        }

        let queue = Rc::new(Queue::new(1));
        queue.push(Nosy(Rc::clone(&queue)));
        queue.push(Nosy(Rc::clone(&queue)));
        drop(poll(&queue)); // else they hold each other for ever
    }
}
