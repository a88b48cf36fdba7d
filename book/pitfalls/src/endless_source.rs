//! A source that never ends: all whole numbers. `map` needs all items before it begins, so it
//! refuses this one with an error.
//!
//! Watch for how many numbers are taken for the first five results: those five, and at most the
//! window ahead of them, because `imap` takes more only when results are fetched.

// ANCHOR: program
use std::cell::Cell;

use multiproc::{Executor, Pool, Result};

fn square(n: u64) -> u64 {
    n * n
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;
    let taken = Cell::new(0);
    // ANCHOR: imap
    let source = (0..).inspect(|_| taken.set(taken.get() + 1));
    let squares = pool.with_window(8).imap(square, source).take(5).collect::<Result<Vec<_>>>()?;
    // ANCHOR_END: imap
    println!("{squares:?}");
    println!("at most 13 numbers were taken: {}", taken.get() <= 13);
    Ok(())
}
// ANCHOR_END: program
