//! Wrong: rounded down, so that a batch of leftovers is one too many.
//!
//! Fails with: a batch has 99 numbers

use multiproc::{Executor, Pool, Result, Task};

pub fn in_batches<F: Task<(u64,), Output = bool>>(
    is_prime: F,
    numbers: &[u64],
    processes: usize,
    batches: usize,
) -> Result<Vec<u64>> {
    let pool = Pool::with_processes(processes)?;
    let chunksize = (numbers.len() / batches).max(1);
    let answers = pool.with_chunksize(chunksize).map(is_prime, numbers.to_vec())?;
    Ok(numbers.iter().zip(answers).filter(|(_, prime)| *prime).map(|(n, _)| *n).collect())
}
