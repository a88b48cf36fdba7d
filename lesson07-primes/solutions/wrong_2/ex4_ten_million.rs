//! Wrong: the division leaves a remainder, whose primes are not counted.
//!
//! Fails with: the numbers from 9999984

use multiproc::{Executor, Pool, Result, Task};

pub fn count_below<F: Task<(u64, u64), Output = u64>>(count: F, limit: u64, processes: usize) -> Result<u64> {
    let pool = Pool::with_processes(processes)?;
    let pieces = 8 * processes as u64;
    let size = limit / pieces;
    let ranges: Vec<_> = (0..pieces).map(|piece| (piece * size, (piece + 1) * size)).collect();
    Ok(pool.starmap(count, ranges)?.into_iter().sum())
}
