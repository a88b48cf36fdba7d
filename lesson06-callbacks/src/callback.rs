//! One task, and a function that gets its value when it is there: a callback. The program need not
//! ask, or wait.
//!
//! Watch where each line comes from. The task runs in a worker process. The callback runs in the
//! parent, but on a thread of its own: it may use all that the parent has, as long as it is `Send`.
//! It should be short, because all callbacks of a pool take turns on that one thread.

// ANCHOR: program
use std::process;
use std::sync::mpsc;
use std::thread;

use multiproc::{Executor, Pool};

// ANCHOR: task
fn count_primes(below: u32) -> usize {
    println!("task:     I run in process {}", process::id());
    (2..below).filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count()
}
// ANCHOR_END: task

fn whereabouts() -> String {
    format!("process {}, thread {}", process::id(), thread::current().name().unwrap_or("without a name"))
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(1)?;
    println!("main:     I run in {}", whereabouts());

    // ANCHOR: callback
    let (sender, counts) = mpsc::channel();
    let later = pool.apply_async(count_primes, (200_000,)).callback(move |count| {
        println!("callback: I run in {}, and have got {count}", whereabouts());
        // The value is lent, for `get` may want it as well. What is to outlive the callback is
        // copied or cloned.
        sender.send(*count).expect("main waits for it");
    });
    println!("main:     I go on");

    println!("main:     the callback has sent me {}", counts.recv().expect("the callback has run"));
    // ANCHOR_END: callback
    println!("main:     `get` gives the same: {}", later.get()?);
    Ok(())
}
// ANCHOR_END: program
