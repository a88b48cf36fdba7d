//! Wrong: the tasks run, and a list that was known before is returned.
//!
//! Fails with: what was returned, and the numbers up to

use multiproc::{Executor, Pool, Result, Task};

pub fn is_prime(n: u64) -> bool {
    n > 1 && (2..=n.isqrt()).all(|d| !n.is_multiple_of(d))
}

pub fn primes_up_to<F: Task<(u64,), Output = bool>>(last: u64, test: F, processes: usize) -> Result<Vec<u64>> {
    let pool = Pool::with_processes(processes)?;
    pool.map(test, 1..=last)?;
    let known = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97];
    Ok(known.into_iter().filter(|n| *n <= last).collect())
}
