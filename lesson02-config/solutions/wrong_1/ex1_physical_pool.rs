//! Wrong: counts in this process, and reports it as the only worker.
//!
//! Fails with: no worker process was seen

use std::process;

use multiproc::Result;

use super::given::{Machine, Report, count_primes};

pub fn this_machine() -> Machine {
    Machine { logical: multiproc::cpu_count(), physical: multiproc::physical_cpu_count() }
}

pub fn on_every_core(machine: Machine, limits: Vec<u32>) -> Result<Report> {
    let counted = limits.into_iter().map(count_primes).collect();
    let workers = vec![process::id(); machine.physical];
    Ok(Report { counted, workers })
}
