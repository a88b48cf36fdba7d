//! How long a user looks at an empty screen: the time to the first result, to half of them and to
//! the last, for `map`, `imap` and `imap_unordered`. They run the same twelve tasks on the same
//! four workers; the third task is slow.
//!
//! Watch the columns from the right. The last result comes at the same time in all three: no call
//! makes the work less. With `map` there is nothing until then. With `imap` the first results are
//! early, and the others wait for the slow task. With `imap_unordered` nothing waits for anything.

// ANCHOR: program
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Executor, Pool, Result};

fn nap(milliseconds: u64) -> u64 {
    thread::sleep(Duration::from_millis(milliseconds));
    milliseconds
}

// ANCHOR: measure
/// Takes all results, and prints when the first, half of them and the last were there.
fn measure(call: &str, start: Instant, results: impl IntoIterator<Item = Result<u64>>) -> Result<()> {
    let mut times = Vec::new();
    for result in results {
        result?;
        times.push(start.elapsed().as_secs_f64());
    }
    let last = times.len() - 1;
    println!("{call:<14}  {:>6.2} s  {:>6.2} s  {:>6.2} s", times[0], times[last / 2], times[last]);
    Ok(())
}
// ANCHOR_END: measure

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(4)?;
    let naps = [150, 50, 450, 50, 100, 100, 50, 150, 100, 50, 150, 50];

    println!("{:<14}  {:>8}  {:>8}  {:>8}", "", "first", "half", "last");
    // ANCHOR: calls
    let start = Instant::now();
    measure("map", start, pool.map(nap, naps)?.into_iter().map(Ok))?;
    let start = Instant::now();
    measure("imap", start, pool.imap(nap, naps))?;
    let start = Instant::now();
    measure("imap_unordered", start, pool.imap_unordered(nap, naps))?;
    // ANCHOR_END: calls
    Ok(())
}
// ANCHOR_END: program
