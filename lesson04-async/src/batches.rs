//! Batches in the calls that do not wait: `with_chunksize` comes before any call that takes many
//! items.
//!
//! Watch the groups: ten tasks in chunks of four, each of which is run by one worker. And watch the
//! dots. Each task prints its own when it is done, without the end of a line; so it flushes, or the
//! dots would stay in the workers' buffers.

// ANCHOR: program
use std::io::{self, Write};
use std::time::Duration;
use std::{process, thread};

use multiproc::{Executor, Pool, Result};

// ANCHOR: flush
/// Returns the product, and who computed it.
fn multiply(a: u64, b: u64) -> (u64, u32) {
    thread::sleep(Duration::from_millis(20));
    print!(".");
    io::stdout().flush().expect("standard output is open");
    (a * b, process::id())
}
// ANCHOR_END: flush

fn square(n: u64) -> (u64, u32) {
    multiply(n, n)
}

/// Prints the name of a call and waits for its results, behind whose dots it prints them.
fn show(call: &str, results: impl FnOnce() -> Result<Vec<(u64, u32)>>) -> Result<()> {
    print!("{call:<14} ");
    io::stdout().flush()?;
    let results = results()?;
    let groups = results.chunks(4).map(|chunk| {
        let is_one = chunk.iter().all(|(_, pid)| *pid == chunk[0].1);
        let products: Vec<_> = chunk.iter().map(|(product, _)| product).collect();
        format!(" {products:?}{}", if is_one { "" } else { ", by several workers" })
    });
    println!("{}", groups.collect::<String>());
    Ok(())
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;
    // ANCHOR: calls
    let pairs = || (1..=10).map(|n| (n, n + 1));
    let in_fours = pool.with_chunksize(4);
    show("starmap", || in_fours.starmap(multiply, pairs()))?;
    show("map_async", || in_fours.map_async(square, 1..=10).get())?;
    show("starmap_async", || in_fours.starmap_async(multiply, pairs()).get())
    // ANCHOR_END: calls
}
// ANCHOR_END: program
