//! Every way of this lesson, measured side by side: one table and one picture.
//!
//! In a project of your own, bring the two `is_prime`, `split::primes` and `chart` along, and put a
//! list of yours in place of `numbers()`.

// ANCHOR: program
use std::time::{Duration, Instant};

use multiproc::{Executor, Pool, Result};
use rayon::prelude::*;

use crate::chart::{self, Row};
use crate::is_prime::is_prime;
use crate::numbers::numbers;
use crate::{miller_rabin, split};

/// A variant is measured this often, if its first run is short enough.
const ROUNDS: usize = 5;
const SHORT: Duration = Duration::from_secs(1);

// ANCHOR: measure
/// The answers of the last run, and the median time of all.
fn measure(variant: &dyn Fn() -> Result<Vec<bool>>) -> Result<(Vec<bool>, Duration)> {
    let mut times = Vec::new();
    loop {
        let start = Instant::now();
        let answers = variant()?;
        times.push(start.elapsed());
        if times.len() == ROUNDS || times[0] > SHORT {
            times.sort();
            return Ok((answers, times[times.len() / 2]));
        }
    }
}
// ANCHOR_END: measure

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::new()?;
    let numbers = numbers();

    let sequential = || Ok(numbers.iter().map(|&n| is_prime(n)).collect());
    let map = || pool.map(is_prime, numbers.clone());
    let chunksize = || pool.with_chunksize(4).map(is_prime, numbers.clone());
    let imap = || pool.imap(is_prime, numbers.clone()).collect();
    let unordered = || {
        let mut answers = vec![false; numbers.len()];
        let task = |(place, n): (usize, u64)| (place, is_prime(n));
        for answer in pool.imap_unordered(task, numbers.iter().copied().enumerate()) {
            let (place, prime) = answer?;
            answers[place] = prime;
        }
        Ok(answers)
    };
    let threads = || Ok(numbers.par_iter().map(|n| is_prime(*n)).collect());
    let split = || split::primes(&pool, &numbers);
    let miller_rabin = || Ok(numbers.iter().map(|&n| miller_rabin::is_prime(n)).collect());
    let variants: [(_, &dyn Fn() -> Result<Vec<bool>>); 8] = [
        ("sequential", &sequential),
        ("map", &map),
        ("chunks of 4", &chunksize),
        ("imap", &imap),
        ("unordered", &unordered),
        ("threads", &threads),
        ("split", &split),
        ("miller_rabin", &miller_rabin),
    ];

    let mut rows: Vec<Row> = Vec::new();
    let mut expected = None;
    println!("variant        median time   speed-up");
    for (variant, run) in variants {
        let (answers, median) = measure(run)?;
        assert_eq!(&answers, expected.get_or_insert_with(|| answers.clone()), "{variant} disagrees");
        let base = rows.first().map_or(median, |first| first.median);
        let speed_up = base.as_secs_f64() / median.as_secs_f64();
        let row = Row { variant, median, speed_up };
        println!("{variant:<12}  {:>9.3} ms  {:>9}", row.milliseconds(), row.speed_up());
        rows.push(row);
    }

    let path = chart::draw(&rows)?;
    println!("the picture: {}", path.display());
    Ok(())
}
// ANCHOR_END: program
