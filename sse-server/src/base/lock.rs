//! Locks that are not used again once they are poisoned.
//!
//! A thread that panics while it holds a lock may leave a half-made change behind. A hub promises that nothing is lost
//! silently, so it does not continue from there: the next thread to take the lock gets an error, and the hub shuts down
//! in good order.

use std::{
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex, MutexGuard};

/// A mutex that is never used again after a panic under it.
#[derive(Debug, Default)]
pub(crate) struct Lock<T> {
    value: Mutex<T>,
    poisoned: AtomicBool,
    /// How often the lock was taken.
    #[cfg(test)]
    takings: std::sync::atomic::AtomicUsize,
}

/// A thread panicked while it held the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Poisoned;

/// The lock, taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Guard<'a, T> {
    value: MutexGuard<'a, T>,
    poisoned: &'a AtomicBool,
    /// The thread was panicking when it took the lock.
    panicking: bool,
}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            value: Mutex::new(value),
            poisoned: AtomicBool::new(false),
            #[cfg(test)]
            takings: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    pub(crate) fn lock(&self) -> Result<Guard<'_, T>, Poisoned> {
        #[cfg(test)]
        self.takings.fetch_add(1, Ordering::Relaxed);
        let guard = self.lock_even_so();
        if self.is_poisoned() { Err(Poisoned) } else { Ok(guard) }
    }

    /// Takes the lock even if it is poisoned, for what has to be done regardless.
    pub(crate) fn lock_even_so(&self) -> Guard<'_, T> {
        Guard::new(self.value.lock(), &self.poisoned)
    }

    /// Takes the lock even if it is poisoned, unless another thread holds it.
    pub(crate) fn try_lock_even_so(&self) -> Option<Guard<'_, T>> {
        self.value.try_lock().map(|value| Guard::new(value, &self.poisoned))
    }

    /// Returns true if a thread panicked while it held the lock. It does not wait for the lock.
    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// How often the lock was taken.
    #[cfg(test)]
    pub(crate) fn takings(&self) -> usize {
        self.takings.load(Ordering::Relaxed)
    }
}

impl<'a, T> Guard<'a, T> {
    fn new(value: MutexGuard<'a, T>, poisoned: &'a AtomicBool) -> Self {
        Self { value, poisoned, panicking: thread::panicking() }
    }

    /// Releases the lock until `condition` is notified.
    pub(crate) fn wait(&mut self, condition: &Condvar) -> Result<(), Poisoned> {
        condition.wait(&mut self.value);
        if self.poisoned.load(Ordering::Acquire) { Err(Poisoned) } else { Ok(()) }
    }

    /// Releases the lock until `condition` is notified or `time` has passed.
    pub(crate) fn wait_for(&mut self, condition: &Condvar, time: Duration) -> Result<(), Poisoned> {
        condition.wait_for(&mut self.value, time);
        if self.poisoned.load(Ordering::Acquire) { Err(Poisoned) } else { Ok(()) }
    }

    /// Releases the lock for a thread that waits for it, if there is one, and takes it again after that one.
    pub(crate) fn give_way(&mut self) -> Result<(), Poisoned> {
        MutexGuard::bump(&mut self.value);
        if self.poisoned.load(Ordering::Acquire) { Err(Poisoned) } else { Ok(()) }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if !self.panicking && thread::panicking() {
            self.poisoned.store(true, Ordering::Release);
        }
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
        std::mem::replace(&mut *self.0.lock(), value)
    }

    /// Changes the value in one go: `change` must not panic half way.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.0.lock())
    }

    pub(crate) fn get(&self) -> T
    where
        T: Clone,
    {
        self.0.lock().clone()
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
