//! Wrong: there is a pool, and it has nothing to do.
//!
//! The tests say: no task ran in a worker process

use multiproc::{Pool, Result};

/// Whether `n` is prime.
pub fn is_prime(n: u64) -> bool {
    n > 1 && (2..=n.isqrt()).all(|d| !n.is_multiple_of(d))
}

/// The primes among the numbers from 1 to 100, each of which is tested by one of as many worker processes as told.
pub fn first_hundred(processes: usize) -> Result<Vec<u64>> {
    let _pool = Pool::with_processes(processes)?;
    Ok((1..=100).filter(|n| is_prime(*n)).collect())
}
