//! The tests of exercise 1: the first hundred numbers.

use course::testing::exercise::attempt;

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex1_first_hundred.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex1_first_hundred.rs")]
pub mod exercise;

use exercise::{first_hundred, is_prime};

/// <https://oeis.org/A000040>
const PRIMES: [u64; 25] =
    [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97];

#[test]
fn the_primes_up_to_100_are_the_known_ones() {
    let found = attempt(|| first_hundred(2).expect("it returned an error")).value;
    let missing: Vec<_> = PRIMES.iter().filter(|prime| !found.contains(prime)).collect();
    let wrong: Vec<_> = found.iter().filter(|n| !PRIMES.contains(n)).collect();
    assert!(wrong.is_empty(), "not primes at all: {wrong:?}");
    assert!(missing.is_empty(), "primes that were not found: {missing:?}");
    assert_eq!(found, PRIMES, "each of them once, in their order");
}

#[test]
fn larger_numbers_are_told_right_as_well() {
    for (n, prime) in [(0, false), (7_919, true), (7_921, false), (999_983, true), (1_000_001, false)] {
        assert_eq!(is_prime(n), prime, "is {n} prime?");
    }
}

#[test]
fn each_number_is_a_task_in_a_worker() {
    for processes in [1, 3] {
        let attempt = attempt(move || first_hundred(processes).expect("it returned an error"));
        attempt.assert_workers(processes);
        assert_eq!(attempt.tasks.len(), 100, "a hundred numbers are a hundred tasks, each of them in a worker");
    }
}
