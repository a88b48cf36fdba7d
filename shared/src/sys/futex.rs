//! Sleeps on a word of shared memory.

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{self, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// A word that processes sleep at: an atomic of the standard library, or loom's when a protocol is
/// being checked.
pub(crate) trait Word {
    fn load(&self, order: Ordering) -> u32;
    fn store(&self, value: u32, order: Ordering);
    fn fetch_add(&self, value: u32, order: Ordering) -> u32;
    fn fence(order: Ordering);

    /// Sleeps while the word is `expected`, until woken, for at most `timeout`. May return early
    /// without a reason.
    fn sleep(&self, expected: u32, timeout: Option<Duration>);

    /// Wakes up to `max` of those that sleep on the word; returns their number.
    fn wake(&self, max: u32) -> usize;
}

/// The flags of the calls are empty (not "private"), so that the two sides may be different
/// processes.
impl Word for atomic::AtomicU32 {
    fn load(&self, order: Ordering) -> u32 {
        self.load(order)
    }

    fn store(&self, value: u32, order: Ordering) {
        self.store(value, order);
    }

    fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
        self.fetch_add(value, order)
    }

    fn fence(order: Ordering) {
        atomic::fence(order);
    }

    fn sleep(&self, expected: u32, timeout: Option<Duration>) {
        let timeout = timeout.map(timespec);
        // Every outcome (woken, changed before, interrupted, timed out) has the same consequence:
        // the caller checks the word again.
        let _ = futex::wait(self, futex::Flags::empty(), expected, timeout.as_ref());
    }

    fn wake(&self, max: u32) -> usize {
        // A word in our own mapping cannot fault; there is no other error.
        futex::wake(self, futex::Flags::empty(), max).unwrap_or(0)
    }
}

fn timespec(timeout: Duration) -> Timespec {
    Timespec { tv_sec: timeout.as_secs().min(i32::MAX as u64) as i64, tv_nsec: timeout.subsec_nanos().into() }
}

/// Sleeps as [`sleep`](Word::sleep) does; returns whether the time was over.
pub(crate) fn wait(word: &atomic::AtomicU32, expected: u32, timeout: Duration) -> bool {
    futex::wait(word, futex::Flags::empty(), expected, Some(&timespec(timeout))) == Err(Errno::TIMEDOUT)
}

/// The number of words that [`wait_any`] takes at most (`FUTEX_WAITV_MAX`).
pub(crate) const MAX_WORDS: usize = 128;

/// Returns whether the kernel has [`wait_any`]: Linux does from 5.16 on, unless a filter of system
/// calls is in the way.
pub(crate) fn has_wait_any() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    // To wait for nothing is an error of its own.
    let probe = || futex::waitv(&[], futex::WaitvFlags::empty(), None, ClockId::Monotonic);
    *FOUND.get_or_init(|| probe() == Err(Errno::INVAL))
}

/// Sleeps while each of `words` has the value beside it, until one of them is woken, for at most
/// `timeout`. May return early without a reason. Returns whether the time was over.
pub(crate) fn wait_any(words: &[(&atomic::AtomicU32, u32)], timeout: Duration) -> bool {
    let until = clock_gettime(ClockId::Monotonic) + timespec(timeout);
    let wait = |(word, expected): &(&atomic::AtomicU32, u32)| {
        let mut wait = futex::Wait::new();
        wait.val = u64::from(*expected);
        wait.uaddr = futex::WaitPtr::new(ptr::from_ref(*word).cast_mut().cast());
        // Not "private", as in the other calls.
        wait.flags = futex::WaitFlags::SIZE_U32;
        wait
    };
    let waits: Vec<futex::Wait> = words.iter().map(wait).collect();
    futex::waitv(&waits, futex::WaitvFlags::empty(), Some(&until), ClockId::Monotonic) == Err(Errno::TIMEDOUT)
}

/// A model of the futex for loom: the check of the word and the beginning of the sleep are one step
/// for the thread that wakes, and no time passes.
#[cfg(multiproc_loom)]
mod model {
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use loom::sync::{Condvar, Mutex};

    use super::Word;
    use crate::atomics::{self, AtomicU32};

    loom::lazy_static! {
        /// The number of sleepers, on any word. A model has one word that matters.
        static ref SLEEPERS: (Mutex<u32>, Condvar) = (Mutex::new(0), Condvar::new());
    }

    impl Word for AtomicU32 {
        fn load(&self, order: Ordering) -> u32 {
            self.load(order)
        }

        fn store(&self, value: u32, order: Ordering) {
            self.store(value, order);
        }

        fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
            self.fetch_add(value, order)
        }

        fn fence(order: Ordering) {
            atomics::fence(order);
        }

        fn sleep(&self, expected: u32, _timeout: Option<Duration>) {
            let mut sleepers = SLEEPERS.0.lock().unwrap();
            if self.load(Ordering::Relaxed) == expected {
                *sleepers += 1;
                drop(SLEEPERS.1.wait(sleepers).unwrap());
            }
        }

        fn wake(&self, max: u32) -> usize {
            let mut sleepers = SLEEPERS.0.lock().unwrap();
            let woken = max.min(*sleepers);
            *sleepers -= woken;
            (0..woken).for_each(|_| SLEEPERS.1.notify_one());
            woken as usize
        }
    }
}
