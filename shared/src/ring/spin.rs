//! Busy waits: a side polls for a short while before it sleeps.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::atomics::thread;
use crate::sys::now_ns;

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
static CROWDED: AtomicU32 = AtomicU32::new(0);

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
