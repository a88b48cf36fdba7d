//! What becomes of failures: `error_callback` gets the error, if there is one, and `callback` the
//! values, if there is none. Of one call, one of the two is called.
//!
//! Watch that two tasks fail, and that one error comes: that of the first of them in the order of
//! the items, here not the first in time. All other tasks are done nevertheless, and so is the next
//! call: a failure is one task's.

// ANCHOR: program
use std::thread;
use std::time::Duration;

use multiproc::{Executor, Pool, Result};

// ANCHOR: task
fn root(number: i32) -> f64 {
    // The task for -4 is slower than the others.
    thread::sleep(Duration::from_millis(if number == -4 { 200 } else { 50 }));
    assert!(number >= 0, "{number} has no real root");
    println!("task: the root of {number} is {:.3}", f64::from(number).sqrt());
    f64::from(number).sqrt()
}
// ANCHOR_END: task

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;

    // ANCHOR: both_callbacks
    for numbers in [[1, -4, 9, -16, 25], [1, 4, 9, 16, 25]] {
        let roots = pool
            .map_async(root, numbers)
            .callback(|roots| println!("callback: {roots:?}"))
            .error_callback(|error| println!("error callback: {error}"));
        roots.wait();
        println!("main: did all go well? {}\n", roots.successful()?);
    }
    // ANCHOR_END: both_callbacks

    let stats = pool.statistics();
    println!("main: {} tasks done, {} failed, {} workers lost", stats.completed, stats.failed, stats.workers_lost);
    Ok(())
}
// ANCHOR_END: program
