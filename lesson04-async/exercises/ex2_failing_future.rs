//! Exercise 2: a future that fails.
//!
//! Goal: some tasks panic, and some even lose their worker. Each item gets an outcome of its own, a
//! value or an error, and all tasks are handed out before the first outcome is waited for.
//!
//! Check: `cargo test -p lesson04-async --test ex2_failing_future`

use multiproc::{Result, Task};

/// Runs `task` on each item, by a pool of `processes` workers. Returns the outcome of each, in the
/// order of the items: its result, or why there is none. Fails as a whole only if there is no pool.
pub fn outcomes<F: Task<(u64,)> + Clone>(task: F, items: &[u64], processes: usize) -> Result<Vec<Result<F::Output>>> {
    let _ = (task, items);
    todo!("a pool of {processes} workers, a future for each item, and then the outcome of each future, good or bad")
}
