//! A better algorithm beats more processes: the Miller–Rabin test needs some hundred
//! multiplications where trial division needs millions of divisions.
//!
//! In a project of your own, put a list of yours in place of `numbers()`.

// ANCHOR: program
use std::time::Instant;

use crate::numbers::numbers;

/// With these bases the test errs for no number below 318,665,857,834,031,151,167,461, and so for
/// no u64 (Sorenson and Webster, "Strong pseudoprimes to twelve prime bases", 2015).
const BASES: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];

/// `a * b` modulo `n`.
fn multiply(a: u64, b: u64, n: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(n)) as u64
}

/// `base` to the power of `exponent`, modulo `n`, by repeated squaring.
fn power(mut base: u64, mut exponent: u64, n: u64) -> u64 {
    let mut result = 1;
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = multiply(result, base, n);
        }
        base = multiply(base, base, n);
        exponent /= 2;
    }
    result
}

// ANCHOR: task
/// Whether `n` is prime, for every u64.
pub fn is_prime(n: u64) -> bool {
    if n < 2 {
        return false;
    }
    if let Some(base) = BASES.into_iter().find(|base| n.is_multiple_of(*base)) {
        return n == base;
    }
    // If n is prime, the only roots of 1 modulo n are 1 and n - 1. So take base^(n - 1), which is 1
    // for a prime, and look at its roots: n - 1 is odd * 2^twos.
    let twos = (n - 1).trailing_zeros();
    let odd = (n - 1) >> twos;
    BASES.into_iter().all(|base| {
        let first = power(base, odd, n);
        let mut squares = (0..twos).scan(first, |x, _| {
            let root = *x;
            *x = multiply(root, root, n);
            Some(root)
        });
        first == 1 || squares.any(|x| x == n - 1)
    })
}
// ANCHOR_END: task

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    let numbers = numbers();
    let start = Instant::now();
    let answers: Vec<bool> = numbers.iter().map(|&n| is_prime(n)).collect();
    let elapsed = start.elapsed();

    for (n, prime) in numbers.iter().zip(answers) {
        println!("{n} is {}", if prime { "prime" } else { "not prime" });
    }
    println!("{} numbers in one process: {elapsed:.1?}", numbers.len());
    Ok(())
}
// ANCHOR_END: program
