//! Locks that stop where a standard one would go on.
//!
//! A thread that panics while it holds a lock may leave behind what is only half changed. A hub promises that nothing is
//! lost in silence, so it does not go on with that: whoever takes the lock next is told, and the hub goes down in good
//! order.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A mutex that is never used again after a panic under it.
#[derive(Debug, Default)]
pub(crate) struct Lock<T> {
    value: Mutex<T>,
    /// How often it was taken.
    #[cfg(test)]
    takings: std::sync::atomic::AtomicUsize,
}

/// A thread panicked while it held the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Poisoned;

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self {
            value: Mutex::new(value),
            #[cfg(test)]
            takings: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, T>, Poisoned> {
        #[cfg(test)]
        self.takings.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.value.lock().map_err(|_| Poisoned)
    }

    /// The value whatever happened, for what has to be done even so: to wake those who wait.
    pub(crate) fn lock_even_so(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often the lock was taken.
    #[cfg(test)]
    pub(crate) fn takings(&self) -> usize {
        self.takings.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// A value that is only ever replaced whole, so that it holds good after a panic, too.
#[derive(Debug, Default)]
pub(crate) struct Slot<T>(Mutex<T>);

impl<T> Slot<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Puts another value in its place, and gives the one before.
    pub(crate) fn replace(&self, value: T) -> T {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), value)
    }

    pub(crate) fn get(&self) -> T
    where
        T: Clone,
    {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    #[test]
    fn what_a_panic_left_half_changed_is_not_used() {
        let lock = Arc::new(Lock::new(1));
        assert_eq!(lock.lock().map(|value| *value), Ok(1));
        let other = Arc::clone(&lock);
        let panicked = thread::spawn(move || {
            let _held = other.lock();
            panic!("under the lock");
        });
        assert!(panicked.join().is_err());
        assert_eq!(lock.lock().map(|value| *value), Err(Poisoned));
        assert_eq!(*lock.lock_even_so(), 1);
    }
}
