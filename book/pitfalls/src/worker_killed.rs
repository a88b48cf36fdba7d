//! A worker is killed in the middle of a task, as the kernel does when memory runs out.
//!
//! Watch for what is lost: one task, and its error names the worker and the signal. The others go
//! on, in a new worker if need be. Elsewhere the caller would wait for the result of the third task
//! for ever.

// ANCHOR: program
use std::thread;
use std::time::Duration;

use multiproc::{Executor, Pool};
use nix::sys::signal::{Signal, raise};

// ANCHOR: task
fn half(n: u32) -> u32 {
    thread::sleep(Duration::from_millis(100)); // half-way through its work
    if n == 6 {
        raise(Signal::SIGKILL).expect("a process may kill itself");
    }
    n / 2
}
// ANCHOR_END: task

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;
    let numbers = [2, 4, 6, 8, 10];
    for (n, result) in numbers.iter().zip(pool.imap(half, numbers)) {
        match result {
            Ok(half) => println!("half of {n} is {half}"),
            Err(error) => println!("half of {n}: {error}"),
        }
    }
    println!("{} workers, {} lost", pool.processes(), pool.statistics().workers_lost);
    Ok(())
}
// ANCHOR_END: program
