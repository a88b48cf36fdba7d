//! Wrong: a worker for each logical CPU, as `Pool::new` has.
//!
//! Fails with: for tasks that compute, one for each physical core

use multiproc::{Executor, Pool, Result, active_children};

use super::given::{Machine, Report, count_primes};

pub fn this_machine() -> Machine {
    Machine { logical: multiproc::cpu_count(), physical: multiproc::physical_cpu_count() }
}

pub fn on_every_core(machine: Machine, limits: Vec<u32>) -> Result<Report> {
    let pool = Pool::with_processes(machine.logical)?;
    let workers = active_children().into_iter().map(|child| child.pid).collect();
    Ok(Report { counted: pool.map(count_primes, limits)?, workers })
}
