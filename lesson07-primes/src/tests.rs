//! What the examples' functions promise.

use std::io::BufReader;

use multiproc::Pool;

use crate::is_prime::is_prime;
use crate::numbers::{NUMBERS, read};
use crate::{miller_rabin, split};

/// The largest prime that fits a u64, and the largest whose square does.
const LARGEST: u64 = 18446744073709551557;
const LARGEST_ROOT: u64 = 4294967291;

#[test]
fn trial_division_knows_the_primes_below_100() {
    let primes: Vec<u64> = (0..100).filter(|n| is_prime(*n)).collect();
    assert_eq!(
        primes,
        [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97]
    );
}

#[test]
fn the_17_numbers_hold_14_primes() {
    let composite: Vec<u64> = NUMBERS.into_iter().filter(|n| !is_prime(*n)).collect();
    assert_eq!(composite, [106198, 30425026352720, 10657331232548830]);
}

#[test]
fn a_square_of_a_prime_is_not_prime_up_to_the_largest() {
    // Trial division takes seconds for the last one, so it stops at a root near 2^26.5: a square
    // near 2^53.
    for root in [3, 5, 65521, 67108859, 94906249] {
        assert!(!is_prime(root * root), "{root} squared");
    }
    assert!(!miller_rabin::is_prime(LARGEST_ROOT * LARGEST_ROOT));
}

#[test]
fn both_tests_agree_on_small_numbers_and_around_powers_of_two() {
    let around = (1..=40).flat_map(|bits| (1_u64 << bits).saturating_sub(20)..=(1 << bits) + 20);
    for n in (0..20_000).chain(around) {
        assert_eq!(is_prime(n), miller_rabin::is_prime(n), "{n}");
    }
}

#[test]
fn miller_rabin_is_not_fooled_by_pseudoprimes() {
    // Carmichael numbers, and the smallest strong pseudoprimes to the first 1, 2, … 9 prime bases
    // (OEIS A014233).
    for n in [
        561,
        1729,
        825265,
        2047,
        1373653,
        25326001,
        3215031751,
        2152302898747,
        3474749660383,
        341550071728321,
        3825123056546413051,
    ] {
        assert!(!miller_rabin::is_prime(n), "{n}");
    }
}

#[test]
fn miller_rabin_is_right_up_to_the_largest_number() {
    for n in [LARGEST, LARGEST_ROOT, 18446744073709551533, 18446744073709551521] {
        assert!(miller_rabin::is_prime(n), "{n}");
    }
    for n in (LARGEST + 1)..=u64::MAX {
        assert!(!miller_rabin::is_prime(n), "{n}");
    }
}

#[test]
fn split_agrees_with_trial_division() {
    let pool = Pool::new().unwrap();
    // The squares of small primes, and of primes on both sides of the border of two pieces of the
    // smallest size: each has one divisor only, and that is the last to be tried.
    let squares = [2, 3, 5, 7, 32749, 32771].map(|n| n * n);
    let numbers: Vec<u64> = (0..=16).chain(squares).collect();
    let expected: Vec<bool> = numbers.iter().map(|n| is_prime(*n)).collect();
    assert_eq!(split::primes(&pool, &numbers).unwrap(), expected);

    let expected = NUMBERS.map(is_prime);
    assert_eq!(split::primes(&pool, &NUMBERS).unwrap(), expected);
}

#[test]
fn split_stops_early_when_a_divisor_is_found() {
    let pool = Pool::new().unwrap();
    // Without stopping, each of these would take two thousand million divisions: the test would run
    // for minutes.
    let numbers: Vec<u64> = (0..40).map(|i| u64::MAX - 6 * i).collect();
    assert!(numbers.iter().all(|n| n.is_multiple_of(3)));
    assert_eq!(split::primes(&pool, &numbers).unwrap(), [false; 40]);
}

#[test]
fn a_list_is_read_without_its_comments_and_empty_lines() {
    let text = "# two primes\n97\r\n\n  18446744073709551557 # the largest\n";
    assert_eq!(read(text.as_bytes(), "a list").unwrap(), [97, LARGEST]);
}

#[test]
fn a_line_that_is_no_number_is_named() {
    for (text, line, word) in [
        ("97\nninety\n", 2, "\"ninety\""),
        ("\n\n-5", 3, "\"-5\""),
        ("18446744073709551616", 1, "\"18446744073709551616\""),
        ("1.5", 1, "\"1.5\""),
        ("1 2", 1, "\"1 2\""),
    ] {
        let error = read(BufReader::new(text.as_bytes()), "a list").unwrap_err();
        assert!(error.starts_with(&format!("a list, line {line}: {word} is not")), "{error}");
    }
}

#[test]
fn a_line_that_is_not_even_text_is_named() {
    let error = read(&b"97\n\xff\xfe\n"[..], "a list").unwrap_err();
    assert!(error.starts_with("a list, line 2: "), "{error}");
}

#[test]
fn a_list_without_numbers_is_an_error() {
    assert_eq!(read(&b"# none\n"[..], "a list").unwrap_err(), "a list has no numbers");
}
