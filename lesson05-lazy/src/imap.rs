//! Results one by one: `imap` is an iterator, and gives each result as soon as it and all before it
//! are there. The loop over it runs in the parent, while the workers go on.
//!
//! Watch the order. Tasks report when they are done. Task 0 is slow: the results of the tasks 1, 2
//! and 3, which are done before it, wait for it, and then come all at once. The result of task 5
//! waits for task 4.

// ANCHOR: program
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Executor, Pool};

// ANCHOR: task
/// A task that waits: for a network, or a disk. It returns its own number.
fn nap((task, tenths): (u32, u64)) -> u32 {
    thread::sleep(Duration::from_millis(100 * tenths));
    println!("    worker: task {task} is done");
    task
}
// ANCHOR_END: task

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(3)?;
    let naps = [(0, 5), (1, 1), (2, 3), (3, 1), (4, 6), (5, 1)];

    // ANCHOR: consume
    let start = Instant::now();
    for result in pool.imap(nap, naps) {
        println!("parent: result {} after {:.1?}", result?, start.elapsed());
    }
    // ANCHOR_END: consume
    Ok(())
}
// ANCHOR_END: program
