//! How the two sides sleep until the other one wakes them.
//!
//! Both directions follow the same rule (Dekker's). The sleeper says that it sleeps, then looks
//! once more; the other side acts, then looks whether anybody sleeps. A full fence on both sides
//! between the two steps makes sure that at least one of them sees the other, so no wake-up is
//! lost. Sleeps are numbered, and who wakes remembers the number, so that each sleep costs
//! one wake-up at most; and every word has a single writer.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use crate::atomics::{AtomicU32, fence};
use crate::ring::{Cursor, Flags, Header, Spin};
use crate::sys::futex::Word;

/// Whether a sleep of this number is going on: sleeps are counted twice, odd at their beginning and
/// even at their end.
fn asleep(number: u32) -> bool {
    number % 2 == 1
}

/// Begins a sleep, unless one is going on. Only the sleeper calls this.
fn begin_sleep(word: &AtomicU32) {
    let number = word.load(Relaxed);
    if !asleep(number) {
        word.store(number.wrapping_add(1), Relaxed);
    }
}

/// Ends a sleep, if one is going on. Only the sleeper calls this.
fn end_sleep(word: &AtomicU32) {
    let number = word.load(Relaxed);
    if asleep(number) {
        word.store(number.wrapping_add(1), Relaxed);
    }
}

/// Whether a sleep is going on that the other side was not woken from yet; notes in `woken` that it
/// is being woken now.
fn claim_wake(word: &AtomicU32, woken: &AtomicU32) -> bool {
    let number = word.load(Relaxed);
    if !asleep(number) || woken.load(Relaxed) == number {
        return false;
    }
    woken.store(number, Relaxed);
    true
}

impl Cursor {
    /// This side is about to sleep until the other one moves its cursor. It must look at that once
    /// more after this.
    ///
    /// The sleep has a number of its own, also while another thread of this side sleeps: the other
    /// side may have woken that one already, and would not wake the same sleep twice.
    pub(crate) fn begin_sleep(&self) {
        let number = self.sleeping.load(Relaxed);
        let next = if asleep(number) { 2 } else { 1 };
        self.sleeping.store(number.wrapping_add(next), Relaxed);
        fence(SeqCst);
    }

    /// This side is awake again.
    pub(crate) fn end_sleep(&self) {
        end_sleep(&self.sleeping);
    }

    /// This side has moved its cursor. Says whether the other one sleeps and must be woken.
    #[must_use]
    pub(crate) fn must_wake(&self, other: &Self) -> bool {
        fence(SeqCst);
        claim_wake(&other.sleeping, &self.woken)
    }
}

impl Header {
    /// The worker waits until `ready`.
    pub(crate) fn worker_waits(&self, mut ready: impl FnMut() -> bool) {
        let mut spin = Spin::new(self.has(Flags::SPIN));
        loop {
            if ready() {
                return;
            }
            if spin.again() {
                continue;
            }
            let woken = self.parent.woken.load(Relaxed);
            begin_sleep(&self.worker.sleeping);
            fence(SeqCst);
            if !ready() {
                // Returns at once if the parent has woken this sleep already: that changes the word.
                self.parent.woken.sleep(woken, None);
            }
            end_sleep(&self.worker.sleeping);
        }
    }

    /// The parent has put something into the task ring or made room in the result ring: wakes the
    /// worker if it sleeps.
    pub(crate) fn wake_worker(&self) {
        fence(SeqCst);
        if claim_wake(&self.worker.sleeping, &self.parent.woken) {
            self.parent.woken.wake(1);
        }
    }

    /// Whether the worker sleeps and nobody has woken it.
    pub(crate) fn worker_sleeps(&self) -> bool {
        let number = self.worker.sleeping.load(Relaxed);
        fence(SeqCst);
        asleep(number) && self.parent.woken.load(Relaxed) != number
    }

    /// Wakes the worker if it sleeps, whatever is written about that.
    pub(crate) fn force_wake_worker(&self) {
        self.parent.woken.wake(1);
    }

    /// The parent is about to sleep. It must look at the rings once more after this.
    pub(crate) fn parent_awaits(&self, room: bool) {
        begin_sleep(&self.parent.awaits_results);
        if room {
            begin_sleep(&self.parent.awaits_room);
        }
        fence(SeqCst);
    }

    /// The parent is awake again.
    pub(crate) fn parent_woke(&self) {
        end_sleep(&self.parent.awaits_results);
        end_sleep(&self.parent.awaits_room);
    }

    /// The worker has put results into their ring. Says whether the parent sleeps and must be rung
    /// up.
    #[must_use]
    pub(crate) fn results_awaited(&self) -> bool {
        fence(SeqCst);
        claim_wake(&self.parent.awaits_results, &self.worker.woken_results)
    }

    /// The worker has made room in the task ring. Says whether the parent sleeps, waits for that,
    /// and must be rung up.
    #[must_use]
    pub(crate) fn room_awaited(&self) -> bool {
        fence(SeqCst);
        claim_wake(&self.parent.awaits_room, &self.worker.woken_room)
    }
}
