//! A solution: the size of a piece is rounded up, and the last piece ends where the numbers end.

use multiproc::{Executor, Pool, Result, Task};

pub fn count_below<F: Task<(u64, u64), Output = u64>>(count: F, limit: u64, processes: usize) -> Result<u64> {
    let pool = Pool::with_processes(processes)?;
    let size = limit.div_ceil(8 * processes as u64 + 8);
    let pieces = (0..limit).step_by(size as usize).map(|first| (first, limit.min(first + size)));
    // A piece is a trip of its own: which worker is free is known only when it is.
    let counts = pool.with_chunksize(1).starmap(count, pieces)?;
    Ok(counts.into_iter().sum())
}
