//! The eight sums again, in eight processes. Processes share no memory, so the list lives in a
//! process of its own, the manager, and the children push their sums there.
//!
//! Watch the times. What processes cost more than threads is their start and the way to the
//! manager: a few milliseconds in all. What they buy is that one which crashes does not take the
//! others along.

// ANCHOR: program
use std::thread;
use std::time::Instant;

use multiproc::{ListProxy, Manager, Process, Result};

const NUMBERS: usize = 1_000_000;

fn sum() -> u64 {
    (0..NUMBERS).map(|_| fastrand::u64(1..=100)).sum()
}

// ANCHOR: push
fn push_sum(list: ListProxy<u64>) {
    list.push(sum()).expect("the manager takes it");
}
// ANCHOR_END: push

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();

    let start = Instant::now();
    let threads: Vec<_> = (0..8).map(|_| thread::spawn(sum)).collect();
    let sums: Vec<u64> = threads.into_iter().map(|thread| thread.join().expect("a sum does not panic")).collect();
    println!("8 threads,   {:>7.1?}: {sums:?}", start.elapsed());

    let start = Instant::now();
    // ANCHOR: manager
    let manager = Manager::new()?;
    let list = manager.list::<u64>()?;
    let mut children = Vec::new();
    for _ in 0..8 {
        children.push(Process::new(push_sum, (list.clone(),)).start()?);
    }
    for child in children {
        child.join()?;
    }
    println!("8 processes, {:>7.1?}: {:?}", start.elapsed(), list.to_vec()?);
    // ANCHOR_END: manager
    Ok(())
}
// ANCHOR_END: program
