//! Wrong: one batch of everything costs one trip, and keeps one worker busy while the others idle.
//!
//! Fails with: not all 4 workers had a batch at the same time

use multiproc::{Executor, Pool, Result, Task};

pub fn in_batches<F: Task<(u64,), Output = bool>>(
    is_prime: F,
    numbers: &[u64],
    processes: usize,
    _batches: usize,
) -> Result<Vec<u64>> {
    let pool = Pool::with_processes(processes)?;
    let answers = pool.with_chunksize(numbers.len()).map(is_prime, numbers.to_vec())?;
    Ok(numbers.iter().zip(answers).filter(|(_, prime)| *prime).map(|(n, _)| *n).collect())
}
