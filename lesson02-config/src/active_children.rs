//! Which processes are there? `active_children` returns those that this one has started and that
//! still live, of every pool.
//!
//! Watch the count: it follows the pool as it grows, loses a worker, and ends. What `workers`
//! returns is the pool's own view; this is the view from outside, and it is how you check that a
//! program leaves no process behind.

// ANCHOR: program
use std::time::Duration;
use std::{process, thread};

use multiproc::{Executor, Pool, Process, Result, active_children};

/// Waits until the pool has so many workers: a process that is asked for is there a moment later.
fn wait_for(pool: &Pool, workers: usize) {
    while pool.workers().len() != workers {
        thread::sleep(Duration::from_millis(1));
    }
}

// ANCHOR: say
fn say(when: &str) {
    let names: Vec<String> = active_children().into_iter().map(|child| child.name).collect();
    println!("{when:<16} {} {names:?}", names.len());
}
// ANCHOR_END: say

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    say("before the pool");

    let pool = Pool::builder().processes(2).name("pool").build()?;
    say("a pool of 2");
    pool.resize(3)?;
    say("a pool of 3");

    let nap = Process::new(|| thread::sleep(Duration::from_millis(100)), ()).name("nap").start()?;
    say("and a process");
    nap.join()?;
    say("which has ended");

    // A worker that ends in a task is lost, and another takes its place, with a number of its own.
    let lost = pool.apply(|| process::exit(1), ());
    println!("{}", lost.map(|()| "not lost").unwrap_err());
    wait_for(&pool, 3);
    say("and replaced");

    drop(pool);
    say("after the pool");
    Ok(())
}
// ANCHOR_END: program
