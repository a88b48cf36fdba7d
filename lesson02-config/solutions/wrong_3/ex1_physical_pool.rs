//! Wrong: computes here, and says that the workers did.
//!
//! Fails with: they ran in this very process

use multiproc::{Pool, Result, active_children};

use super::given::{Counted, Machine, Report, count_primes};

pub fn this_machine() -> Machine {
    Machine { logical: multiproc::cpu_count(), physical: multiproc::physical_cpu_count() }
}

pub fn on_every_core(machine: Machine, limits: Vec<u32>) -> Result<Report> {
    let _pool = Pool::with_processes(machine.physical)?;
    let workers: Vec<_> = active_children().into_iter().map(|child| child.pid).collect();
    let pids = workers.iter().cycle();
    let counted = limits.into_iter().zip(pids).map(|(n, pid)| Counted { pid: *pid, ..count_primes(n) }).collect();
    Ok(Report { counted, workers })
}
