//! Wrong: gives up waiting, but the task goes on, and its worker has no time for others.
//!
//! Fails with: were quick, and have no result

use std::time::Duration;

use multiproc::{AsyncResult, Executor, Pool, Result, Task};

pub fn outcomes<F: Task<(u64,)> + Clone>(
    task: F,
    items: Vec<u64>,
    processes: usize,
    limit: Duration,
) -> Result<Vec<Result<F::Output>>> {
    let pool = Pool::with_processes(processes)?;
    let futures: Vec<_> = items.into_iter().map(|item| pool.apply_async(task.clone(), (item,))).collect();
    let get = |mut future: AsyncResult<F::Output>| future.get_timeout(limit);
    Ok(futures.into_iter().map(get).collect())
}
