//! Wrong: one worker, whatever is asked for.
//!
//! Fails with: not all 4 workers had a batch at the same time

use multiproc::{Executor, Pool, Result, Task};

pub fn in_batches<F: Task<(u64,), Output = bool>>(
    is_prime: F,
    numbers: &[u64],
    processes: usize,
    batches: usize,
) -> Result<Vec<u64>> {
    let pool = Pool::with_processes(processes.min(1))?;
    let chunksize = numbers.len().div_ceil(batches);
    let answers = pool.with_chunksize(chunksize).map(is_prime, numbers.to_vec())?;
    Ok(numbers.iter().zip(answers).filter(|(_, prime)| *prime).map(|(n, _)| *n).collect())
}
