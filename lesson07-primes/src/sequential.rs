//! The numbers one after the other, in one process: the time that all other examples have to beat.
//!
//! In a project of your own, bring `is_prime` from `is_prime.rs`, and put a list of yours in place
//! of `numbers()`.

// ANCHOR: program
use std::time::Instant;

use crate::is_prime::is_prime;
use crate::numbers::numbers;

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    let start = Instant::now();
    for n in numbers() {
        let start = Instant::now();
        let answer = if is_prime(n) { "prime" } else { "not prime" };
        println!("{:>8.3} ms  {n} is {answer}", start.elapsed().as_secs_f64() * 1e3);
    }
    println!("{:>8.3} ms  in all", start.elapsed().as_secs_f64() * 1e3);
    Ok(())
}
// ANCHOR_END: program
