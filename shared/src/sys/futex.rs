//! Waiting on a word of shared memory.

#[cfg(not(multiproc_loom))]
pub(crate) use real::{wait, wait_for, wake, wake_up_to};

#[cfg(multiproc_loom)]
pub(crate) use model::{wait, wait_for, wake, wake_up_to};

#[cfg(not(multiproc_loom))]
mod real {
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    use rustix::thread::futex;
    use rustix::time::Timespec;

    /// Sleeps while `word` is `expected`, until woken. May return early for no reason: look again.
    ///
    /// The flags are empty (not "private"), so that the two sides may be different processes.
    pub(crate) fn wait(word: &AtomicU32, expected: u32) {
        // Every outcome (woken, changed before, interrupted) has the same consequence: the caller looks again.
        let _ = futex::wait(word, futex::Flags::empty(), expected, None);
    }

    /// As [`wait`], but no longer than `timeout`.
    pub(crate) fn wait_for(word: &AtomicU32, expected: u32, timeout: Duration) {
        let timeout =
            Timespec { tv_sec: timeout.as_secs().min(i32::MAX as u64) as i64, tv_nsec: timeout.subsec_nanos().into() };
        let _ = futex::wait(word, futex::Flags::empty(), expected, Some(&timeout));
    }

    /// Wakes one waiter on `word`.
    pub(crate) fn wake(word: &AtomicU32) {
        wake_up_to(word, 1);
    }

    /// Wakes up to `most` waiters on `word`; says how many there were.
    pub(crate) fn wake_up_to(word: &AtomicU32, most: u32) -> usize {
        // A word in our own mapping cannot fault; there is nothing else to fail.
        futex::wake(word, futex::Flags::empty(), most).unwrap_or(0)
    }
}

/// A futex as loom knows it: the look at the word and the falling asleep are one step for whoever wakes.
#[cfg(multiproc_loom)]
mod model {
    use std::sync::atomic::Ordering::Relaxed;

    use loom::sync::atomic::AtomicU32;
    use loom::sync::{Condvar, Mutex};

    loom::lazy_static! {
        static ref SLEEPERS: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());
    }

    pub(crate) fn wait(word: &AtomicU32, expected: u32) {
        let guard = SLEEPERS.0.lock().unwrap();
        if word.load(Relaxed) == expected {
            drop(SLEEPERS.1.wait(guard).unwrap());
        }
    }

    pub(crate) fn wake(_word: &AtomicU32) {
        let _guard = SLEEPERS.0.lock().unwrap();
        SLEEPERS.1.notify_all();
    }

    // What is built on these two is not modelled: time does not pass there, and those who wait look again by themselves.

    pub(crate) fn wait_for(_word: &std::sync::atomic::AtomicU32, _expected: u32, _timeout: std::time::Duration) {}

    pub(crate) fn wake_up_to(_word: &std::sync::atomic::AtomicU32, most: u32) -> usize {
        most as usize
    }
}
