//! Exercise 2: a future that fails.
//!
//! Goal: each item has a future of its own, so that one that fails costs none of the others its result.
//! What to touch: the body of `outcomes`.
//! How to check: `cargo test -p lesson04-async --test ex2_failing_future`

use multiproc::{Result, Task};

/// Runs `task` on each item, in as many worker processes as told. Returns what became of each, in the order of the
/// items: its result, or why there is none. It fails as a whole only if there can be no pool.
pub fn outcomes<F: Task<(u64,)> + Clone>(task: F, items: &[u64], processes: usize) -> Result<Vec<Result<F::Output>>> {
    let _ = (task, items);
    todo!("a pool of {processes} workers, a future for each item, and then the outcome of each future, good or bad")
}
