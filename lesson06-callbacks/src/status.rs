//! A task of ten steps, each of which takes a random time: the parent reports while it waits, and
//! in the end says how it went.
//!
//! Watch the reports: they come at regular times, whatever the steps take. How far the task is, the
//! parent reads from a `Value`: shared memory that travels to the task as an argument.

// ANCHOR: program
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Executor, Pool, Result, Value};

const STEPS: u32 = 10;

// ANCHOR: task
fn work(done: Value<u32>) -> Duration {
    let start = Instant::now();
    for _ in 0..STEPS {
        thread::sleep(Duration::from_millis(fastrand::u64(20..=180)));
        done.update(|steps| *steps += 1).expect("no process died in a change");
    }
    start.elapsed()
}
// ANCHOR_END: task

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(1)?;

    // ANCHOR: report
    let done = Value::new(0)?;
    let later = pool.apply_async(work, (done.clone(),));
    while !later.ready() {
        // Waits for the task, but not longer than until the next report is due.
        if !later.wait_timeout(Duration::from_millis(250)) {
            println!("{} of {STEPS} steps are done", done.get()?);
        }
    }
    if later.successful()? {
        println!("it went well, and took {:.2?}", later.get()?);
    } else {
        println!("it failed after {} steps: {}", done.get()?, later.get().unwrap_err());
    }
    // ANCHOR_END: report
    Ok(())
}
// ANCHOR_END: program
