//! Wrong: divisors are tried below the square root, but not the root itself.
//!
//! Fails with: not primes at all: [4, 9, 25, 49]

use multiproc::{Executor, Pool, Result, Task};

pub fn is_prime(n: u64) -> bool {
    n > 1 && (2..n).take_while(|d| d * d < n).all(|d| !n.is_multiple_of(d))
}

pub fn primes_up_to<F: Task<(u64,), Output = bool>>(last: u64, test: F, processes: usize) -> Result<Vec<u64>> {
    let pool = Pool::with_processes(processes)?;
    let answers = pool.map(test, 1..=last)?;
    Ok((1..=last).zip(answers).filter(|(_, prime)| *prime).map(|(n, _)| n).collect())
}
