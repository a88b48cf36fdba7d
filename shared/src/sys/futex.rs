//! Waiting on a word of shared memory.

#[cfg(not(multiproc_loom))]
pub(crate) use real::{wait, wake};

#[cfg(multiproc_loom)]
pub(crate) use model::{wait, wake};

#[cfg(not(multiproc_loom))]
mod real {
    use std::sync::atomic::AtomicU32;

    use rustix::thread::futex;

    /// Sleeps while `word` is `expected`, until woken. May return early for no reason: look again.
    ///
    /// The flags are empty (not "private"), so that the two sides may be different processes.
    pub(crate) fn wait(word: &AtomicU32, expected: u32) {
        // Every outcome (woken, changed before, interrupted) has the same consequence: the caller looks again.
        let _ = futex::wait(word, futex::Flags::empty(), expected, None);
    }

    /// Wakes one waiter on `word`.
    pub(crate) fn wake(word: &AtomicU32) {
        // A word in our own mapping cannot fault; there is nothing else to fail.
        let _ = futex::wake(word, futex::Flags::empty(), 1);
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
}
