//! Exercise 1, what is given: a machine, a task, and what to return.

use std::process;

use course::testing::exercise::witness;
use serde::{Deserialize, Serialize};

/// The CPUs of a machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// The number of threads that it runs at a time.
    pub logical: usize,
    /// The number of its cores. A core may run two threads at a time, but not at twice the speed.
    pub physical: usize,
}

/// The primes below a number, counted by a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// The number of primes.
    pub primes: usize,
    /// The pid of the process.
    pub pid: u32,
}

/// What `on_every_core` returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The results of the tasks, in the order of the limits.
    pub counted: Vec<Counted>,
    /// The pids of the workers, from `active_children` while they live.
    pub workers: Vec<u32>,
}

/// Counts the primes below `limit`: a task that computes all the time.
pub fn count_primes(limit: u32) -> Counted {
    // The tests see by this which process runs it, and when.
    let _call = witness(limit);
    let is_prime = |n: u32| (2..n).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    Counted { primes: (2..limit).filter(|n| is_prime(*n)).count(), pid: process::id() }
}
