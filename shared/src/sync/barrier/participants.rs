//! The state of a barrier in shared memory: participants that wait, and processes with a handle.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::kind::ObjectKind;
use crate::shm::EventCount;
use crate::shm::holders::{Registration, Slot, SlotGuard, has_ended};
use crate::shm::region::{Head, Region};
use crate::sys::mutex::{Held, RobustMutex};
use crate::sys::words::words;

words! {
    #[derive(Debug)]
    struct BarrierHead {
        /// Held while marks change from [`WAITING`], and while `broken` does.
        mutex: RobustMutex,
        broken: AtomicU32,
        parties: AtomicU32,
        waiters: EventCount,
    }
}

words! {
    /// A slot to wait at, the process that waits there, and a word by which a process with a handle
    /// is registered.
    #[derive(Debug)]
    struct BarrierSlot {
        slot: Slot,
        waiter: AtomicU64,
        registered: AtomicU64,
    }
}

impl Head for BarrierHead {
    const KIND: ObjectKind = ObjectKind::Barrier;
}

// Each participant that waits has taken a slot, whose mark is what it waits for: it leaves once the
// mark is another than WAITING.
const WAITING: u32 = 1;
const PASSED: u32 = 2;
const BROKEN: u32 = 3;

/// The participants of a barrier.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Participants(Region<BarrierHead, BarrierSlot>);

/// What became of a participant that waited.
pub(super) enum Wait {
    /// It still waits.
    On,
    Passed,
    Broken,
}

/// The participants, while this thread alone may change their state.
pub(super) struct Locked<'a> {
    region: &'a Region<BarrierHead, BarrierSlot>,
    _held: Held<'a>,
}

impl Participants {
    pub(super) fn create(parties: usize) -> Result<Self> {
        // Those of a round may come while those of the round before are still leaving.
        let region: Region<BarrierHead, BarrierSlot> = Region::create(2 * parties)?;
        region.mutex.init();
        region.parties.store(parties as u32, Relaxed);
        region.all_words().for_each(|it| it.slot.init());
        Ok(Self(region))
    }

    /// Registers this process as one that has a handle. Returns `None` if too many processes are
    /// registered.
    pub(super) fn register(&self) -> Option<Arc<Registration>> {
        let words = (0..self.0.len()).map(|at| self.0.offset(at) + std::mem::offset_of!(BarrierSlot, registered));
        Registration::new(self.0.mapping(), words)
    }

    /// Locks the state. A holder that was killed may have let some participants pass and others
    /// not: that breaks the barrier.
    pub(super) fn lock(&self) -> Result<Locked<'_>> {
        let held = self.0.mutex.lock()?;
        let owner_died = held.owner_died;
        let locked = Locked { region: &self.0, _held: held };
        if owner_died {
            locked.break_barrier();
        }
        Ok(locked)
    }

    pub(super) fn parties(&self) -> usize {
        self.0.parties.load(Relaxed) as usize
    }

    pub(super) fn is_broken(&self) -> bool {
        is_broken(&self.0)
    }

    /// Returns the number of participants that wait.
    pub(super) fn waiting(&self) -> usize {
        waiting(&self.0).count()
    }

    /// Waits until the mark of a slot changes, at most until `until`.
    pub(super) fn wait(&self, slot: &SlotGuard<'_>, until: Instant) -> Wait {
        let changed = || (slot.mark() != WAITING).then_some(());
        self.0.waiters.wait_until(Some(until), true, changed);
        outcome(slot)
    }
}

/// Returns what became of the participant that has a slot.
pub(super) fn outcome(slot: &SlotGuard<'_>) -> Wait {
    match slot.mark() {
        WAITING => Wait::On,
        PASSED => Wait::Passed,
        _ => Wait::Broken,
    }
}

fn is_broken(region: &Region<BarrierHead, BarrierSlot>) -> bool {
    region.broken.load(Acquire) != 0
}

fn waiting(region: &Region<BarrierHead, BarrierSlot>) -> impl Iterator<Item = &BarrierSlot> {
    region.all_words().filter(|it| it.slot.mark() == WAITING)
}

impl<'a> Locked<'a> {
    /// Takes a slot to wait at, for a participant of the process `waiter`. Returns `None` if none
    /// is free.
    pub(super) fn take_slot(&self, waiter: u64) -> Result<Option<SlotGuard<'a>>> {
        for it in self.region.all_words().filter(|it| it.slot.mark() != WAITING) {
            if let Some(guard) = it.slot.try_take(WAITING)? {
                it.waiter.store(waiter, Relaxed);
                return Ok(Some(guard));
            }
        }
        Ok(None)
    }

    /// Lets all participants that wait pass.
    pub(super) fn pass(&self) {
        self.release(PASSED);
    }

    /// Breaks the barrier, and releases all participants that wait.
    pub(super) fn break_barrier(&self) {
        self.region.broken.store(1, Release);
        self.release(BROKEN);
    }

    /// Makes the barrier whole, and forgets what could break it again at once.
    pub(super) fn reset(&self) {
        self.break_barrier();
        self.forget(has_ended);
        self.region.broken.store(0, Release);
    }

    /// Breaks the barrier if a registered process has ended.
    pub(super) fn check_registered(&self) {
        if self.forget(has_ended) {
            self.break_barrier();
        }
    }

    /// Breaks the barrier if a participant was killed while it waited. Returns whether it is
    /// broken.
    pub(super) fn check_waiting(&self) -> Result<bool> {
        let mut killed = false;
        for it in waiting(self.region) {
            if it.slot.is_orphaned()? {
                killed = true;
                // It may be a while before /proc shows that the process has ended.
                let waiter = it.waiter.load(Relaxed);
                self.forget(|process| process == waiter);
            }
        }
        if killed {
            self.break_barrier();
        }
        Ok(is_broken(self.region))
    }

    /// Removes registered processes that have ended; returns whether there were any.
    fn forget(&self, ended: impl Fn(u64) -> bool) -> bool {
        let mut any = false;
        for it in self.region.all_words() {
            let process = it.registered.load(Acquire);
            if process != 0 && ended(process) {
                any |= it.registered.compare_exchange(process, 0, AcqRel, Relaxed).is_ok();
            }
        }
        any
    }

    fn release(&self, mark: u32) {
        waiting(self.region).for_each(|it| it.slot.set_mark(mark));
        self.region.waiters.notify_all();
    }
}
