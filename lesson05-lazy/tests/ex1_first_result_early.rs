//! The tests of exercise 1: the first result, early.

use course::testing::exercise::{TIMEOUT, attempt, attempt_to_meet, isolated, varied, witness};
use multiproc::{Event, partial};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex1_first_result_early.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex1_first_result_early.rs")]
pub mod exercise;

use exercise::show_each;

/// All but the first task wait until a result was shown. Says which task it was, and whether it
/// waited in vain.
fn wait_until_shown(shown: &Event, n: u64) -> (u64, bool) {
    let _call = witness(n);
    let in_vain = n > 0 && !shown.wait_timeout(TIMEOUT);
    // The next task need not wait in vain as well.
    if in_vain {
        shown.set();
    }
    (n, in_vain)
}

/// The first task is slower than the third.
fn wait_for_the_third(third: &Event, n: u64) -> u64 {
    match n {
        0 => assert!(third.wait_timeout(TIMEOUT), "the third task was not run while the first was"),
        2 => third.set(),
        _ => {}
    }
    n
}

fn double(n: u64) -> u64 {
    let _call = witness(n);
    2 * n
}

#[test]
fn the_first_result_is_shown_before_the_other_tasks_are_done() {
    isolated(|| {
        let attempt = attempt(|| {
            let shown = Event::new().unwrap();
            let mut results = Vec::new();
            let show = |result| {
                results.push(result);
                shown.set();
            };
            let task = partial(wait_until_shown, shown.clone());
            show_each(task, &Vec::from_iter(0..40), 2, show).expect("it returned an error");
            results
        });
        attempt.assert_in_workers();
        attempt.assert_no_more_workers(2);
        let numbers: Vec<_> = attempt.value.iter().map(|(n, _)| *n).collect();
        assert_eq!(
            numbers,
            Vec::from_iter(0..40),
            "the results that were shown, and those that were expected: each once, in the order of the items"
        );
        let in_vain: Vec<_> = attempt.value.iter().filter(|(_, in_vain)| *in_vain).map(|(n, _)| n).collect();
        assert!(
            in_vain.is_empty(),
            "tasks waited for the first result to be shown, in vain: {in_vain:?}. Expected it before they end. Hint: \
             show each result in the loop in which a lazy map returns it"
        );
    });
}

#[test]
fn results_are_in_order_though_the_first_task_is_slow() {
    isolated(|| {
        let attempt = attempt(|| {
            let mut results = Vec::new();
            let task = partial(wait_for_the_third, Event::new().unwrap());
            show_each(task, &[0, 1, 2, 3], 2, |result| results.push(result)).expect("it returned an error");
            results
        });
        assert_eq!(
            attempt.value,
            [0, 1, 2, 3],
            "the results in the order in which they were shown, and that of the items. Hint: a result that is there \
             early waits for those before it"
        );
    });
}

#[test]
fn there_are_as_many_workers_as_asked_for() {
    isolated(|| {
        for processes in varied(2, 2..5).into_iter().map(|n| n as usize) {
            let items = varied(12, 0..1_000);
            let given = items.clone();
            let attempt = attempt_to_meet(processes, move || {
                let mut shown = Vec::new();
                show_each(double, &given, processes, |result| shown.push(result)).expect("it returned an error");
                shown
            });
            attempt.assert_in_parallel(processes);
            attempt.assert_each_once(&items);
            let expected: Vec<_> = items.iter().map(|n| 2 * n).collect();
            assert_eq!(attempt.value, expected, "the results that were shown, and those that were expected");
        }
    });
}

#[test]
fn a_failure_is_passed_on() {
    isolated(|| {
        let attempt = attempt(|| {
            let mut shown = Vec::new();
            let task = |n: u64| 12 / n;
            let error = show_each(task, &[4, 3, 0, 2], 2, |result| shown.push(result)).err();
            (shown, error.map(|error| error.to_string()))
        });
        let (shown, error) = attempt.value;
        let error =
            error.expect("a task has failed, and no error was returned: expected its error. Hint: `?` passes it on");
        assert!(
            error.contains("divide by zero"),
            "the error was `{error}`: expected that of the task, a division by zero"
        );
        assert_eq!(shown, [3, 4], "what was shown, and what was expected: all that comes before the failure");
    });
}
