//! Sleep and wake-up of the two sides of a segment.
//!
//! Both directions follow the same rule (Dekker's). The sleeper stores that it sleeps, then checks
//! once more for what it waits for; the other side acts, then checks whether there is a sleeper. A
//! full fence on both sides between the two steps ensures that at least one of them sees the other,
//! so no wake-up is lost. Sleeps are numbered, and the waking side stores the number, so that each
//! sleep costs one wake-up at most; and every word has a single writer.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use crate::atomics::{AtomicU32, fence};
use crate::ring::{Cursor, Flags, Header, Spin};
use crate::sys::futex::Word;

/// Returns whether this is the number of a sleep that goes on: sleeps are counted twice, odd at
/// their beginning and even at their end.
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

/// Returns whether a sleep is going on from which the other side was not woken yet; stores in
/// `woken` that it is being woken now.
fn claim_wake(word: &AtomicU32, woken: &AtomicU32) -> bool {
    let number = word.load(Relaxed);
    if !asleep(number) || woken.load(Relaxed) == number {
        return false;
    }
    woken.store(number, Relaxed);
    true
}

impl Cursor {
    /// Announces that this side is about to sleep until the other one moves its cursor. The caller
    /// must load that cursor once more after this.
    ///
    /// The sleep gets a new number, also while another thread of this side sleeps: the other side
    /// may have woken that one already, and would not wake the same sleep twice.
    pub(crate) fn begin_sleep(&self) {
        let number = self.sleeping.load(Relaxed);
        let next = if asleep(number) { 2 } else { 1 };
        self.sleeping.store(number.wrapping_add(next), Relaxed);
        fence(SeqCst);
    }

    /// Announces that this side is awake again.
    pub(crate) fn end_sleep(&self) {
        end_sleep(&self.sleeping);
    }

    /// Returns whether the other side sleeps and must be woken, after this side has moved its
    /// cursor.
    #[must_use]
    pub(crate) fn must_wake(&self, other: &Self) -> bool {
        fence(SeqCst);
        claim_wake(&other.sleeping, &self.woken)
    }
}

impl Header {
    /// Waits, in the worker, until `ready` returns `true`.
    pub(crate) fn worker_waits(&self, ready: impl FnMut() -> bool) {
        self.worker_waits_unless(ready, || false);
    }

    /// Waits, in the worker, until `ready` returns `true`, or `may_not_sleep` does, which is called
    /// before each sleep.
    pub(crate) fn worker_waits_unless(&self, mut ready: impl FnMut() -> bool, mut may_not_sleep: impl FnMut() -> bool) {
        let mut spin = Spin::new(self.has(Flags::SPIN));
        loop {
            if ready() {
                return;
            }
            if spin.again() {
                continue;
            }
            if may_not_sleep() {
                return;
            }
            let woken = self.parent.woken.load(Relaxed);
            begin_sleep(&self.worker.sleeping);
            fence(SeqCst);
            if !ready() {
                // Returns at once if the parent has woken this sleep already: that changes the
                // word.
                self.parent.woken.sleep(woken, None);
            }
            end_sleep(&self.worker.sleeping);
        }
    }

    /// Wakes the worker if it sleeps, after the parent has written to the task ring or made room in
    /// the result ring.
    pub(crate) fn wake_worker(&self) {
        fence(SeqCst);
        if claim_wake(&self.worker.sleeping, &self.parent.woken) {
            self.parent.woken.wake(1);
        }
    }

    /// Returns whether the worker sleeps and was not woken.
    pub(crate) fn worker_sleeps(&self) -> bool {
        let number = self.worker.sleeping.load(Relaxed);
        fence(SeqCst);
        asleep(number) && self.parent.woken.load(Relaxed) != number
    }

    /// Wakes the worker if it sleeps, whatever the words say.
    pub(crate) fn force_wake_worker(&self) {
        self.parent.woken.wake(1);
    }

    /// Announces that the parent is about to sleep. It must check the rings once more after this.
    pub(crate) fn parent_awaits(&self, room: bool) {
        begin_sleep(&self.parent.awaits_results);
        if room {
            begin_sleep(&self.parent.awaits_room);
        }
        fence(SeqCst);
    }

    /// Announces that the parent is awake again.
    pub(crate) fn parent_woke(&self) {
        end_sleep(&self.parent.awaits_results);
        end_sleep(&self.parent.awaits_room);
    }

    /// Returns whether the parent sleeps and must be woken, after the worker has published results.
    #[must_use]
    pub(crate) fn results_awaited(&self) -> bool {
        fence(SeqCst);
        claim_wake(&self.parent.awaits_results, &self.worker.woken_results)
    }

    /// Returns whether the parent sleeps until there is room in the task ring, and must be woken,
    /// after the worker has made some.
    #[must_use]
    pub(crate) fn room_awaited(&self) -> bool {
        fence(SeqCst);
        claim_wake(&self.parent.awaits_room, &self.worker.woken_room)
    }
}
