//! A callback of a map: it is called once, with all values, when the last of them is there.
//!
//! Watch that no callback comes between the tasks' reports, and that its values are in the order of
//! the items. To have each value as soon as it is there, use `imap_unordered` of lesson 5, or give
//! each task a callback of its own.
//!
//! `close` and `join` end a pool gracefully: all tasks are done, and all callbacks have run.

// ANCHOR: program
use std::thread;
use std::time::Duration;

use multiproc::{Executor, Pool};

fn nap(tenths: u64) -> u64 {
    thread::sleep(Duration::from_millis(100 * tenths));
    println!("task: I slept for 0.{tenths} s");
    tenths
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;

    // ANCHOR: callback
    let naps = pool.map_async(nap, [4, 1, 2, 3]).callback(|naps| {
        println!("callback: {naps:?} tenths of a second, {} in all", naps.iter().sum::<u64>());
    });
    // The result is not taken: the callback has it.
    drop(naps);

    pool.close();
    pool.join()?;
    println!("main: all is done");
    // ANCHOR_END: callback
    Ok(())
}
// ANCHOR_END: program
