//! Wrong: sends the next task when the one before has ended, so that all workers but one are idle.
//!
//! Fails with: had something to do at the same time

use multiproc::{Executor, Pool, Result, Task};

pub fn outcomes<F: Task<(u64,)> + Clone>(task: F, items: &[u64], processes: usize) -> Result<Vec<Result<F::Output>>> {
    let pool = Pool::with_processes(processes)?;
    Ok(items.iter().map(|item| pool.apply(task.clone(), (*item,))).collect())
}
