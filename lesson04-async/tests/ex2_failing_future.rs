//! The tests of exercise 2: a future that fails.

use std::process;

use course::testing::exercise::{Attempt, attempt, meet};
use multiproc::{Barrier, Error, ExitStatus, Result, partial};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex2_failing_future.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex2_failing_future.rs")]
pub mod exercise;

use exercise::outcomes;

/// Halves even numbers. Others it cannot, and 13 brings bad luck to its whole process.
fn halve(n: u64) -> u64 {
    if n == 13 {
        process::exit(3);
    }
    assert!(n.is_multiple_of(2), "{n} is odd");
    n / 2
}

fn halves(numbers: &'static [u64]) -> Attempt<Result<Vec<Result<u64>>>> {
    attempt(|| outcomes(halve, numbers, 2))
}

#[test]
fn results_are_in_the_order_of_the_items() {
    let attempt = halves(&[8, 2, 6, 4]);
    attempt.assert_workers(2);
    let outcomes = attempt.value.expect("it returned an error").into_iter();
    let found: Vec<_> = outcomes.map(|outcome| outcome.expect("a number that is even has a half")).collect();
    assert_eq!(found, [4, 1, 3, 2], "every result once, in the order of the items");
}

#[test]
fn a_panic_costs_one_result() {
    let found = halves(&[8, 3, 6, 5]).value.expect("one failed task must not cost the others their results");
    assert_eq!(found.len(), 4, "an outcome for each item, also for the one that failed");
    assert_eq!([found[0].clone().ok(), found[2].clone().ok()], [Some(4), Some(3)], "the even ones have halves");
    for (place, odd) in [(1, "3 is odd"), (3, "5 is odd")] {
        match &found[place] {
            Err(Error::Panicked { message, .. }) => assert_eq!(message, odd, "each failure is told in its own place"),
            other => panic!("item {place} panicked in its worker, and its outcome is {other:?}: keep the error"),
        }
    }
}

#[test]
fn a_lost_worker_costs_one_result() {
    let found = halves(&[2, 13, 4, 6, 8]).value.expect("one failed task must not cost the others their results");
    let halves: Vec<_> = found.iter().map(|outcome| outcome.clone().ok()).collect();
    assert_eq!(halves, [Some(1), None, Some(2), Some(3), Some(4)], "only the one whose worker ended has no result");
    assert!(
        matches!(&found[1], Err(Error::WorkerLost { exit: ExitStatus::Exited(3), .. })),
        "its worker exited with 3, which is worth telling: {:?}",
        found[1]
    );
}

#[test]
fn all_tasks_are_handed_out_before_the_first_result_is_asked_for() {
    let attempt = attempt(|| {
        let all = Barrier::new(3).unwrap();
        outcomes(partial(meet, all), &[1, 2, 3], 3).expect("it returned an error")
    });
    attempt.assert_workers(3);
    assert!(
        attempt.value.iter().all(|met| matches!(met, Ok(true))),
        "three tasks on three workers were to run at the same time: make all futures before you wait for the first"
    );
}
