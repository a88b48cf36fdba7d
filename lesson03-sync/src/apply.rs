//! One task, and wait: `apply` has a worker call a function, and returns what the function
//! returned.
//!
//! Watch the two naps. `apply` waits for each before the next line runs, so two workers take as
//! long as one would. And watch the last task: it panics, in its worker, and here that is an error
//! like any other. The worker lives on.

// ANCHOR: program
use std::time::{Duration, Instant};
use std::{process, thread};

use multiproc::{Executor, Pool};

// ANCHOR: task
fn nap(name: String, milliseconds: u64) -> String {
    thread::sleep(Duration::from_millis(milliseconds));
    format!("{name} has slept in process {}", process::id())
}
// ANCHOR_END: task

fn parse(text: String) -> i64 {
    text.parse().expect("a whole number")
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    println!("I am process {}", process::id());
    // ANCHOR: apply
    let pool = Pool::with_processes(2)?;

    let start = Instant::now();
    println!("{}", pool.apply(nap, ("Alice".to_string(), 200))?);
    // ANCHOR_END: apply
    println!("{}", pool.apply(nap, ("Bob".to_string(), 200))?);
    println!("both naps: {:.1} s", start.elapsed().as_secs_f64());

    println!("{}", pool.apply(parse, ("42".to_string(),))?);
    // ANCHOR: error
    match pool.apply(parse, ("forty-two".to_string(),)) {
        Ok(number) => println!("{number}"),
        Err(error) => println!("error: {error}"),
    }
    // ANCHOR_END: error
    Ok(())
}
// ANCHOR_END: program
