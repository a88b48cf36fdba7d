//! The turn of the one who holds a lock.
#![allow(unsafe_code)]

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{Ordering::*, compiler_fence};
use std::thread;

use bytemuck::Pod;

use crate::sync::lock::{Lock, POISONED};
use crate::sys::mutex::Held;
use crate::sys::pid::own_pid;

/// A [`Lock`] that this thread holds, and through which it works with the value. Dropping it gives
/// the lock back.
///
/// It stays on its thread. One that is dropped by a panic poisons the lock, and one that is never
/// dropped keeps it until the process ends. In a copy of the process, the value cannot be reached
/// through it (that panics), and dropping it does nothing.
#[must_use = "the lock is given back when it is dropped"]
pub struct LockGuard<'a, T: Pod> {
    lock: &'a Lock<T>,
    /// Whether the thread was panicking already when it took the lock: then that panic has not
    /// interrupted any change.
    panicking: bool,
    // Dropped after the holder's name was taken off.
    held: Held<'a>,
}

impl<T: Pod> Lock<T> {
    /// Gives the value to the one who holds the mutex.
    pub(super) fn guard<'a>(&'a self, held: Held<'a>) -> LockGuard<'a, T> {
        self.0.holder.store(own_pid(), Relaxed);
        // The name is there before the first change is, should we be killed in between. Only the compiler
        // could change that: a process is killed between two instructions.
        compiler_fence(SeqCst);
        LockGuard { lock: self, panicking: thread::panicking(), held }
    }
}

impl<'a, T: Pod> LockGuard<'a, T> {
    /// Gives the lock back; says which it was.
    pub(in crate::sync) fn release(self) -> &'a Lock<T> {
        self.lock
    }
}

impl<T: Pod> Drop for LockGuard<'_, T> {
    fn drop(&mut self) {
        if !self.held.is_own() {
            // A copy in a forked process, which has not this memory: the lock is with the one it is a copy of.
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
        // SAFETY: this thread holds the mutex, and values are reached only through guards: nobody else
        // touches it as long as the guard lives. A thread has no second guard (EDEADLK), and this
        // one is borrowed. It is no copy of that thread.
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
