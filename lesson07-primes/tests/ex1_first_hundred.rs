//! The tests of exercise 1: the first hundred numbers.

use course::testing::exercise::{attempt, attempt_to_meet, isolated, varied, witness};
use multiproc::partial;

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex1_first_hundred.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex1_first_hundred.rs")]
pub mod exercise;

use exercise::{is_prime, primes_up_to};

/// <https://oeis.org/A000040>
const PRIMES: [u64; 25] =
    [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97];

/// Calls the student's own function.
fn test(n: u64) -> bool {
    let _call = witness(n);
    is_prime(n)
}

/// Calls some numbers prime that are not.
fn is_divided(divisor: &u64, n: u64) -> bool {
    let _call = witness(n);
    n.is_multiple_of(*divisor)
}

/// Whether a number is prime, as the tests find out.
fn has_no_divisor(n: u64) -> bool {
    n > 1 && !(2..n).take_while(|d| d * d <= n).any(|d| n.is_multiple_of(d))
}

#[test]
fn the_primes_up_to_100_are_the_known_ones() {
    isolated(|| {
        let found = attempt(|| primes_up_to(100, test, 2).expect("it returned an error")).value;
        let missing: Vec<_> = PRIMES.iter().filter(|prime| !found.contains(prime)).collect();
        let wrong: Vec<_> = found.iter().filter(|n| !PRIMES.contains(n)).collect();
        assert!(
            wrong.is_empty(),
            "not primes at all: {wrong:?}. Expected none of them. Hint: which divisors are tried?"
        );
        assert!(missing.is_empty(), "primes that were not found: {missing:?}. Expected all up to 100");
        assert_eq!(found, PRIMES, "what was found, and the primes up to 100, each of them once, in their order");
    });
}

#[test]
fn larger_numbers_are_told_right_as_well() {
    isolated(|| {
        let mut numbers = vec![0, 1, 2, 7_919, 7_921, 999_983, 1_000_001];
        numbers.extend(varied(300, 3..2_000_000));
        numbers.extend(PRIMES.map(|prime| prime * prime));
        for n in numbers {
            assert_eq!(
                is_prime(n),
                has_no_divisor(n),
                "whether {n} is prime, as `is_prime` has it, and as it is. Hint: a number without a divisor up to its \
                 root is prime, if it is above 1"
            );
        }
    });
}

#[test]
fn each_number_is_a_task_in_a_worker() {
    isolated(|| {
        for processes in [1, varied(1, 2..5)[0] as usize] {
            let (last, divisor) = (varied(1, 90..130)[0], varied(1, 2..8)[0]);
            let attempt = attempt_to_meet(processes, move || {
                primes_up_to(last, partial(is_divided, divisor), processes).expect("it returned an error")
            });
            attempt.assert_in_parallel(processes);
            attempt.assert_each_once(1..=last);
            let expected: Vec<_> = (1..=last).filter(|n| n.is_multiple_of(divisor)).collect();
            assert_eq!(
                attempt.value, expected,
                "what was returned, and the numbers up to {last} that the function calls prime (here those that \
                 {divisor} divides). Hint: ask the function that is given, in workers, and nothing else"
            );
        }
    });
}
