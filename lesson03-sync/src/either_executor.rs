//! The same program on threads and on processes: one name changed.
//!
//! Watch that the results are the same, and the pids are not. A `ThreadPool` has the calls of a
//! `Pool`, so the two parts of `main` differ in the line that builds the pool, and in no other.
//! What both can do is the trait `Executor`: a function that takes any executor, as `report` does,
//! leaves the choice to its caller.
//!
//! How to choose? Threads start faster, and tasks cost less to send. Processes survive a task that
//! crashes, can be killed when one takes too long, and share no state by accident.

// ANCHOR: program
use std::collections::BTreeSet;
use std::process;

use multiproc::{Executor, Pool, Result, ThreadPool};

/// Returns the number of steps from `n` to 1: an even number is halved, an odd one becomes three
/// times itself plus one.
fn steps(mut n: u64) -> u32 {
    let mut steps = 0;
    while n != 1 {
        n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
        steps += 1;
    }
    steps
}

fn pid(_task: u32) -> u32 {
    process::id()
}

// ANCHOR: executor
fn report(executor: &impl Executor) -> Result<()> {
    let one = executor.submit(steps, (837_799,));
    let all = executor.map(steps, 1..=10_000)?;
    println!("837799 takes {} steps, the numbers up to 10000 take {} at most", one.get()?, all.iter().max().unwrap());
    Ok(())
}
// ANCHOR_END: executor

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    println!("I am {}", process::id());

    // ANCHOR: threads
    let pool = ThreadPool::with_processes(4)?;
    println!("{pool:?}");
    println!("{:?}", pool.map(steps, 1..=10)?);
    println!("pids: {:?}", BTreeSet::from_iter(pool.map(pid, 1..=100)?));
    report(&pool)?;
    // ANCHOR_END: threads
    println!();

    // ANCHOR: processes
    let pool = Pool::with_processes(4)?;
    println!("{pool:?}");
    println!("{:?}", pool.map(steps, 1..=10)?);
    println!("pids: {:?}", BTreeSet::from_iter(pool.map(pid, 1..=100)?));
    report(&pool)?;
    // ANCHOR_END: processes
    Ok(())
}
// ANCHOR_END: program
