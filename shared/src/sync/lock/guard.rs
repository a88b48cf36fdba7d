//! The guard of a lock that this thread holds.
#![allow(unsafe_code)]

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{Ordering::*, compiler_fence};
use std::thread;

use bytemuck::Pod;

use crate::sync::lock::{Lock, POISONED};
use crate::sys::mutex::Held;
use crate::sys::pid::own_pid;

/// A [`Lock`] that this thread holds, and through which it works with the value. Dropping it
/// releases the lock.
///
/// It stays on its thread. One that is dropped by a panic poisons the lock, and one that is never
/// dropped keeps it until the process ends. In a copy of the process, the value cannot be reached
/// through it (that panics), and dropping it does nothing.
#[must_use = "the lock is released when the guard is dropped"]
pub struct LockGuard<'a, T: Pod> {
    lock: &'a Lock<T>,
    /// Whether the thread was panicking already when it took the lock: then that panic has not
    /// interrupted any change.
    panicking: bool,
    // Dropped after the holder was cleared.
    held: Held<'a>,
}

impl<T: Pod> Lock<T> {
    /// Makes a guard for the holder of the mutex.
    pub(super) fn guard<'a>(&'a self, held: Held<'a>) -> LockGuard<'a, T> {
        self.0.holder.store(own_pid(), Relaxed);
        // The holder is set before the first change, should the process be killed in between. Only
        // the compiler could change that: a process is killed between two instructions.
        compiler_fence(SeqCst);
        LockGuard { lock: self, panicking: thread::panicking(), held }
    }
}

impl<'a, T: Pod> LockGuard<'a, T> {
    /// Releases the lock; returns it.
    pub(in crate::sync) fn release(self) -> &'a Lock<T> {
        self.lock
    }
}

impl<T: Pod> Drop for LockGuard<'_, T> {
    fn drop(&mut self) {
        if !self.held.is_own() {
            // A copy in a forked process, which has not this memory: the process it is a copy of
            // has the lock.
            return;
        }
        let holder = &self.lock.0.holder;
        if thread::panicking() && !self.panicking {
            holder.fetch_or(POISONED, Release);
        } else {
            holder.store(0, Release);
        }
    }
}

impl<T: Pod> Deref for LockGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.lock.0.require();
        // SAFETY: this thread holds the mutex, and values are reached only through guards: no other
        // thread accesses it as long as the guard lives. A thread has no second guard (EDEADLK),
        // and this one is borrowed. `require` has checked that this is no copy of the process.
        unsafe { &self.lock.0.elements(0..1)[0] }
    }
}

impl<T: Pod> DerefMut for LockGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.lock.0.require();
        // SAFETY: as in `deref`; the guard is borrowed for this alone.
        unsafe { &mut self.lock.0.elements_mut(0..1)[0] }
    }
}

impl<T: Pod + fmt::Debug> fmt::Debug for LockGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
