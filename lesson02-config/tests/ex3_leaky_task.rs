//! The tests of exercise 3: a task that leaks.

use std::collections::BTreeSet;
use std::process;

use course::testing::exercise::{Attempt, attempt};
use multiproc::Error;

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex3_leaky_task.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex3_leaky_task.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex3_leaky_task.rs"]
pub mod given;

use exercise::in_bounds;
use given::{Digits, LEAK};

const MIB: u64 = 1 << 20;

/// What a worker may take: sixteen leaks, and what a process has anyway.
const MOST: u64 = 16 * LEAK + 16 * MIB;

/// What they leak, all together, is several times that, for each of two workers.
const TASKS: u64 = 100;

fn digits() -> Attempt<Vec<Digits>> {
    attempt(|| match in_bounds((0..TASKS).map(|n| n * 37).collect(), MOST) {
        Err(Error::WorkerLost { exit, .. }) => {
            panic!(
                "a worker was lost ({exit}), and its task with it: a hard limit is not what this needs. Replace it in time"
            )
        }
        outcome => outcome.expect("`in_bounds` returned an error"),
    })
}

#[test]
fn every_task_succeeds_in_a_worker() {
    let digits = digits();
    let sums: Vec<_> = digits.value.iter().map(|digits| digits.sum).collect();
    let expected: Vec<u64> =
        (0..TASKS).map(|n| (n * 37).to_string().bytes().map(|digit| u64::from(digit - b'0')).sum()).collect();
    assert_eq!(sums, expected, "one sum for each number, in their order");
    let here = digits.value.iter().filter(|digits| digits.pid == process::id()).count();
    assert_eq!(
        here, 0,
        "{here} of {TASKS} tasks have leaked into this very process, where it stays: have a pool run them"
    );
}

#[test]
fn no_worker_takes_more_than_allowed() {
    let digits = digits();
    assert!(!digits.workers.is_empty(), "no worker process was seen: is there a pool?");
    assert!(
        digits.max_memory <= MOST,
        "a worker grew to {} MiB, where {} MiB are allowed: it has to be replaced before. (A bound on the \
         memory is checked between two chunks of a map, so let a chunk be one task.)",
        digits.max_memory / MIB,
        MOST / MIB
    );
}

#[test]
fn a_worker_does_several_tasks_before_it_is_replaced() {
    let workers: BTreeSet<_> = digits().value.iter().map(|digits| digits.pid).collect();
    assert!(
        workers.len() as u64 <= TASKS / 4,
        "{TASKS} tasks were run by {} processes: a worker can do at least four tasks and stay in bounds",
        workers.len()
    );
}
