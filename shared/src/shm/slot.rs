//! A place that one thread can take, and that others can take when its process has ended, however it
//! ended.

use std::sync::atomic::{AtomicU32, Ordering::*};

use crate::error::Result;
use crate::sys::mutex::{Held, RobustMutex, is_own};
use crate::sys::words::words;

words! {
    /// Lies in shared memory, and must be [`init`](Slot::init)ialised by the one that made the memory.
    #[derive(Debug)]
    pub(crate) struct Slot {
        mutex: RobustMutex,
        /// Not 0 while the place is taken, and after its holder has died, until somebody finds that out.
        mark: AtomicU32,
        unused: AtomicU32,
    }
}

/// A place that this thread has taken.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    place: &'a Slot,
    held: Held<'a>,
}

impl Slot {
    pub(crate) fn init(&self) {
        self.mutex.init();
    }

    /// Takes the place, if nobody alive has it, and marks it with `mark`.
    pub(crate) fn take(&self, mark: u32) -> Result<Option<Taken<'_>>> {
        let Some(held) = self.try_lock()? else { return Ok(None) };
        self.mark.store(mark, Release);
        Ok(Some(Taken { place: self, held }))
    }

    /// The mark of the one that has it, or had it when he died; 0 if it is free.
    pub(crate) fn mark(&self) -> u32 {
        self.mark.load(Acquire)
    }

    /// Changes the mark in the name of the one that has it. He may leave, and somebody else come,
    /// unless the caller keeps them from it.
    pub(crate) fn set_mark(&self, mark: u32) {
        self.mark.store(mark, Release);
    }

    /// Whether whoever marked the place has died since; it is free from then on.
    pub(crate) fn is_orphaned(&self) -> Result<bool> {
        if self.mark() == 0 {
            return Ok(false);
        }
        let held = self.try_lock()?;
        // He may have left properly in between.
        let orphaned = held.is_some() && self.mark() != 0;
        if orphaned {
            self.set_mark(0);
        }
        Ok(orphaned)
    }

    /// A place of this thread's own is taken as any other.
    fn try_lock(&self) -> Result<Option<Held<'_>>> {
        match self.mutex.try_lock() {
            Err(error) if is_own(&error) => Ok(None),
            outcome => outcome,
        }
    }
}

impl Taken<'_> {
    pub(crate) fn mark(&self) -> u32 {
        self.place.mark()
    }

    /// Whether it was taken in this process.
    pub(crate) fn is_here(&self) -> bool {
        self.held.is_own()
    }
}

impl Drop for Taken<'_> {
    /// A copy of the process has not taken it.
    fn drop(&mut self) {
        // A copy in a forked process has no place.
        if self.held.is_own() {
            self.place.mark.store(0, Release);
        }
    }
}
