//! Functions that tests run as tasks.

use std::thread;
use std::time::Duration;

/// Returns the pid of the process that runs it.
pub(crate) fn own_pid() -> u32 {
    std::process::id()
}

/// Returns the square of a number.
pub(crate) fn square(n: u64) -> u64 {
    n * n
}

/// Returns the squares of the numbers below `len`, which maps of [`square`] should give.
pub(crate) fn squares(len: u64) -> Vec<u64> {
    (0..len).map(square).collect()
}

/// Sleeps for so many milliseconds and returns them.
pub(crate) fn nap(milliseconds: u64) -> u64 {
    thread::sleep(Duration::from_millis(milliseconds));
    milliseconds
}

/// Returns an even number, and panics for an odd one.
pub(crate) fn fail_if_odd(n: u64) -> u64 {
    assert!(n.is_multiple_of(2), "task {n} failed");
    n
}
