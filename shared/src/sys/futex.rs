//! Waiting on a word of shared memory.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::thread::futex::{Flags, Timespec, wait as futex_wait, wake as futex_wake};

/// Sleeps while `word` is `expected`, until woken or until `timeout` is over. May return early for no reason: look again.
///
/// The flags are empty (not "private"), so that the two sides may be different processes.
pub(crate) fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let limit = timeout.map(|time| Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() });
    // Every outcome (woken, changed before, interrupted, timed out) has the same consequence: the caller looks again.
    let _ = futex_wait(word, Flags::empty(), expected, limit.as_ref());
}

/// Wakes one waiter on `word`.
pub(crate) fn wake(word: &AtomicU32) {
    // A word in our own mapping cannot fault; there is nothing else to fail.
    let _ = futex_wake(word, Flags::empty(), 1);
}
