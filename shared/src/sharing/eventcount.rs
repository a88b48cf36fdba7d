//! Waiting for something in shared memory to change.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, fence};
use std::time::{Duration, Instant};

use zerocopy::FromBytes;

use crate::ring::Spin;
use crate::sys::futex;

/// The longest sleep before a waiter looks again by itself. A process that is killed after it changed something and before it woke
/// the others costs them this much, once.
pub(crate) const SLICE: Duration = Duration::from_millis(100);

/// An eventcount: those who wait take a number and look once more before they sleep, those who change something look whether
/// numbers were taken. (After Reed and Kanodia, "Synchronization with Eventcounts and Sequencers", 1979, with the check before
/// the sleep that makes it safe without a lock.)
///
/// Nothing in it belongs to a process, so that one which is killed asleep leaves nothing behind but one needless wake-up.
#[repr(C)]
#[derive(Debug, FromBytes)]
pub(crate) struct EventCount {
    /// The futex word: changes with every wake-up.
    sequence: AtomicU32,
    /// Sleeps announced so far.
    tickets: AtomicU32,
    /// Sleeps that are known to be over.
    settled: AtomicU32,
    unused: AtomicU32,
}

impl EventCount {
    /// Announces a sleep. The caller must look at what it waits for after this, and then [`sleep`](EventCount::sleep) or not.
    fn announce(&self) -> u32 {
        let sequence = self.sequence.load(Relaxed);
        self.tickets.fetch_add(1, Relaxed);
        fence(SeqCst);
        sequence
    }

    /// Wakes one waiter, if there is any. The caller has changed what they wait for before.
    pub(crate) fn notify_one(&self) {
        self.notify(1);
    }

    /// Wakes all waiters.
    pub(crate) fn notify_all(&self) {
        self.notify(i32::MAX as u32);
    }

    fn notify(&self, most: u32) {
        fence(SeqCst);
        let tickets = self.tickets.load(Relaxed);
        if tickets == self.settled.load(Relaxed) {
            return;
        }
        // Whoever took a ticket and does not sleep yet sees the change of this word, and does not fall asleep.
        self.sequence.fetch_add(1, SeqCst);
        if futex::wake_up_to(&self.sequence, most) < most as usize {
            self.settled.store(tickets, Relaxed);
        }
    }

    /// Waits until `ready` has an answer; `None` if the deadline comes first. Looks busily for a moment if `spin`, then sleeps.
    pub(crate) fn wait_until<R>(
        &self,
        deadline: Option<Instant>,
        spin: bool,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        let mut spin = Spin::new(spin);
        loop {
            if let Some(answer) = ready() {
                return Some(answer);
            }
            if spin.again() {
                continue;
            }
            let sequence = self.announce();
            if let Some(answer) = ready() {
                return Some(answer);
            }
            let left = deadline.map_or(SLICE, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return None;
            }
            futex::wait_for(&self.sequence, sequence, left.min(SLICE));
        }
    }
}
