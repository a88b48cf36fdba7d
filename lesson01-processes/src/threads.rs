//! Eight threads, each with a sum of a million random numbers, and the time that takes.
//!
//! Watch how little there is to it: threads share their memory, so a result is simply there. The
//! next example does the same with processes.

// ANCHOR: program
use std::thread;
use std::time::Instant;

const NUMBERS: usize = 1_000_000;

fn sum() -> u64 {
    (0..NUMBERS).map(|_| fastrand::u64(1..=100)).sum()
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    let start = Instant::now();
    // ANCHOR: threads
    let threads: Vec<_> = (0..8).map(|_| thread::spawn(sum)).collect();
    let sums: Vec<u64> = threads.into_iter().map(|thread| thread.join().expect("a sum does not panic")).collect();
    // ANCHOR_END: threads
    let elapsed = start.elapsed();

    println!("{sums:?}");
    println!("8 sums of {NUMBERS} numbers from 1 to 100, in 8 threads: {elapsed:.1?}");
    Ok(())
}
// ANCHOR_END: program
