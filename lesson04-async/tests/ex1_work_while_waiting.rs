//! The tests of exercise 1: work while waiting.

use course::testing::exercise::{TIMEOUT, attempt, meet};
use multiproc::{Barrier, Event, partial};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex1_work_while_waiting.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex1_work_while_waiting.rs")]
pub mod exercise;

use exercise::work_while_waiting;

/// Where tasks and the own work meet.
type Meeting = (Event, Event);

/// Ends when the own work is done, as a download might that needs an answer from here. Says whether
/// it was in time.
fn wait_for_own_work((begun, worked): &Meeting, _: u64) -> bool {
    begun.set();
    let in_time = worked.wait_timeout(TIMEOUT);
    // The next task need not wait in vain as well.
    worked.set();
    in_time
}

#[test]
fn results_and_own_work_come_back() {
    let attempt =
        attempt(|| work_while_waiting(|n: u64| n * n, &[5, 2, 4, 1], 2, || "written").expect("it returned an error"));
    assert_eq!(attempt.value.0, [25, 4, 16, 1], "every result once, in the order of the items");
    assert_eq!(attempt.value.1, "written", "what the own work returns comes back beside them");
}

#[test]
fn the_own_work_is_done_while_tasks_run() {
    let attempt = attempt(|| {
        let (begun, worked) = (Event::new().unwrap(), Event::new().unwrap());
        let own_work = || {
            let seen = begun.wait_timeout(TIMEOUT);
            worked.set();
            seen
        };
        let task = partial(wait_for_own_work, (begun.clone(), worked.clone()));
        work_while_waiting(task, &[1, 2, 3, 4], 2, own_work).expect("it returned an error")
    });
    let (in_time, seen) = attempt.value;
    let in_vain = in_time.iter().filter(|in_time| !**in_time).count();
    assert_eq!(
        in_vain, 0,
        "the tasks were over before the own work began: `map` waits for them, and `map_async` does not"
    );
    assert!(seen, "no task had begun while the own work was done: hand the tasks out first");
}

#[test]
fn there_are_as_many_workers_as_asked_for() {
    let attempt = attempt(|| {
        let all = Barrier::new(3).unwrap();
        work_while_waiting(partial(meet, all), &[1, 2, 3], 3, || ()).expect("it returned an error").0
    });
    attempt.assert_workers(3);
    assert_eq!(attempt.value, [true; 3], "three tasks on three workers were to run at the same time");
}
