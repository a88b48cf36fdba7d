//! Wrong: waits for each task before it hands out the next.
//!
//! Fails with: had something to do at the same time

use multiproc::{Executor, Pool, Result, active_children};

use super::given::{Machine, Report, count_primes};

pub fn this_machine() -> Machine {
    Machine { logical: multiproc::cpu_count(), physical: multiproc::physical_cpu_count() }
}

pub fn on_every_core(machine: Machine, limits: Vec<u32>) -> Result<Report> {
    let pool = Pool::with_processes(machine.physical)?;
    let workers = active_children().into_iter().map(|child| child.pid).collect();
    let counted = limits.into_iter().map(|limit| pool.apply(count_primes, (limit,))).collect::<Result<_>>()?;
    Ok(Report { counted, workers })
}
