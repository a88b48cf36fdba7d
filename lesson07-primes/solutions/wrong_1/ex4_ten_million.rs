//! Wrong: the whole range is one task.
//!
//! Fails with: had something to do at the same time

use multiproc::{Executor, Pool, Result, Task};

pub fn count_below<F: Task<(u64, u64), Output = u64>>(count: F, limit: u64, processes: usize) -> Result<u64> {
    let pool = Pool::with_processes(processes)?;
    pool.apply(count, (0, limit))
}
