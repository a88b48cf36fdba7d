//! Answers as they come: `imap` hands out each as soon as it and all before it are there.
//!
//! In a project of your own, bring `is_prime` from `is_prime.rs`, and put a list of yours in place
//! of `numbers()`.

// ANCHOR: program
use indicatif::ProgressBar;
use multiproc::{Executor, Pool};

use crate::is_prime::is_prime;
use crate::numbers::numbers;

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::new()?;
    let numbers = numbers();

    // The bar goes to standard error, and only if that is a terminal.
    let bar = ProgressBar::new(numbers.len() as u64);
    // ANCHOR: imap
    for (n, prime) in numbers.iter().zip(pool.imap(is_prime, numbers.clone())) {
        if prime? {
            bar.suspend(|| println!("{n} is prime"));
        }
        bar.inc(1);
    }
    // ANCHOR_END: imap
    bar.finish_and_clear();
    Ok(())
}
// ANCHOR_END: program
