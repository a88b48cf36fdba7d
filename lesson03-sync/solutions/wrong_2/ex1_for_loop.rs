//! Wrong: the pool is kept for next time, and never ends.
//!
//! The tests say: processes are left running

use std::process;
use std::sync::OnceLock;

use multiproc::{Pool, Result};
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

/// The same rounds in the same order, by workers that outlive the call.
pub fn in_parallel(limits: &[u64], processes: usize) -> Result<Vec<Round>> {
    static POOL: OnceLock<Pool> = OnceLock::new();
    let pool = match POOL.get() {
        Some(pool) => pool,
        None => {
            let pool = Pool::with_processes(processes)?;
            POOL.get_or_init(|| pool)
        }
    };
    pool.map(count_primes, limits.to_vec())
}
