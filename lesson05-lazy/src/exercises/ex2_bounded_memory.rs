//! Exercise 2: an endless source, in bounded memory.
//!
//! Goal: as many numbers as needed are taken from the source, and not many more.
//! What to touch: the body of `first_good`.
//! How to check: `cargo test -p lesson05-lazy --test ex2_bounded_memory`

use multiproc::{Result, Task};

/// Runs `task` on the numbers of a source that may have no end, in as many worker processes as told, until `wanted` of
/// them were found to be good: the task returns its number and whether that is good. Returns these, in the order of the
/// source.
///
/// Of numbers that were taken from the source, there are never more than `ahead` whose answer was not looked at.
pub fn first_good<F: Task<(u64,), Output = (u64, bool)>>(
    task: F,
    source: impl Iterator<Item = u64>,
    wanted: usize,
    processes: usize,
    ahead: usize,
) -> Result<Vec<u64>> {
    let _ = (task, source);
    todo!("a pool of {processes} workers, a lazy map with a window of {ahead}, and a loop that ends after {wanted}")
}
