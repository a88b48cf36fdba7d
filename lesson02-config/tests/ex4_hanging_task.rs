//! The tests of exercise 4: a task that hangs.

use std::thread;
use std::time::Duration;

use course::testing::exercise::{Attempt, attempt, attempt_to_meet, isolated, varied, witness};
use multiproc::{Error, Result};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex4_hanging_task.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex4_hanging_task.rs")]
pub mod exercise;

use exercise::outcomes;

/// From this item on, tasks never end.
const HANGS: u64 = 1_000_000;

/// The limit where tasks hang. A quick task is far below it, on a busy machine too.
const LIMIT: Duration = Duration::from_millis(1500);

/// Doubles a number, or hangs.
fn double(n: u64) -> u64 {
    let _call = witness(n);
    if n >= HANGS {
        thread::sleep(Duration::from_secs(3600));
    }
    assert!(n != 13, "13 brings bad luck");
    2 * n
}

fn run(items: &[u64]) -> Attempt<Result<Vec<Result<u64>>>> {
    let items = items.to_vec();
    attempt(move || outcomes(double, items, 2, LIMIT))
}

/// Asserts that quick items have their results, and others were ended.
#[track_caller]
fn assert_outcomes(found: Result<Vec<Result<u64>>>, items: &[u64]) {
    let found = found.unwrap_or_else(|error| {
        panic!(
            "there is one error for all items: expected an outcome for each. Hint: one task that is ended must not \
             cost the others their results, as `?` does: {error}"
        )
    });
    assert_eq!(found.len(), items.len(), "the number of outcomes, and of items. Hint: also one that failed has one");
    let without: Vec<_> =
        items.iter().zip(&found).filter(|(item, outcome)| **item < HANGS && outcome.is_err()).collect();
    assert!(
        without.is_empty(),
        "these items were quick, and have no result: {without:?}. Expected the result of each. Hint: a task that is \
         not waited for goes on, and keeps its worker busy; it has to be ended, with its worker"
    );
    for (place, (item, outcome)) in items.iter().zip(&found).enumerate() {
        match outcome {
            Ok(double) => assert_eq!(*double, 2 * item, "the result at place {place}, and twice {item}"),
            Err(Error::TimedOut { pid: Some(_), after, .. }) => {
                assert_eq!(*after, LIMIT, "the time after which item {place} was ended, and the limit")
            }
            other => panic!(
                "item {place} hangs: expected that its worker was ended for it, not {other:?}. Hint: keep the error \
                 that the pool has for a task over its limit"
            ),
        }
    }
}

#[test]
fn a_task_over_the_limit_is_ended_and_the_others_have_results() {
    isolated(|| {
        let quick = varied(6, 100..1_000);
        let items = [quick[0], HANGS, quick[1], quick[2], quick[3], quick[4], quick[5]];
        let seen = run(&items);
        seen.assert_in_workers();
        seen.assert_each_once(items);
        assert_outcomes(seen.value, &items);
    });
}

#[test]
fn tasks_that_hang_in_all_workers_keep_no_other_from_its_turn() {
    isolated(|| {
        let quick = varied(4, 100..1_000);
        let items = [HANGS, HANGS + 1, HANGS + 2, quick[0], quick[1], quick[2], quick[3]];
        let seen = run(&items);
        seen.assert_no_more_workers(2);
        assert_outcomes(seen.value, &items);
    });
}

#[test]
fn a_task_that_panics_has_its_own_error() {
    isolated(|| {
        let quick = varied(2, 100..1_000);
        let found = run(&[quick[0], 13, quick[1]]).value.expect(
            "there is one error for all items: expected an outcome for each. Hint: keep the error of the one that \
             panicked",
        );
        let values: Vec<_> = found.iter().map(|outcome| outcome.clone().ok()).collect();
        assert_eq!(values, [Some(2 * quick[0]), None, Some(2 * quick[1])], "the results, and those that were expected");
        assert!(
            matches!(&found[1], Err(Error::Panicked { message, .. }) if message == "13 brings bad luck"),
            "a task panicked: expected that as its outcome, not {:?}",
            found[1]
        );
    });
}

#[test]
fn tasks_below_the_limit_run_at_the_same_time() {
    isolated(|| {
        for processes in varied(2, 2..5).into_iter().map(|n| n as usize) {
            let items = varied(12, 100..1_000);
            let given = items.clone();
            let seen = attempt_to_meet(processes, move || {
                // They wait for each other, and the limit is far away.
                outcomes(double, given, processes, Duration::from_secs(60)).expect("it returned an error")
            });
            seen.assert_in_parallel(processes);
            seen.assert_each_once(&items);
            let found: Vec<_> = seen.value.into_iter().map(Result::ok).collect();
            let expected: Vec<_> = items.iter().map(|n| Some(2 * n)).collect();
            assert_eq!(found, expected, "the results, and those that were expected, in the order of the items");
        }
    });
}
