//! Wrong: one chunk of everything, for one of the workers.
//!
//! Fails with: had something to do at the same time

use multiproc::{Executor, Pool, Result, Task};

pub fn is_prime(n: u64) -> bool {
    n > 1 && (2..=n.isqrt()).all(|d| !n.is_multiple_of(d))
}

pub fn primes_up_to<F: Task<(u64,), Output = bool>>(last: u64, test: F, processes: usize) -> Result<Vec<u64>> {
    let pool = Pool::with_processes(processes)?;
    let answers = pool.with_chunksize(last as usize).map(test, 1..=last)?;
    Ok((1..=last).zip(answers).filter(|(_, prime)| *prime).map(|(n, _)| n).collect())
}
