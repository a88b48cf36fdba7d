//! Exercise 1: a loop in parallel.
//!
//! Goal: `in_parallel` gives what `one_after_the_other` gives, computed by as many worker processes as it is told.
//! What to touch: the body of `in_parallel`.
//! How to check: `cargo test -p lesson03-sync --test ex1_for_loop`

use std::process;

use multiproc::Result;
use serde::{Deserialize, Serialize};

/// What one round of the loop found out, and which process did it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// The number the round was about.
    pub limit: u64,
    /// How many primes there are below it.
    pub primes: usize,
    /// The process.
    pub pid: u32,
}

/// One round: it takes a while.
pub fn count_primes(limit: u64) -> Round {
    let is_prime = |n: u64| n > 1 && (2..n).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    Round { limit, primes: (0..limit).filter(|n| is_prime(*n)).count(), pid: process::id() }
}

/// The loop as it is.
pub fn one_after_the_other(limits: &[u64]) -> Vec<Round> {
    let mut rounds = Vec::new();
    for limit in limits {
        rounds.push(count_primes(*limit));
    }
    rounds
}

/// The same rounds in the same order, by `processes` workers.
pub fn in_parallel(limits: &[u64], processes: usize) -> Result<Vec<Round>> {
    todo!("a pool of {processes} workers, and a `map` of `count_primes` over the {} limits", limits.len())
}
