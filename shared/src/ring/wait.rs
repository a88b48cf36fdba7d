//! How the two sides wait for each other: look for a short while, then sleep until woken.
//!
//! Both directions follow the same rule (Dekker's). The sleeper says that it sleeps, then looks
//! once more; the other side acts, then looks whether anybody sleeps. A full fence on both sides
//! between the two steps makes sure that at least one of them sees the other, so no wake-up is
//! lost. Sleeps are numbered, and who wakes remembers the number, so that each sleep costs
//! one wake-up at most; and every word has a single writer.

use std::sync::atomic;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use crate::atomics::{AtomicU32, fence, thread};
use crate::ring::{Cursor, Flags, Header};
use crate::sys::clock;
use crate::sys::futex::Word;

/// How long a side looks before it sleeps, in nanoseconds: about two kernel wake-ups (25 µs each on
/// the machine this was tuned on), so that looking never costs much more than the sleep it avoids.
pub(crate) const SPIN_NS: u64 = 50_000;

/// Looks before the first yield: about as long as a short task takes to come back from another CPU.
const LOOKS: u32 = 128;

/// A yield that takes longer than this (nanoseconds) has put another program into our place.
const LOST_CPU_NS: u64 = 20_000;

/// Busy waits that stop at their first looks after that: to sleep and be woken is quicker then, for
/// whoever wakes from a sleep goes before those who have had their turn.
const CROWDED_WAITS: u32 = 64;

/// How many more of them. A hint of this process to itself, so that it may be inexact.
static CROWDED: atomic::AtomicU32 = atomic::AtomicU32::new(0);

/// A bounded busy wait.
///
/// After its first looks it offers its CPU to others between looks. If the one it waits for has no
/// CPU to run on (other programs keep them busy, or both were put on the same one), that is what
/// lets it go on; otherwise it costs next to nothing.
#[derive(Debug)]
pub(crate) struct Spin {
    looks: u32,
    /// When to end; 0 before the first yield.
    until: u64,
}

impl Spin {
    /// A busy wait that ends soon, or at once if there is no CPU for it.
    pub(crate) fn new(allowed: bool) -> Self {
        let crowded = CROWDED.load(Relaxed);
        if crowded > 0 {
            CROWDED.store(crowded - 1, Relaxed);
        }
        Self { looks: if allowed { LOOKS } else { 0 }, until: if allowed && crowded == 0 { 0 } else { 1 } }
    }

    /// A busy wait of the first looks only.
    pub(crate) fn brief(allowed: bool) -> Self {
        Self { until: 1, ..Self::new(allowed) }
    }

    /// Whether to look once more. Pauses for a moment if so.
    pub(crate) fn again(&mut self) -> bool {
        if self.looks > 0 {
            self.looks -= 1;
            std::hint::spin_loop();
            return true;
        }
        let now = clock::now_ns();
        if self.until == 0 {
            self.until = now + SPIN_NS;
        }
        if now > self.until {
            return false;
        }
        thread::yield_now();
        if clock::now_ns() - now > LOST_CPU_NS {
            CROWDED.store(CROWDED_WAITS, Relaxed);
        }
        true
    }
}

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

/// Whether a sleep is going on that the other side was not woken from yet; notes in `told` that it
/// is being woken now.
fn tell(word: &AtomicU32, told: &AtomicU32) -> bool {
    let number = word.load(Relaxed);
    if !asleep(number) || told.load(Relaxed) == number {
        return false;
    }
    told.store(number, Relaxed);
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
        tell(&other.sleeping, &self.told)
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
        if tell(&self.worker.sleeping, &self.parent.woken) {
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
    pub(crate) fn rouse_worker(&self) {
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
        tell(&self.parent.awaits_results, &self.worker.told_results)
    }

    /// The worker has made room in the task ring. Says whether the parent sleeps, waits for that,
    /// and must be rung up.
    #[must_use]
    pub(crate) fn room_awaited(&self) -> bool {
        fence(SeqCst);
        tell(&self.parent.awaits_room, &self.worker.told_room)
    }
}
