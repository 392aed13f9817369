//! Locks that are not used again once they are poisoned.
//!
//! A thread that panics while it holds a lock may leave a half-made change behind. A hub promises that nothing is lost
//! silently, so it does not continue from there: the next thread to take the lock gets an error, and the hub shuts down
//! in good order.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A mutex that is never used again after a panic under it.
#[derive(Debug, Default)]
pub(crate) struct Lock<T> {
    value: Mutex<T>,
    /// How often the lock was taken.
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

    /// Takes the lock even if it is poisoned, for what has to be done regardless: waking those who wait.
    pub(crate) fn lock_even_so(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often the lock was taken.
    /// Returns true if a thread panicked while it held the lock. It does not wait for the lock.
    pub(crate) fn is_poisoned(&self) -> bool {
        self.value.is_poisoned()
    }

    #[cfg(test)]
    pub(crate) fn takings(&self) -> usize {
        self.takings.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// A value that is only ever replaced as a whole, so it stays valid after a panic.
#[derive(Debug, Default)]
pub(crate) struct Slot<T>(Mutex<T>);

impl<T> Slot<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Replaces the value, and returns the previous one.
    pub(crate) fn replace(&self, value: T) -> T {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), value)
    }

    /// Changes the value in one go: `change` must not panic half way.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
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
