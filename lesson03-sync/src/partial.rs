//! A function whose first argument is fixed: `partial(power, 3)` is a task that takes what is left.
//!
//! Watch that there is one function and four tasks of it, each with its own exponent. What is fixed
//! is sent once to each worker, not with every item: a large table costs no more than its first
//! trip, if the function takes it by reference, as `look_up` does.

// ANCHOR: program
use std::collections::HashMap;

use multiproc::{Executor, Pool, partial};

// ANCHOR: task
fn power(exponent: u32, base: u64) -> u64 {
    base.pow(exponent)
}
// ANCHOR_END: task

fn look_up(table: &HashMap<u32, String>, number: u32) -> Option<String> {
    table.get(&number).cloned()
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;
    // ANCHOR: fix
    for exponent in 1..=4 {
        println!("to the power of {exponent}: {:?}", pool.map(partial(power, exponent), [1, 2, 3, 4])?);
    }
    // ANCHOR_END: fix

    // ANCHOR: table
    let table: HashMap<u32, String> = (0..100_000).map(|n| (n, format!("entry {n}"))).collect();
    println!("{:?}", pool.map(partial(look_up, table), [7, 77_777, 777_777])?);
    // ANCHOR_END: table
    Ok(())
}
// ANCHOR_END: program
