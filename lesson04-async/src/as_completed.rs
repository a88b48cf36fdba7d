//! Results as they come, whichever is the first: five tasks on four workers, some fast, some slow.
//!
//! Watch the order, and the last line: the times of the tasks add up to far more than the time that
//! passed. The fifth task waits until a worker is free, and nevertheless is not the last.

// ANCHOR: program
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Executor, Pool, as_completed};

fn nap(seconds: f64) -> f64 {
    thread::sleep(Duration::from_secs_f64(seconds));
    seconds
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let times = [0.6, 0.4, 0.0, 0.2, 0.5];
    let pool = Pool::with_processes(4)?;

    // ANCHOR: as_they_come
    let start = Instant::now();
    let futures = times.map(|seconds| pool.submit(nap, (seconds,)));
    for (task, result) in as_completed(futures, None) {
        println!("after {:.2} s: task {task}, which took {:.1} s", start.elapsed().as_secs_f64(), result?);
    }
    // ANCHOR_END: as_they_come
    println!("{:.1} s of tasks in {:.2} s", times.iter().sum::<f64>(), start.elapsed().as_secs_f64());
    Ok(())
}
// ANCHOR_END: program
