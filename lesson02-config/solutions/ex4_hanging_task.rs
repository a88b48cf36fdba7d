//! A solution: the pool has a limit for each task, and the call an outcome for each.

use std::time::Duration;

use multiproc::{Executor, Pool, Result, Task};

pub fn outcomes<F: Task<(u64,)>>(
    task: F,
    items: Vec<u64>,
    processes: usize,
    limit: Duration,
) -> Result<Vec<Result<F::Output>>> {
    let pool = Pool::builder().processes(processes).task_timeout(limit).build()?;
    Ok(pool.imap(task, items).collect())
}
