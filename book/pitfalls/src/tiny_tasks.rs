//! A hundred thousand tasks, each a multiplication. The trip to a worker costs more than the work
//! there.
//!
//! Watch for the last line: no pool is faster. A batch makes the trip cheaper, but it does not make
//! the work larger. Measure one task, and leave what takes less than a microsecond in its loop.

// ANCHOR: program
use std::hint::black_box;
use std::time::Instant;

use multiproc::{Executor, Pool, Result};

const TASKS: u64 = 100_000;

fn square(n: u64) -> u64 {
    black_box(n) * n
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;
    let measure = |what: &str, work: &dyn Fn() -> Result<Vec<u64>>| -> Result<()> {
        let start = Instant::now();
        let squares = work()?;
        let time = start.elapsed().as_secs_f64();
        assert_eq!(squares.len() as u64, TASKS);
        println!("{what:<16} {:>8.1} ms, {:>7.1} ns a task", time * 1e3, time * 1e9 / TASKS as f64);
        Ok(())
    };
    measure("one by one:", &|| pool.with_chunksize(1).map(square, 0..TASKS))?;
    measure("batches of 1000:", &|| pool.with_chunksize(1000).map(square, 0..TASKS))?;
    measure("no pool:", &|| Ok((0..TASKS).map(square).collect()))
}
// ANCHOR_END: program
