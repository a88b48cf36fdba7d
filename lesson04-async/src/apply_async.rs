//! One task, without waiting for it: `apply_async` sends the task off and returns at once. What it
//! returns, an `AsyncResult`, stands for the result that will be there later; `get` waits for it.
//!
//! Watch the times. The call takes far less than the task. The program works meanwhile, as the
//! worker does, and at the end waits only for what the worker has still to do.

// ANCHOR: program
use std::time::Instant;

use multiproc::{Executor, Pool};

// ANCHOR: task
fn count_primes(from: u32, below: u32) -> usize {
    (from..below).filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count()
}
// ANCHOR_END: task

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(1)?;

    // ANCHOR: send_and_go_on
    let start = Instant::now();
    let theirs = pool.apply_async(count_primes, (2, 300_000));
    println!("after {:.1?}: the task is sent", start.elapsed());

    let ours = count_primes(300_000, 450_000);
    println!("after {:.1?}: {ours} primes from 300000 to 450000, says the parent", start.elapsed());

    let theirs = theirs.get()?;
    println!("after {:.1?}: {theirs} primes below 300000, says the worker", start.elapsed());
    // ANCHOR_END: send_and_go_on
    println!("{} primes below 450000", theirs + ours);
    Ok(())
}
// ANCHOR_END: program
