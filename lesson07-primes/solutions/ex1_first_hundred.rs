//! A solution: the answers are in the order of the numbers, so `zip` brings the two together again.

use multiproc::{Executor, Pool, Result};

pub fn is_prime(n: u64) -> bool {
    n > 1 && (2..=n.isqrt()).all(|d| !n.is_multiple_of(d))
}

pub fn first_hundred(processes: usize) -> Result<Vec<u64>> {
    let pool = Pool::with_processes(processes)?;
    let answers = pool.map(is_prime, 1..=100)?;
    Ok((1..=100).zip(answers).filter(|(_, prime)| *prime).map(|(n, _)| n).collect())
}
