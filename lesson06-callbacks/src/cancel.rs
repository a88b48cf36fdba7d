//! Stop one task that runs, and no other. `cancel` ends the worker process that runs it, and the
//! pool starts a new one. (A thread cannot be ended from outside, and Python's pools end no task
//! either.)
//!
//! Watch the pids. The endless task is gone, and its worker with it; the other worker goes
//! on, and finishes its task. In the place of the one that was ended there is a new one.

// ANCHOR: program
use std::hint;
use std::process;
use std::thread;
use std::time::Duration;

use multiproc::{Event, Executor, Pool, Result};

// ANCHOR: tasks
fn run_on(begun: Event) {
    println!("endless task: I begin, in process {}", process::id());
    begun.set();
    loop {
        hint::spin_loop();
    }
}

fn nap() -> u32 {
    thread::sleep(Duration::from_millis(600));
    println!("short task: I am done, in process {}", process::id());
    process::id()
}
// ANCHOR_END: tasks

fn pids(pool: &Pool) -> Vec<u32> {
    pool.workers().iter().map(|worker| worker.pid).collect()
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;
    println!("main: the workers are {:?}", pids(&pool));

    // ANCHOR: cancel
    let begun = Event::new()?;
    let endless = pool.apply_async(run_on, (begun.clone(),));
    let short = pool.apply_async(nap, ());
    begun.wait();
    // The program does not wait for long.
    thread::sleep(Duration::from_millis(200));

    println!("main: I cancel the endless task, which runs: {}", endless.cancel());
    println!("main: its result: {}", endless.get().unwrap_err());
    short.wait();
    println!("main: I cancel the short task, which has ended: {}", short.cancel());
    println!("main: its result: {}", short.get()?);
    println!("main: the workers are {:?}", pids(&pool));
    // ANCHOR_END: cancel
    Ok(())
}
// ANCHOR_END: program
