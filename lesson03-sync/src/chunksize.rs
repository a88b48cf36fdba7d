//! Tasks in batches: a chunk of items travels to a worker together, and its results travel back
//! together.
//!
//! Watch first who doubles which numbers: five and five. Then watch the table, in a release build:
//! a tiny task takes far less time than the trip, so alone each pays for it, and a hundred share
//! it. But all items in one chunk are all on one worker. Without `with_chunksize`, `map` makes four
//! chunks for each worker, and of a long list more.

// ANCHOR: program
use std::process;
use std::time::Instant;

use multiproc::{Executor, Pool, Result};

/// Every size is measured this often, and the shortest time counts: what is above it, other
/// programs have caused.
const ROUNDS: usize = 5;

fn double(n: u64) -> (u32, u64) {
    (process::id(), 2 * n)
}

fn tiny(n: u64) -> u64 {
    n % 7
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;

    // ANCHOR: batches
    let results = pool.with_chunksize(5).map(double, 1..=10)?;
    // ANCHOR_END: batches
    for run in results.chunk_by(|(a, _), (b, _)| a == b) {
        let doubled: Vec<u64> = run.iter().map(|(_, doubled)| *doubled).collect();
        println!("worker {}: {doubled:?}", run[0].0);
    }

    println!("\nchunk size  chunks  10,000 tiny tasks");
    for size in [1, 10, 100, 1000, 10_000] {
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            pool.with_chunksize(size).map(tiny, 0..10_000)?;
            best = best.min(start.elapsed().as_secs_f64() * 1e3);
        }
        println!("{size:>10}  {:>6}  {best:>14.2} ms", 10_000_usize.div_ceil(size));
    }
    Ok(())
}
// ANCHOR_END: program
