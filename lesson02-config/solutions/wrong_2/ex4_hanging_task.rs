//! Wrong: the first error is the error of all.
//!
//! Fails with: there is one error for all items

use std::time::Duration;

use multiproc::{Executor, Pool, Result, Task};

pub fn outcomes<F: Task<(u64,)>>(
    task: F,
    items: Vec<u64>,
    processes: usize,
    limit: Duration,
) -> Result<Vec<Result<F::Output>>> {
    let pool = Pool::builder().processes(processes).task_timeout(limit).build()?;
    Ok(pool.map(task, items)?.into_iter().map(Ok).collect())
}
