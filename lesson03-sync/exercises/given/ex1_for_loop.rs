//! Exercise 1, what is given: a loop, and one round of it.

use std::process;

use course::testing::exercise::witness;
use serde::{Deserialize, Serialize};

/// The result of one round, with the process that computed it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// The number that the round was about.
    pub limit: u64,
    /// The number of primes below it.
    pub primes: usize,
    /// The pid of the process.
    pub pid: u32,
}

/// Computes one round, which takes a while.
pub fn count_primes(limit: u64) -> Round {
    // The tests see by this which process runs it, and when.
    let _call = witness(limit);
    let is_prime = |n: u64| n > 1 && (2..n).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    Round { limit, primes: (0..limit).filter(|n| is_prime(*n)).count(), pid: process::id() }
}

/// Computes the rounds in a loop.
pub fn one_after_the_other(limits: &[u64]) -> Vec<Round> {
    let mut rounds = Vec::new();
    for limit in limits {
        rounds.push(count_primes(*limit));
    }
    rounds
}
