//! How many workers? As many as there are CPUs, for tasks that compute: more of them only take
//! turns.
//!
//! Watch the times of the table, in a release build (`cargo run --release`). A physical core with
//! two logical CPUs runs two programs at a time, but does not do the work of two cores; try both
//! numbers on your own tasks. If the program itself computes while the workers do, it wants a CPU
//! too: give the pool one worker fewer.

// ANCHOR: program
use std::hint::black_box;
use std::time::{Duration, Instant};

use multiproc::{Executor, Pool, Result};

/// How often each time is measured. The shortest counts: what is above it, other programs have
/// caused.
const ROUNDS: usize = 3;

/// Counts the primes below `limit`, by trial division.
fn count_primes(limit: u32) -> usize {
    (2..limit).filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count()
}

/// The shortest time that some rounds of `work` take.
fn best(mut work: impl FnMut() -> Result<Duration>) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        best = best.min(work()?);
    }
    Ok(best)
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let (logical, physical) = (multiproc::cpu_count(), multiproc::physical_cpu_count());
    println!("{logical} logical CPUs, {physical} physical cores");

    let tasks = [50_000; 16];
    // ANCHOR: sizes
    for workers in [1, logical, 2 * logical] {
        let pool = Pool::with_processes(workers)?;
        let time = best(|| {
            let start = Instant::now();
            pool.map(count_primes, tasks)?;
            Ok(start.elapsed())
        })?;
        println!("a pool of {}: 16 tasks take {time:>6.1?}", pool.processes());
    }
    // ANCHOR_END: sizes

    // ANCHOR: own
    // Now the program computes as well. `map_async` does not wait; lesson 4 is about it.
    for workers in [logical, (logical - 1).max(1)] {
        let pool = Pool::with_processes(workers)?;
        let results = pool.map_async(count_primes, vec![50_000; 80 * logical]);
        let start = Instant::now();
        black_box([50_000; 50].map(count_primes));
        println!("a pool of {}: the program's own work takes {:>6.1?}", pool.processes(), start.elapsed());
        results.get()?;
    }
    // ANCHOR_END: own
    Ok(())
}
// ANCHOR_END: program
