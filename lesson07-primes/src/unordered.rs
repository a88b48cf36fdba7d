//! Answers as they finish: `imap_unordered` keeps no order, so the task returns its number along
//! with the answer.
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

    let start = Instant::now();
    // ANCHOR: unordered
    for answer in pool.imap_unordered(|n: u64| (n, is_prime(n)), numbers()) {
        let (n, prime) = answer?;
        let answer = if prime { "prime" } else { "not prime" };
        println!("{:>8.3} ms  {n} is {answer}", start.elapsed().as_secs_f64() * 1e3);
    }
    // ANCHOR_END: unordered
    Ok(())
}
// ANCHOR_END: program
