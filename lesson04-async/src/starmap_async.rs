//! Two calls under way at a time: `starmap_async` spreads tuples over the function's parameters,
//! and returns before any of the tasks is done. So a second call can follow at once, and both share
//! the workers of one pool.
//!
//! Watch the second line: neither call is done when both are sent. While the workers add number
//! after number, the parent works the same two sums out by formula.

// ANCHOR: program
use multiproc::{Executor, Pool};

const END: u128 = 10_000_000;
const PARTS: u128 = 8;

// ANCHOR: task
/// The sum of the numbers from `from` up to `below`, each raised to `power`.
fn sum_powers(from: u128, below: u128, power: u32) -> u128 {
    (from..below).map(|n| n.pow(power)).sum()
}

/// The arguments of as many tasks as there are parts: together they are the sum of all numbers
/// below `END`.
fn parts(power: u32) -> impl Iterator<Item = (u128, u128, u32)> {
    (0..PARTS).map(move |part| (part * END / PARTS, (part + 1) * END / PARTS, power))
}
// ANCHOR_END: task

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(4)?;

    // ANCHOR: two_calls
    let numbers = pool.starmap_async(sum_powers, parts(1));
    let squares = pool.starmap_async(sum_powers, parts(2));
    println!("{} tasks are sent in two calls; done: {}, {}", 2 * PARTS, numbers.ready(), squares.ready());

    let last = END - 1;
    let by_formula = (last * END / 2, last * END / 2 * (2 * last + 1) / 3);
    println!("by formula:  {by_formula:?}");

    let by_loops: (u128, u128) = (numbers.get()?.iter().sum(), squares.get()?.iter().sum());
    println!("by 16 tasks: {by_loops:?}");
    // ANCHOR_END: two_calls
    Ok(())
}
// ANCHOR_END: program
