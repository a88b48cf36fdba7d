//! Wrong: the next task is sent when the one before has ended, so that one worker works and the others wait.
//!
//! The tests say: three tasks on three workers were to run at the same time

use multiproc::{Pool, Result, Task};

/// Runs `task` on each item, in as many worker processes as told. Returns what became of each, in the order of the
/// items: its result, or why there is none. It fails as a whole only if there can be no pool.
pub fn outcomes<F: Task<(u64,)> + Clone>(task: F, items: &[u64], processes: usize) -> Result<Vec<Result<F::Output>>> {
    let pool = Pool::with_processes(processes)?;
    Ok(items.iter().map(|item| pool.apply(task.clone(), (*item,))).collect())
}
