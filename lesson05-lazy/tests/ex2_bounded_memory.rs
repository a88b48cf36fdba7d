//! The tests of exercise 2: an endless source, in bounded memory.

use std::cell::Cell;

use course::testing::exercise::{Attempt, attempt, attempt_to_meet, isolated, varied, witness};
use multiproc::partial;

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex2_bounded_memory.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex2_bounded_memory.rs")]
pub mod exercise;

use exercise::first_good;

/// Whether a number is good: each that leaves a rest of 1 is, when it is divided by `divisor`.
fn is_good(divisor: &u64, n: u64) -> (u64, bool) {
    let _call = witness(n);
    (n, n % divisor == 1)
}

/// The divisor of a run.
fn divisor() -> u64 {
    varied(1, 4..10)[0]
}

/// The numbers from 0, without end, which counts how many were taken. Who takes too many is
/// stopped.
fn numbers(taken: &Cell<u64>) -> impl Iterator<Item = u64> {
    std::iter::from_fn(|| {
        let n = taken.replace(taken.get() + 1);
        assert!(
            n < 100_000,
            "the source is endless, and a hundred thousand numbers of it were taken: expected a few. Hint: use a lazy \
             map"
        );
        Some(n)
    })
}

/// What was found, and how many numbers were taken for it.
fn find(divisor: u64, wanted: usize, ahead: usize) -> Attempt<(Vec<u64>, u64)> {
    attempt(move || {
        let taken = Cell::new(0);
        let good =
            first_good(partial(is_good, divisor), numbers(&taken), wanted, 2, ahead).expect("it returned an error");
        (good, taken.get())
    })
}

#[test]
fn the_first_good_numbers_are_found() {
    isolated(|| {
        let (divisor, wanted) = (divisor(), varied(1, 3..9)[0]);
        let attempt = find(divisor, wanted as usize, 20);
        attempt.assert_in_workers();
        attempt.assert_no_more_workers(2);
        let expected: Vec<_> = (0..wanted).map(|place| place * divisor + 1).collect();
        assert_eq!(
            attempt.value.0, expected,
            "the good numbers, and the first {wanted} that the task calls good, in the order of the source"
        );
    });
}

#[test]
fn no_more_are_taken_ahead_than_allowed() {
    isolated(|| {
        for (wanted, ahead) in [(3, varied(1, 3..8)[0]), (10, varied(1, 20..40)[0])] {
            let (good, taken) = find(divisor(), wanted, ahead as usize).value;
            let looked_at = good.last().expect("some are good") + 1;
            let more = taken.saturating_sub(looked_at);
            assert!(
                more <= ahead,
                "{more} numbers were taken ahead: expected at most {ahead}. Hint: a lazy map has a window, and one may \
                 set it"
            );
        }
    });
}

#[test]
fn a_source_may_end_before_enough_were_found() {
    isolated(|| {
        let attempt = attempt(|| {
            let taken = Cell::new(0);
            first_good(partial(is_good, 7), numbers(&taken).take(13), 3, 2, 4).expect("it returned an error")
        });
        assert_eq!(
            attempt.value,
            [1, 8],
            "the good ones of thirteen numbers, and what was expected. Hint: the source may end before enough were \
             found"
        );
    });
}

#[test]
fn all_workers_work() {
    isolated(|| {
        for processes in varied(2, 2..5).into_iter().map(|n| n as usize) {
            let attempt = attempt_to_meet(processes, move || {
                let taken = Cell::new(0);
                first_good(partial(is_good, 3), numbers(&taken), 8, processes, 12).expect("it returned an error")
            });
            attempt.assert_in_parallel(processes);
        }
    });
}
