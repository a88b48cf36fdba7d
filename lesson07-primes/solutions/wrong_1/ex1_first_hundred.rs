//! Wrong: there is a pool, but it has nothing to do.
//!
//! Fails with: no task ran in a worker process

use multiproc::{Pool, Result};

pub fn is_prime(n: u64) -> bool {
    n > 1 && (2..=n.isqrt()).all(|d| !n.is_multiple_of(d))
}

pub fn first_hundred(processes: usize) -> Result<Vec<u64>> {
    let _pool = Pool::with_processes(processes)?;
    Ok((1..=100).filter(|n| is_prime(*n)).collect())
}
