//! Eight threads, each with a sum of a million random numbers, and the time that takes. A channel
//! collects the sums.
//!
//! Watch how little there is to it: threads share their memory, so a sum is not copied, let alone
//! encoded. The next example does the same with processes.

// ANCHOR: program
use std::thread;
use std::time::Instant;

use crossbeam::channel;

const NUMBERS: usize = 1_000_000;

fn sum() -> u64 {
    (0..NUMBERS).map(|_| fastrand::u64(1..=100)).sum()
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    let start = Instant::now();
    // ANCHOR: threads
    let (sender, receiver) = channel::unbounded();
    for _ in 0..8 {
        let sender = sender.clone();
        thread::spawn(move || sender.send(sum()).expect("the receiver is there"));
    }
    // The loop over the receiver ends when the last sender is gone, and this is one of them.
    drop(sender);
    let sums: Vec<u64> = receiver.iter().collect();
    // ANCHOR_END: threads
    let elapsed = start.elapsed();

    println!("{sums:?}");
    println!("8 sums of {NUMBERS} numbers from 1 to 100, in 8 threads: {elapsed:.1?}");
    Ok(())
}
// ANCHOR_END: program
