//! Wrong: the last piece goes on behind the limit.
//!
//! Fails with: are not below the limit

use multiproc::{Executor, Pool, Result, Task};

pub fn count_below<F: Task<(u64, u64), Output = u64>>(count: F, limit: u64, processes: usize) -> Result<u64> {
    let pool = Pool::with_processes(processes)?;
    let size = limit.div_ceil(8 * processes as u64 + 9);
    let pieces = (0..limit).step_by(size as usize).map(|first| (first, first + size));
    Ok(pool.with_chunksize(1).starmap(count, pieces)?.into_iter().sum())
}
