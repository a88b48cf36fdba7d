//! Exercise 2: try again what was lost.
//!
//! Goal: a worker can be lost by no fault of its task: it was killed, or memory ran out. Such a
//! task gets another try, up to a number of tries. A task that panics would panic again, and gets
//! none. Nothing that went well is run again.
//!
//! Check: `cargo test -p lesson06-callbacks --test ex2_retry_lost`

use multiproc::{Result, Task};

/// Runs `task` on each item, by a pool of `processes` workers. A task whose worker was lost is run
/// again, until it has had `tries` tries in all. Returns the last outcome of each, in the order of
/// the items.
pub fn with_retries<F: Task<(u64,)> + Clone>(
    task: F,
    items: &[u64],
    processes: usize,
    tries: u32,
) -> Result<Vec<Result<F::Output>>> {
    let _ = (task, items);
    todo!("a pool of {processes} workers, a result for each item, and up to {tries} tries where it is a lost worker")
}
