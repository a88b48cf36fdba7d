//! All numbers at once: `map` returns when every answer is there, in the order of the numbers.
//!
//! In a project of your own, bring `is_prime` from `is_prime.rs`, and put a list of yours in place
//! of `numbers()`.

// ANCHOR: program
use std::time::Instant;

use multiproc::{Executor, Pool};

use crate::is_prime::is_prime;
use crate::numbers::numbers;

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::new()?;
    let numbers = numbers();

    // ANCHOR: map
    let start = Instant::now();
    let answers = pool.map(is_prime, numbers.clone())?;
    let elapsed = start.elapsed();
    // ANCHOR_END: map

    for (n, prime) in numbers.iter().zip(answers) {
        println!("{n} is {}", if prime { "prime" } else { "not prime" });
    }
    println!("{} numbers on {} workers: {elapsed:.1?}", numbers.len(), pool.processes());
    Ok(())
}
// ANCHOR_END: program
