//! Exercise 1: a loop in parallel.
//!
//! Goal: a loop counts primes, round by round. Have the rounds computed by several workers, with
//! the same results in the same order.
//!
//! Given, in `given/ex1_for_loop.rs`: `one_after_the_other(limits)`, which is the loop, and
//! `count_primes(limit)`, which computes one `Round` of it.
//!
//! Check: `cargo test -p lesson03-sync --test ex1_for_loop`

use multiproc::Result;

use super::given::*;

/// Computes the rounds that `one_after_the_other` computes, in the same order, by a pool of
/// `processes` workers.
pub fn in_parallel(limits: &[u64], processes: usize) -> Result<Vec<Round>> {
    todo!("a pool of {processes} workers, and a `map` of `count_primes` over the {} limits", limits.len())
}
