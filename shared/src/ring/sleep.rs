//! Waiting of the two sides of a segment: a side polls for a short while, then sleeps until the
//! other wakes it.
//!
//! Both directions follow the same rule (Dekker's). The sleeper stores that it sleeps, then checks
//! once more for what it waits for; the other side acts, then checks whether there is a sleeper. A
//! full fence on both sides between the two steps ensures that at least one of them sees the other,
//! so no wake-up is lost. Sleeps are numbered, and the waking side stores the number, so that each
//! sleep costs one wake-up at most; and every word has a single writer.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;

use crate::atomics::{AtomicU32, fence, thread};
use crate::ring::{Cursor, Flags, Header};
use crate::sys::futex::Word;
use crate::sys::now_ns;

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
        self.worker_waits_unless(ready, || false, None);
    }

    /// Waits, in the worker, until `ready` returns `true`, or `may_not_sleep` does, which is called
    /// before each sleep. With a `time`, each sleep takes so long at most.
    pub(crate) fn worker_waits_unless(
        &self,
        mut ready: impl FnMut() -> bool,
        mut may_not_sleep: impl FnMut() -> bool,
        time: Option<Duration>,
    ) {
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
                self.parent.woken.sleep(woken, time);
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

/// The time for which a side polls before it sleeps, in nanoseconds: about two kernel wake-ups (25
/// µs each on the machine this was tuned on), so that polling never costs much more than the sleep
/// that it avoids.
pub(crate) const SPIN_NS: u64 = 50_000;

/// Polls before the first yield: about as long as a short task takes to come back from another CPU.
const LOOKS: u32 = 128;

/// A yield that takes longer than this (nanoseconds) has given the CPU to another program.
const LOST_CPU_NS: u64 = 20_000;

/// Busy waits that are cut to their first polls after that: to sleep and be woken is quicker then,
/// because the scheduler prefers a thread that wakes to those that have had their turn.
const CROWDED_WAITS: u32 = 64;

/// The number of such busy waits that are left. A hint within this process, so that it may be
/// inexact.
static CROWDED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

/// A bounded busy wait.
///
/// After the first polls it yields its CPU between polls. If the other side has no CPU to run on
/// (other programs keep them busy, or both were put on the same one), the yield lets it go on;
/// otherwise it costs next to nothing.
#[derive(Debug)]
pub(crate) struct Spin {
    looks: u32,
    /// When to end; 0 before the first yield.
    until: u64,
}

impl Spin {
    /// Creates a busy wait that ends soon, or at once if it isn't `allowed`.
    pub(crate) fn new(allowed: bool) -> Self {
        let crowded = CROWDED.load(Relaxed);
        if crowded > 0 {
            CROWDED.store(crowded - 1, Relaxed);
        }
        Self { looks: if allowed { LOOKS } else { 0 }, until: if allowed && crowded == 0 { 0 } else { 1 } }
    }

    /// Creates a busy wait of the first polls only.
    pub(crate) fn brief(allowed: bool) -> Self {
        Self { until: 1, ..Self::new(allowed) }
    }

    /// Returns whether to poll once more, after a short pause.
    pub(crate) fn again(&mut self) -> bool {
        if self.looks > 0 {
            self.looks -= 1;
            std::hint::spin_loop();
            return true;
        }
        let now = now_ns();
        if self.until == 0 {
            self.until = now + SPIN_NS;
        }
        if now > self.until {
            return false;
        }
        thread::yield_now();
        if now_ns() - now > LOST_CPU_NS {
            CROWDED.store(CROWDED_WAITS, Relaxed);
        }
        true
    }
}
