//! The tests of exercise 2: an endless source, in bounded memory.

use std::cell::Cell;

use course::testing::exercise::{Attempt, TIMEOUT, attempt};
use multiproc::{Barrier, partial};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex2_bounded_memory.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex2_bounded_memory.rs")]
pub mod exercise;

use exercise::first_good;

/// Whether a number is good: every seventh is.
fn is_good(n: u64) -> (u64, bool) {
    (n, n % 7 == 6)
}

/// Meets the other workers' tasks before it answers.
fn meet(all: &Barrier, n: u64) -> (u64, bool) {
    (n, all.wait_timeout(TIMEOUT).is_ok())
}

/// The numbers from 0, without end, which counts how many were taken. Who takes too many is
/// stopped.
fn numbers(taken: &Cell<u64>) -> impl Iterator<Item = u64> {
    std::iter::from_fn(|| {
        let n = taken.replace(taken.get() + 1);
        assert!(n < 100_000, "the source is endless, and a hundred thousand numbers of it were taken: use a lazy map");
        Some(n)
    })
}

/// What was found, and how many numbers were taken for it.
fn find(wanted: usize, ahead: usize) -> Attempt<(Vec<u64>, u64)> {
    attempt(move || {
        let taken = Cell::new(0);
        let good = first_good(is_good, numbers(&taken), wanted, 2, ahead).expect("it returned an error");
        (good, taken.get())
    })
}

#[test]
fn the_first_good_numbers_are_found() {
    let attempt = find(5, 20);
    attempt.assert_workers(2);
    assert_eq!(attempt.value.0, [6, 13, 20, 27, 34], "the first five that the task calls good, in the source's order");
}

#[test]
fn no_more_are_taken_ahead_than_allowed() {
    for (wanted, ahead) in [(3, 4), (10, 30)] {
        let (good, taken) = find(wanted, ahead).value;
        let looked_at = good.last().expect("some are good") + 1;
        let more = taken.saturating_sub(looked_at);
        assert!(
            more <= ahead as u64,
            "{more} numbers were taken ahead, where {ahead} are allowed: a lazy map has a window, and one may set it"
        );
    }
}

#[test]
fn a_source_may_end_before_enough_were_found() {
    let attempt = attempt(|| {
        let taken = Cell::new(0);
        first_good(is_good, numbers(&taken).take(10), 3, 2, 4).expect("it returned an error")
    });
    assert_eq!(attempt.value, [6], "of ten numbers one is good, and there are no more to ask for");
}

#[test]
fn all_workers_work() {
    let attempt = attempt(|| {
        let (taken, all) = (Cell::new(0), Barrier::new(3).unwrap());
        first_good(partial(meet, all), numbers(&taken).take(3), 3, 3, 8).expect("it returned an error")
    });
    attempt.assert_workers(3);
    assert_eq!(attempt.value, [0, 1, 2], "three tasks on three workers were to run at the same time");
}
