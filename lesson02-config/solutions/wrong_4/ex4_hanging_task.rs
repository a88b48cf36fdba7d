//! Wrong: the limit is right, but `apply` waits for each task before the next one begins.
//!
//! Fails with: had something to do at the same time

use std::time::Duration;

use multiproc::{Executor, Pool, Result, Task};

pub fn outcomes<F: Task<(u64,)> + Clone>(
    task: F,
    items: Vec<u64>,
    processes: usize,
    limit: Duration,
) -> Result<Vec<Result<F::Output>>> {
    let pool = Pool::builder().processes(processes).task_timeout(limit).build()?;
    Ok(items.into_iter().map(|item| pool.apply(task.clone(), (item,))).collect())
}
