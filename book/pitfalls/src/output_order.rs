//! Four tasks, each with a line of its own. The lines come as the tasks end, and not as they were
//! given.
//!
//! Watch for the last line: results are in order, whatever was printed when. A program that needs
//! lines in order prints them from results; one that wants them soon as well, from `imap`.

// ANCHOR: program
use std::thread;
use std::time::Duration;

use multiproc::{Executor, Pool};

fn task(n: u64) -> u64 {
    thread::sleep(Duration::from_millis(400 - 100 * n));
    println!("task {n} is done");
    n
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(4)?;
    println!("the results: {:?}", pool.map(task, 0..4)?);
    Ok(())
}
// ANCHOR_END: program
