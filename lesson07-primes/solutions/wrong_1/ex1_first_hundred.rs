//! Wrong: there is a pool, but it has nothing to do.
//!
//! Fails with: no worker process was seen

use multiproc::{Pool, Result, Task};

pub fn is_prime(n: u64) -> bool {
    n > 1 && (2..=n.isqrt()).all(|d| !n.is_multiple_of(d))
}

pub fn primes_up_to<F: Task<(u64,), Output = bool>>(last: u64, _test: F, processes: usize) -> Result<Vec<u64>> {
    let _pool = Pool::with_processes(processes)?;
    Ok((1..=last).filter(|n| is_prime(*n)).collect())
}
