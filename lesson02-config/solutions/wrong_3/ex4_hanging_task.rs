//! Wrong: no limit.
//!
//! Fails with: it waits for something that never comes

use std::time::Duration;

use multiproc::{Executor, Pool, Result, Task};

pub fn outcomes<F: Task<(u64,)>>(
    task: F,
    items: Vec<u64>,
    processes: usize,
    _limit: Duration,
) -> Result<Vec<Result<F::Output>>> {
    let pool = Pool::with_processes(processes)?;
    Ok(pool.imap(task, items).collect())
}
