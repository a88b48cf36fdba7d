//! A solution: the pool is told its size, and its processes are counted while it lives.

use std::process;

use multiproc::{Pool, Result, active_children};
use serde::{Deserialize, Serialize};

/// The CPUs of a machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Programs it can run at a time.
    pub logical: usize,
    /// Cores that do so. One may run two programs at a time, but does not do the work of two.
    pub physical: usize,
}

/// How many primes there are below a number, and which process has counted them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// How many.
    pub primes: usize,
    /// The process.
    pub pid: u32,
}

/// What came of the tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What the tasks returned, in the order of the limits.
    pub counted: Vec<Counted>,
    /// The pids of the workers, as `active_children` names them while they live.
    pub workers: Vec<u32>,
}

/// Counts the primes below `limit`: a task that computes all the time.
pub fn count_primes(limit: u32) -> Counted {
    let is_prime = |n: u32| (2..n).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    Counted { primes: (2..limit).filter(|n| is_prime(*n)).count(), pid: process::id() }
}

/// The machine this program runs on.
pub fn this_machine() -> Machine {
    Machine { logical: multiproc::cpu_count(), physical: multiproc::physical_cpu_count() }
}

/// Counts for each of the limits, by a pool of the right size for `machine`.
pub fn on_every_core(machine: Machine, limits: Vec<u32>) -> Result<Report> {
    let pool = Pool::with_processes(machine.physical)?;
    let workers = active_children().into_iter().map(|child| child.pid).collect();
    Ok(Report { counted: pool.map(count_primes, limits)?, workers })
}
