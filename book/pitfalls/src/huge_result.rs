//! Results travel: they are encoded, copied to the parent, and decoded. A large one takes longer
//! than the work.
//!
//! Watch for the three times. The parent needs a sum, so the sum is all that has to travel. If it
//! needs everything, the workers can write it where it is to be: into memory that all of them
//! share.

// ANCHOR: program
use std::time::Instant;

use multiproc::{Executor, Pool, Result, SharedSlice};

const TASKS: u64 = 8;
const VALUES: u64 = 1_000_000;

fn values(task: u64) -> impl Iterator<Item = u64> {
    (task * VALUES..(task + 1) * VALUES).map(|n| n ^ (n >> 3))
}

// ANCHOR: tasks
fn all(task: u64) -> Vec<u64> {
    values(task).collect()
}

fn sum(task: u64) -> u64 {
    values(task).sum()
}

fn into_shared(slice: SharedSlice<u64>, task: u64) {
    let place = (task * VALUES) as usize..((task + 1) * VALUES) as usize;
    let mut part = slice.write(place).expect("no other process writes here");
    part.iter_mut().zip(values(task)).for_each(|(place, value)| *place = value);
}
// ANCHOR_END: tasks

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;
    let expected: u64 = (0..TASKS).map(sum).sum();
    let tell = |what: &str, start: Instant, sum: u64| {
        assert_eq!(sum, expected);
        println!("{what:<22} {:>6.1} ms", start.elapsed().as_secs_f64() * 1e3);
    };

    let start = Instant::now();
    let vectors = pool.with_chunksize(1).map(all, 0..TASKS)?;
    tell("8 million values:", start, vectors.iter().flatten().sum());

    let start = Instant::now();
    let slice = SharedSlice::new((TASKS * VALUES) as usize)?;
    pool.with_chunksize(1).starmap(into_shared, (0..TASKS).map(|task| (slice.clone(), task)))?;
    tell("into shared memory:", start, slice.read(..)?.iter().sum());

    let start = Instant::now();
    let sums = pool.with_chunksize(1).map(sum, 0..TASKS)?;
    tell("8 sums:", start, sums.iter().sum());
    Ok(())
}
// ANCHOR_END: program
