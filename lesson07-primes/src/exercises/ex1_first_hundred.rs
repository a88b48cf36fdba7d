//! Exercise 1: the first hundred numbers.
//!
//! Goal: the primes up to 100, each number a task of its own in a worker.
//! What to touch: the bodies of `is_prime` and of `first_hundred`.
//! How to check: `cargo test -p lesson07-primes --test ex1_first_hundred`

use multiproc::Result;

/// Whether `n` is prime.
pub fn is_prime(n: u64) -> bool {
    todo!("nothing from 2 up to its square root divides a prime: try that with {n}")
}

/// The primes among the numbers from 1 to 100, each of which is tested by one of as many worker processes as told.
pub fn first_hundred(processes: usize) -> Result<Vec<u64>> {
    todo!("a pool of {processes} workers, `is_prime` of the numbers from 1 to 100, and those for which it is true")
}
