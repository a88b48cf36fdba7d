//! Exercise 2: an endless source, in bounded memory.
//!
//! Goal: numbers come from a source that may never end, and some of them are good. Find the first
//! few that are, and take no more numbers from the source than are allowed to be under way.
//!
//! Check: `cargo test -p lesson05-lazy --test ex2_bounded_memory`

use multiproc::{Result, Task};

/// Runs `task` on the numbers of the source, by a pool of `processes` workers, until `wanted` of
/// them are good: the task returns its number and whether that is good. Returns the good ones, in
/// the order of the source.
///
/// Of the numbers that were taken from the source, there are never more than `ahead` whose answer
/// was not looked at.
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
