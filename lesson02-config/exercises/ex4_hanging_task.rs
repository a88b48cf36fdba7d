//! Exercise 4: a task that hangs.
//!
//! Goal: most tasks are quick, and some never end. One that takes longer than a limit is ended, and
//! costs no other task its result or its turn.
//!
//! Check: `cargo test -p lesson02-config --test ex4_hanging_task`

use std::time::Duration;

use multiproc::{Result, Task};

/// Runs `task` on each item, by a pool of `processes` workers. A task that runs for longer than
/// `limit` is ended. Returns the outcome of each, in the order of the items: what the task
/// returned, or its own error.
pub fn outcomes<F: Task<(u64,)>>(
    task: F,
    items: Vec<u64>,
    processes: usize,
    limit: Duration,
) -> Result<Vec<Result<F::Output>>> {
    let _ = task;
    todo!("{processes} workers, none of which is busy with one of the {} items for more than {limit:?}", items.len())
}
