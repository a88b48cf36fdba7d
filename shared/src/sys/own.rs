//! Values that belong to one process, and not to its forks.
#![allow(unsafe_code)]

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering::AcqRel, Ordering::Acquire};

use crate::sys::pid::Owner;

/// A value that is dropped in the process that made it and in no copy of that process, where its
/// locks may be held, and its threads waited for, by threads that are not there.
pub(crate) struct Own<T> {
    owner: Owner,
    value: ManuallyDrop<T>,
}

impl<T> Own<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { owner: Owner::here(), value: ManuallyDrop::new(value) }
    }
}

impl<T: fmt::Debug> fmt::Debug for Own<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T> Deref for Own<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        if self.owner.is_here() {
            // SAFETY: the value cannot be used after this drop, which comes once.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}

/// A static of which each process has its own value, made at the first use. A fork does not use the
/// value of its parent, of which a lock may have been held by another thread at the fork.
pub(crate) struct PerProcess<T>(AtomicPtr<(Owner, T)>);

impl<T: Default + Send + Sync + 'static> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// Returns the value of the process that this one is a copy of, until this one has its own.
    pub(crate) fn last(&self) -> Option<&'static T> {
        // SAFETY: null, or made by `Box` in `get` and never freed.
        unsafe { self.0.load(Acquire).as_ref() }.map(|(_, value)| value)
    }

    /// Returns the value of this process.
    pub(crate) fn get(&self) -> &'static T {
        let here = Owner::here();
        let found = self.0.load(Acquire);
        // SAFETY: null, or made by `Box` below and never freed.
        if let Some((owner, value)) = unsafe { found.as_ref() }
            && *owner == here
        {
            return value;
        }
        let fresh = Box::into_raw(Box::new((here, T::default())));
        match self.0.compare_exchange(found, fresh, AcqRel, Acquire) {
            // SAFETY: made just now, and never freed from here on.
            Ok(_) => unsafe { &(*fresh).1 },
            Err(first) => {
                // SAFETY: it was not published.
                drop(unsafe { Box::from_raw(fresh) });
                // SAFETY: another thread of this process made it, and it is never freed.
                unsafe { &(*first).1 }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    #[test]
    fn all_threads_of_a_process_have_the_same_value() {
        static COUNT: PerProcess<AtomicU32> = PerProcess::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| COUNT.get().fetch_add(1, Relaxed));
            }
        });
        assert_eq!(COUNT.get().load(Relaxed), 8);
    }
}
