//! The same tasks as in `imap`, and one name changed: `imap_unordered` gives each result as soon as
//! it is there, whichever task it is of.
//!
//! Watch that every report is followed by its result. The price is the order: if you need to
//! know which item a result belongs to, have the task return that too, as this one does.

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
    for result in pool.imap_unordered(nap, naps) {
        println!("parent: result {} after {:.1?}", result?, start.elapsed());
    }
    // ANCHOR_END: consume
    Ok(())
}
// ANCHOR_END: program
