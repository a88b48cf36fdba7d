//! A slot that one thread can take, and that is free again when its process has ended, however it
//! ended.

use std::sync::atomic::{AtomicU32, Ordering::*};

use crate::error::Result;
use crate::sys::mutex::{Held, RobustMutex, is_own};
use crate::sys::words::words;

words! {
    /// Lies in shared memory, and must be [`init`](Slot::init)ialised by the process that creates
    /// the memory.
    #[derive(Debug)]
    pub(crate) struct Slot {
        mutex: RobustMutex,
        /// Not 0 while the slot is taken, and after its holder was killed, until that is found out.
        mark: AtomicU32,
        unused: AtomicU32,
    }
}

/// A slot that this thread has taken, until this is dropped.
#[derive(Debug)]
pub(crate) struct SlotGuard<'a> {
    slot: &'a Slot,
    held: Held<'a>,
}

impl Slot {
    pub(crate) fn init(&self) {
        self.mutex.init();
    }

    /// Takes the slot and marks it with `mark`; returns `None` if a live thread has it, this one
    /// included.
    pub(crate) fn try_take(&self, mark: u32) -> Result<Option<SlotGuard<'_>>> {
        let Some(held) = self.try_lock()? else { return Ok(None) };
        self.mark.store(mark, Release);
        Ok(Some(SlotGuard { slot: self, held }))
    }

    /// Returns the mark of the thread that has the slot, or had it when it was killed; 0 if the
    /// slot is free.
    pub(crate) fn mark(&self) -> u32 {
        self.mark.load(Acquire)
    }

    /// Changes the mark for the thread that has the slot. That thread may leave, and another come,
    /// unless the caller keeps them from it.
    pub(crate) fn set_mark(&self, mark: u32) {
        self.mark.store(mark, Release);
    }

    /// Returns whether the thread that marked the slot was killed since; the slot is free from then
    /// on.
    pub(crate) fn is_orphaned(&self) -> Result<bool> {
        if self.mark() == 0 {
            return Ok(false);
        }
        let held = self.try_lock()?;
        // The thread may have left properly in between.
        let orphaned = held.is_some() && self.mark() != 0;
        if orphaned {
            self.set_mark(0);
        }
        Ok(orphaned)
    }

    fn try_lock(&self) -> Result<Option<Held<'_>>> {
        match self.mutex.try_lock() {
            Err(error) if is_own(&error) => Ok(None),
            outcome => outcome,
        }
    }
}

impl SlotGuard<'_> {
    pub(crate) fn mark(&self) -> u32 {
        self.slot.mark()
    }

    /// Returns whether the slot was taken in this process.
    pub(crate) fn is_here(&self) -> bool {
        self.held.is_own()
    }
}

impl Drop for SlotGuard<'_> {
    fn drop(&mut self) {
        // A copy in a forked process has no slot.
        if self.is_here() {
            self.slot.set_mark(0);
        }
    }
}
