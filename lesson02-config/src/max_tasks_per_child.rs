//! A worker that is replaced after some tasks: what the tasks leak, or keep open, goes with the
//! process.
//!
//! Watch the pids. They change after every third task, whichever of the map's tasks that is, even
//! in the middle of a chunk; the results come in order, and the caller need not care.

// ANCHOR: program
use std::process;

use multiproc::{Executor, Pool};

fn square(n: u64) -> (u64, u32) {
    (n * n, process::id())
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    // ANCHOR: build
    let pool = Pool::builder().processes(1).max_tasks_per_child(3).build()?;
    let results = pool.map(square, 1..=10)?;
    // ANCHOR_END: build
    for run in results.chunk_by(|(_, a), (_, b)| a == b) {
        let squares: Vec<u64> = run.iter().map(|(square, _)| *square).collect();
        println!("worker {}: {squares:?}", run[0].1);
    }
    println!("{} workers started, {} at a time", pool.statistics().workers_started, pool.processes());
    Ok(())
}
// ANCHOR_END: program
