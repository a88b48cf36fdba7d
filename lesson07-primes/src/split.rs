//! One number takes more than half of the time, so no way of dealing out whole numbers can do
//! better than that. Here the search for divisors is cut into pieces, and all workers help with the
//! same number.
//!
//! In a project of your own, bring `is_prime` from `is_prime.rs`, and put a list of yours in place
//! of `numbers()`.

// ANCHOR: program
use std::cell::Cell;
use std::cmp::Reverse;
use std::time::Instant;

use multiproc::{Executor, Pool, Result};

use crate::is_prime::is_prime;
use crate::numbers::numbers;

/// Pieces for each worker. More would cost more to hand out, with fewer a worker would wait longer
/// for the last one.
const PIECES: u64 = 24;

/// Whether one of the odd numbers from `first` to `last` divides `n`.
fn has_divisor(n: u64, first: u64, last: u64) -> bool {
    (first..=last).step_by(2).any(|d| n.is_multiple_of(d))
}

/// Whether each of the numbers is prime.
pub fn primes(pool: &Pool, numbers: &[u64]) -> Result<Vec<bool>> {
    // Even numbers are settled at once; the others are prime until a divisor is found.
    let prime: Vec<_> = numbers.iter().map(|&n| Cell::new(n == 2 || n > 2 && !n.is_multiple_of(2))).collect();
    // Largest first: at the end, when workers run out of pieces, only the small ones are left to
    // wait for.
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by_key(|&i| Reverse(numbers[i]));

    // All pieces have the same number of divisors to try. The most is what takes some 10 ms: that
    // much is in vain when another piece of the number turns up a divisor.
    let divisors: u64 = numbers.iter().map(|n| n.isqrt() / 2).sum();
    let piece = (divisors / (PIECES * pool.processes() as u64)).clamp(1 << 14, 1 << 22);

    // ANCHOR: pieces
    // The pool takes pieces as workers become free, so a number that has a divisor gets no more of
    // them.
    let pieces = order.into_iter().flat_map(|i| {
        let (n, root, prime) = (numbers[i], numbers[i].isqrt(), &prime[i]);
        (3..=root)
            .step_by(2 * piece as usize)
            .take_while(|_| prime.get())
            .map(move |first| (i, n, first, root.min(first + 2 * (piece - 1))))
    });
    // ANCHOR_END: pieces
    let search = |(i, n, first, last): (usize, u64, u64, u64)| (i, has_divisor(n, first, last));
    for answer in pool.with_window(2 * pool.processes()).imap_unordered(search, pieces) {
        let (i, found) = answer?;
        if found {
            prime[i].set(false);
        }
    }
    Ok(prime.into_iter().map(Cell::into_inner).collect())
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::new()?;
    let numbers = numbers();

    let start = Instant::now();
    let one_by_one: Vec<bool> = numbers.iter().map(|&n| is_prime(n)).collect();
    let sequential = start.elapsed();

    let start = Instant::now();
    let answers = primes(&pool, &numbers)?;
    let split = start.elapsed();

    assert_eq!(answers, one_by_one);
    for (n, prime) in numbers.iter().zip(answers) {
        println!("{n} is {}", if prime { "prime" } else { "not prime" });
    }
    println!(
        "one by one {sequential:.1?}, split over {} workers {split:.1?}: {:.2} times as fast",
        pool.processes(),
        sequential.as_secs_f64() / split.as_secs_f64()
    );
    Ok(())
}
// ANCHOR_END: program
