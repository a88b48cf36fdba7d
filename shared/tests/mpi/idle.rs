//! Ranks that have nothing to do.

use std::thread;
use std::time::Duration;

use multiproc::{Executor, MpiExecutor, Result};

use super::launch::{Mpi, Ranks};
use super::support::{processor_ticks, square, squares};

pub(super) fn does_nothing() -> Result<()> {
    let executor = MpiExecutor::builder().processes_per_rank(1).build()?;
    assert_eq!(executor.map(square, 0..1000)?, squares(1000));
    println!("idle now");
    thread::sleep(Duration::from_secs(8));
    assert_eq!(executor.map(square, 0..1000)?, squares(1000));
    println!("awake again");
    Ok(())
}

/// Processor time that the processes have used, in seconds.
fn used(processes: &[u32]) -> f64 {
    processes.iter().map(|pid| processor_ticks(*pid)).sum::<u64>() as f64 / 100.0
}

pub(super) fn sixteen_idle_ranks_use_no_cpu_time() -> Result<()> {
    let running = Ranks::new(16, "does_nothing").start();
    running.await_line("idle now");
    // Ranks look for messages less often after a while.
    thread::sleep(Duration::from_millis(1500));
    let processes = running.processes();
    let before = used(&processes);
    thread::sleep(Duration::from_secs(5));
    let share = (used(&processes) - before) / 5.0;
    println!("{} processes took {:.1} % of a CPU", processes.len(), 100.0 * share);
    // A look takes longer with MPICH.
    let max = if Mpi::here() == Mpi::Mpich { 0.4 } else { 0.1 };
    assert!(share < max, "{share} CPUs");
    assert!(running.end().well().ends_with("awake again\n"));
    Ok(())
}
