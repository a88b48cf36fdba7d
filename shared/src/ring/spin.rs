//! Busy waits: a side looks for a short while before it sleeps.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::atomics::thread;
use crate::sys::clock;

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
static CROWDED: AtomicU32 = AtomicU32::new(0);

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
