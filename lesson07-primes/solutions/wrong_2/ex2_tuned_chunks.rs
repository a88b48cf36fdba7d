//! Wrong: the number of batches is given where their size belongs.
//!
//! Fails with: a batch has 20 numbers

use multiproc::{Executor, Pool, Result, Task};

pub fn in_batches<F: Task<(u64,), Output = bool>>(
    is_prime: F,
    numbers: &[u64],
    processes: usize,
    batches: usize,
) -> Result<Vec<u64>> {
    let pool = Pool::with_processes(processes)?;
    let answers = pool.with_chunksize(batches).map(is_prime, numbers.to_vec())?;
    Ok(numbers.iter().zip(answers).filter(|(_, prime)| *prime).map(|(n, _)| *n).collect())
}
