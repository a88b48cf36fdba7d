//! An initializer runs once in each worker, before the worker's first task: a place to set up what
//! all of them use.
//!
//! Watch how often it runs: two workers, four tasks, and two lines of it. What it sets up here
//! takes a third of a second to make. Every task that made it anew would take as long again.

// ANCHOR: program
use std::process;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use multiproc::{Executor, Pool};

// ANCHOR: set_up
/// What the tasks use. Each process has its own; in the parent, which runs no initializer, it stays
/// empty.
static SQUARES: OnceLock<Vec<u64>> = OnceLock::new();

fn set_up() {
    println!("worker {}: I set up a table", process::id());
    thread::sleep(Duration::from_millis(300)); // a large table
    SQUARES.get_or_init(|| (0..100).map(|n| n * n).collect());
}
// ANCHOR_END: set_up

fn look_up(n: usize) -> u64 {
    println!("worker {}: I look {n} up", process::id());
    thread::sleep(Duration::from_millis(300)); // a thorough look
    SQUARES.get().expect("the initializer has run")[n]
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    // ANCHOR: build
    let pool = Pool::builder().processes(2).initializer(set_up, ()).build()?;
    println!("{:?}", pool.map(look_up, [2, 3, 5, 7])?);
    // ANCHOR_END: build
    println!("and in the parent, there is {:?}", SQUARES.get());
    Ok(())
}
// ANCHOR_END: program
