//! Exercise 2: try again what was lost.
//!
//! Goal: a task that loses its worker gets another try, but not for ever, and no other task is run twice.
//! What to touch: the body of `with_retries`.
//! How to check: `cargo test -p lesson06-callbacks --test ex2_retry_lost`

use multiproc::{Result, Task};

/// Runs `task` on each item, in as many worker processes as told. A task whose worker was lost is run again, until it
/// has had `tries` tries in all. One that fails by itself is not: it would fail again. Returns what became of each in
/// the end, in the order of the items.
pub fn with_retries<F: Task<(u64,)> + Clone>(
    task: F,
    items: &[u64],
    processes: usize,
    tries: u32,
) -> Result<Vec<Result<F::Output>>> {
    let _ = (task, items);
    todo!("a pool of {processes} workers, a result for each item, and up to {tries} tries where it is a lost worker")
}
