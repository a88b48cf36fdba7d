//! The tests of exercise 1: work while waiting.

use course::testing::exercise::{TIMEOUT, attempt, attempt_to_meet, isolated, varied, witness};
use multiproc::{Event, partial};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex1_work_while_waiting.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex1_work_while_waiting.rs")]
pub mod exercise;

use exercise::work_while_waiting;

fn square(n: u64) -> u64 {
    let _call = witness(n);
    n * n
}

/// Where tasks and the own work meet.
type Meeting = (Event, Event);

/// Ends when the own work is done, as a download might that needs an answer from here. Says whether
/// it was in time.
fn wait_for_own_work((begun, worked): &Meeting, n: u64) -> bool {
    let _call = witness(n);
    begun.set();
    let in_time = worked.wait_timeout(TIMEOUT);
    // The next task need not wait in vain as well.
    worked.set();
    in_time
}

#[test]
fn results_and_own_work_come_back() {
    isolated(|| {
        let (items, word) = (varied(6, 0..1_000), format!("written {}", varied(1, 0..1_000)[0]));
        let (given, told) = (items.clone(), word.clone());
        let attempt = attempt(move || work_while_waiting(square, &given, 2, || told).expect("it returned an error"));
        let expected: Vec<_> = items.iter().map(|n| n * n).collect();
        assert_eq!(attempt.value.0, expected, "the results, and those that were expected, in the order of the items");
        assert_eq!(attempt.value.1, word, "what came back of the own work, and what it had returned");
        attempt.assert_in_workers();
        attempt.assert_each_once(&items);
    });
}

#[test]
fn the_own_work_is_done_while_tasks_run() {
    isolated(|| {
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
        attempt.assert_in_workers();
        let (in_time, seen) = attempt.value;
        let in_vain = in_time.iter().filter(|in_time| !**in_time).count();
        assert_eq!(
            in_vain, 0,
            "{in_vain} tasks waited for the own work in vain: expected it to be done while they run, and the tasks \
             were over before the own work began. Hint: `map` waits for them, and `map_async` does not"
        );
        assert!(
            seen,
            "no task had begun while the own work was done: expected tasks to run at that time. Hint: hand the tasks \
             out first"
        );
    });
}

#[test]
fn there_are_as_many_workers_as_asked_for() {
    isolated(|| {
        for processes in varied(2, 2..5).into_iter().map(|n| n as usize) {
            let attempt = attempt_to_meet(processes, move || {
                let items = varied(12, 0..1_000);
                work_while_waiting(square, &items, processes, || ()).expect("it returned an error")
            });
            attempt.assert_in_parallel(processes);
        }
    });
}
