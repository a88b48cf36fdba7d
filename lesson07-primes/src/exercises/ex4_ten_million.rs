//! Exercise 4: the primes below ten million.
//!
//! Goal: they are counted in less time than the sequential program takes, by cutting the range into pieces.
//! What to touch: the body of `count_below`.
//! How to check: `cargo test -p lesson07-primes --test ex4_ten_million`

use multiproc::{Result, Task};

/// Counts the primes from `first` on and below `end`: the sequential program.
pub fn count_primes(first: u64, end: u64) -> u64 {
    let has_no_divisor = |n: u64, among: &[u64]| {
        let root = n.isqrt();
        among.iter().take_while(|d| **d <= root).all(|d| !n.is_multiple_of(*d))
    };
    // A number that is not prime has a prime divisor up to its root.
    let mut divisors = Vec::new();
    for n in 2..=end.isqrt() {
        if has_no_divisor(n, &divisors) {
            divisors.push(n);
        }
    }
    (first.max(2)..end).filter(|n| has_no_divisor(*n, &divisors)).count() as u64
}

/// Counts the primes below `limit`, in as many worker processes as told. `count` does for a range what [`count_primes`]
/// does. There are several ranges for each worker, since those of large numbers take longer: none has more than an
/// eighth of a worker's fair share.
pub fn count_below<F: Task<(u64, u64), Output = u64>>(count: F, limit: u64, processes: usize) -> Result<u64> {
    let _ = count;
    todo!("a pool of {processes} workers, the numbers below {limit} cut into ranges, a `starmap`, and a sum")
}
