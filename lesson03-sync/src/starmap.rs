//! Several arguments a task: `starmap` takes tuples, and spreads each over the function's
//! parameters.
//!
//! Watch the types: an item is `(u32, u32, u32)`, the function has three parameters of `u32`. The
//! compiler sees to it that they agree; a fourth number, or a text among them, does not compile.

// ANCHOR: program
use multiproc::{Executor, Pool};

// ANCHOR: task
fn sum(a: u32, b: u32, c: u32) -> u32 {
    println!("{a} + {b} + {c} = {}", a + b + c);
    a + b + c
}
// ANCHOR_END: task

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;
    // ANCHOR: starmap
    let rows = (1..=6).map(|i| (i, 2 * i, 3 * i));
    println!("{:?}", pool.starmap(sum, rows)?);
    // ANCHOR_END: starmap
    Ok(())
}
// ANCHOR_END: program
