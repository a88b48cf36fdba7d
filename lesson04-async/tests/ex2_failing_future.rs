//! The tests of exercise 2: a future that fails.

use std::process;

use course::testing::exercise::{Attempt, attempt, attempt_to_meet, isolated, varied, witness};
use multiproc::{Error, ExitStatus, Result};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex2_failing_future.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex2_failing_future.rs")]
pub mod exercise;

use exercise::outcomes;

/// What is wrong if all outcomes are one error.
const ONE_FOR_ALL: &str = "there is one error for all items: expected an outcome for each. Hint: one failed task \
                           must not \
                           cost the others their results, as `?` does";

/// Halves even numbers. Others it cannot, and 13 brings bad luck to its whole process.
fn halve(n: u64) -> u64 {
    let _call = witness(n);
    if n == 13 {
        process::exit(3);
    }
    assert!(n.is_multiple_of(2), "{n} is odd");
    n / 2
}

fn halves(numbers: &[u64]) -> Attempt<Result<Vec<Result<u64>>>> {
    let numbers = numbers.to_vec();
    attempt(move || outcomes(halve, &numbers, 2))
}

/// Some even numbers.
fn even<const N: usize>() -> [u64; N] {
    let numbers: Vec<_> = varied(N, 10..1_000).into_iter().map(|n| 2 * n).collect();
    numbers.try_into().expect("as many as asked for")
}

#[test]
fn results_are_in_the_order_of_the_items() {
    isolated(|| {
        let numbers = even::<6>();
        let attempt = halves(&numbers);
        attempt.assert_in_workers();
        attempt.assert_no_more_workers(2);
        attempt.assert_each_once(numbers);
        let outcomes = attempt.value.expect("it returned an error").into_iter();
        let found: Vec<_> = outcomes.map(|outcome| outcome.expect("a number that is even has a half")).collect();
        assert_eq!(
            found,
            numbers.map(|n| n / 2),
            "the results, and those that were expected, in the order of the items"
        );
    });
}

#[test]
fn a_panic_costs_one_result() {
    isolated(|| {
        let [first, second, third, fourth] = even();
        let (second, fourth) = (second + 1, fourth + 1);
        let outcome = halves(&[first, second, third, fourth]).value;
        let found = outcome.unwrap_or_else(|error| panic!("{}: {error}", ONE_FOR_ALL));
        assert_eq!(found.len(), 4, "the number of outcomes, and of items. Hint: also one that failed has an outcome");
        assert_eq!(
            [found[0].clone().ok(), found[2].clone().ok()],
            [Some(first / 2), Some(third / 2)],
            "the outcomes of {first} and {third}, and those that were expected"
        );
        for (place, odd) in [(1, second), (3, fourth)] {
            match &found[place] {
                Err(Error::Panicked { message, .. }) => {
                    assert_eq!(*message, format!("{odd} is odd"), "the error of {odd}, and what it panicked with")
                }
                other => panic!(
                    "item {place} panicked in its worker: expected that as its outcome, not {other:?}. Hint: keep the \
                     error"
                ),
            }
        }
    });
}

#[test]
fn a_lost_worker_costs_one_result() {
    isolated(|| {
        let [first, second, third, fourth] = even();
        let outcome = halves(&[first, 13, second, third, fourth]).value;
        let found = outcome.unwrap_or_else(|error| panic!("{}: {error}", ONE_FOR_ALL));
        let halves: Vec<_> = found.iter().map(|outcome| outcome.clone().ok()).collect();
        let expected = [Some(first / 2), None, Some(second / 2), Some(third / 2), Some(fourth / 2)];
        assert_eq!(
            halves, expected,
            "the results, and those that were expected. Hint: only the one whose worker ended has none"
        );
        assert!(
            matches!(&found[1], Err(Error::WorkerLost { exit: ExitStatus::Exited(3), .. })),
            "the worker of 13 exited with 3: expected that as its outcome, not {:?}. Hint: keep the error",
            found[1]
        );
    });
}

#[test]
fn all_tasks_are_handed_out_before_the_first_result_is_asked_for() {
    isolated(|| {
        for processes in varied(2, 2..5).into_iter().map(|n| n as usize) {
            let attempt = attempt_to_meet(processes, move || {
                outcomes(halve, &even::<12>(), processes).expect("it returned an error")
            });
            attempt.assert_in_parallel(processes);
        }
    });
}
