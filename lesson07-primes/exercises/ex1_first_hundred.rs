//! Exercise 1: the first hundred numbers.
//!
//! Goal: the primes up to 100, with a test for primality of your own, and each number tested by a
//! task of its own in a worker.
//!
//! Check: `cargo test -p lesson07-primes --test ex1_first_hundred`

use multiproc::Result;

/// Returns `true` if `n` is prime.
pub fn is_prime(n: u64) -> bool {
    todo!("nothing from 2 up to its square root divides a prime: try that with {n}")
}

/// Returns the primes among the numbers from 1 to 100, each tested by one of `processes` workers.
pub fn first_hundred(processes: usize) -> Result<Vec<u64>> {
    todo!("a pool of {processes} workers, `is_prime` of the numbers from 1 to 100, and those for which it is true")
}
