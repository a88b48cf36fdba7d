//! The tests of exercise 1: the first result, early.

use course::testing::exercise::{TIMEOUT, attempt, meet};
use multiproc::{Barrier, Event, partial};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex1_first_result_early.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex1_first_result_early.rs")]
pub mod exercise;

use exercise::show_each;

/// All but the first task wait until a result was shown. Says which task it was, and whether it
/// waited in vain.
fn wait_until_shown(shown: &Event, n: u64) -> (u64, bool) {
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

#[test]
fn the_first_result_is_shown_before_the_other_tasks_are_done() {
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
    attempt.assert_workers(2);
    let numbers: Vec<_> = attempt.value.iter().map(|(n, _)| *n).collect();
    assert_eq!(numbers, Vec::from_iter(0..40), "every result is shown once, in the order of the items");
    let in_vain: Vec<_> = attempt.value.iter().filter(|(_, in_vain)| *in_vain).map(|(n, _)| n).collect();
    assert!(
        in_vain.is_empty(),
        "tasks waited for the first result to be shown, in vain: {in_vain:?}. Show each in the loop that it comes in"
    );
}

#[test]
fn results_are_in_order_though_the_first_task_is_slow() {
    let attempt = attempt(|| {
        let mut results = Vec::new();
        let task = partial(wait_for_the_third, Event::new().unwrap());
        show_each(task, &[0, 1, 2, 3], 2, |result| results.push(result)).expect("it returned an error");
        results
    });
    assert_eq!(attempt.value, [0, 1, 2, 3], "a result that is there early waits for those of the items before it");
}

#[test]
fn there_are_as_many_workers_as_asked_for() {
    let attempt = attempt(|| {
        let mut met = Vec::new();
        let task = partial(meet, Barrier::new(3).unwrap());
        show_each(task, &[1, 2, 3], 3, |result| met.push(result)).expect("it returned an error");
        met
    });
    attempt.assert_workers(3);
    assert_eq!(attempt.value, [true; 3], "three tasks on three workers were to run at the same time");
}

#[test]
fn a_failure_is_passed_on() {
    let attempt = attempt(|| {
        let mut shown = Vec::new();
        let task = |n: u64| 12 / n;
        let error = show_each(task, &[4, 3, 0, 2], 2, |result| shown.push(result)).err();
        (shown, error.map(|error| error.to_string()))
    });
    let (shown, error) = attempt.value;
    let error = error.expect("a task has failed, and no error was returned");
    assert!(error.contains("divide by zero"), "the error is that of the task: {error}");
    assert_eq!(shown, [3, 4], "what comes before the failure is shown all the same");
}
