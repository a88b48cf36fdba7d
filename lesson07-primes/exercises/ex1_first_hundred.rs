//! Exercise 1: the first hundred numbers.
//!
//! Goal: find out which of the first hundred numbers are prime, each by a task of its own. The
//! tests also ask for more numbers than that, and for those that another function calls prime.
//!
//! Check: `cargo test -p lesson07-primes --test ex1_first_hundred`

use multiproc::{Result, Task};

/// Returns whether `n` is prime: whether it has two divisors, 1 and itself.
pub fn is_prime(n: u64) -> bool {
    todo!("has {n} a divisor between 1 and itself? What about 0 and 1?")
}

/// Returns the numbers from 1 to `last` that `test`, such as `is_prime`, calls prime, in their
/// order. Each is tested by a pool of `processes` workers.
pub fn primes_up_to<F: Task<(u64,), Output = bool>>(last: u64, test: F, processes: usize) -> Result<Vec<u64>> {
    let _ = test;
    todo!("a pool of {processes} workers, an answer for each number up to {last}, and the numbers whose answer is yes")
}
