//! How the two sides wait for each other: look for a short while, then sleep until woken.
//!
//! Both directions follow the same rule (Dekker's). The sleeper says that it sleeps, then looks once more; the other side
//! acts, then looks whether anybody sleeps. A full fence on both sides between the two steps makes sure that at least one of
//! them sees the other, so no wake-up is lost.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::fence;
use std::thread;

use crate::ring::{Flags, Header};
use crate::sys::bell::Bell;
use crate::sys::{clock, futex};

/// How long a side looks before it sleeps, in nanoseconds: about two kernel wake-ups (25 µs each on the machine this was
/// tuned on), so that looking never costs much more than the sleep it avoids.
pub(crate) const SPIN_NS: u64 = 50_000;

/// Looks before the first yield: about as long as a short task takes to come back from another CPU.
const LOOKS: u32 = 128;

/// A bounded busy wait.
///
/// After its first looks it offers its CPU to others between looks. If the one it waits for has no CPU to run on (other programs
/// keep them busy, or both were put on the same one), that is what lets it go on; otherwise it costs next to nothing.
#[derive(Debug)]
pub(crate) struct Spin {
    looks: u32,
    /// When to end; 0 before the first yield.
    until: u64,
}

impl Spin {
    /// A busy wait that ends soon, or at once if there is no CPU for it.
    pub(crate) fn new(allowed: bool) -> Self {
        Self { looks: if allowed { LOOKS } else { 0 }, until: if allowed { 0 } else { 1 } }
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
        true
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
            self.worker.sleeping.store(1, Relaxed);
            fence(SeqCst);
            if ready() {
                self.worker.sleeping.store(0, Relaxed);
                return;
            }
            futex::wait(&self.worker.sleeping, 1, None);
        }
    }

    /// The parent has put something into the task ring or made room in the result ring: wakes the worker if it sleeps.
    pub(crate) fn wake_worker(&self) {
        fence(SeqCst);
        if self.worker.sleeping.load(Relaxed) == 1 && self.worker.sleeping.swap(0, Relaxed) == 1 {
            futex::wake(&self.worker.sleeping);
        }
    }

    /// The parent is about to sleep. It must look at the rings once more after this.
    pub(crate) fn parent_awaits(&self, room: bool) {
        self.parent.awaits_results.store(1, Relaxed);
        if room {
            self.parent.awaits_room.store(1, Relaxed);
        }
        fence(SeqCst);
    }

    /// The parent is awake again.
    pub(crate) fn parent_woke(&self) {
        self.parent.awaits_results.store(0, Relaxed);
        self.parent.awaits_room.store(0, Relaxed);
    }

    /// The worker has put results into their ring: wakes the parent if it sleeps.
    pub(crate) fn tell_results(&self, bell: &Bell) {
        fence(SeqCst);
        if self.parent.awaits_results.load(Relaxed) == 1 && self.parent.awaits_results.swap(0, Relaxed) == 1 {
            bell.ring();
        }
    }

    /// The worker has made room in the task ring: wakes the parent if it waits for that.
    pub(crate) fn tell_room(&self, bell: &Bell) {
        fence(SeqCst);
        if self.parent.awaits_room.load(Relaxed) == 1 && self.parent.awaits_room.swap(0, Relaxed) == 1 {
            bell.ring();
        }
    }
}
