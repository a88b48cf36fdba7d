//! Exercise 1: work while waiting.
//!
//! Goal: tasks run in workers, and meanwhile this process does something of its own. Both results
//! come back.
//!
//! Check: `cargo test -p lesson04-async --test ex1_work_while_waiting`

use multiproc::{Result, Task};

/// Runs `task` on each item, by a pool of `processes` workers, and `own_work` here at the same
/// time. Returns the tasks' results, in the order of the items, and that of the own work.
pub fn work_while_waiting<F: Task<(u64,)>, R>(
    task: F,
    items: &[u64],
    processes: usize,
    own_work: impl FnOnce() -> R,
) -> Result<(Vec<F::Output>, R)> {
    let _ = (task, items, own_work);
    todo!("a pool of {processes} workers; hand out all tasks without waiting, work, and only then get the results")
}
