//! The tests of exercise 3: a task that leaks.

use course::testing::exercise::{Attempt, attempt_to_meet, isolated, varied};
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

/// What a worker may take: so many leaks, and what a process has anyway. No number of tasks is
/// right for both bounds.
const SMALL: u64 = 12 * LEAK + 16 * MIB;
const LARGE: u64 = 80 * LEAK + 16 * MIB;

/// What they leak, all together, is more than two workers may take.
const TASKS: usize = 220;

fn numbers() -> Vec<u64> {
    varied(TASKS, 0..1_000_000)
}

fn digits(numbers: &[u64], max_memory: u64) -> Attempt<Vec<Digits>> {
    let numbers = numbers.to_vec();
    attempt_to_meet(2, move || match in_bounds(numbers, max_memory) {
        Err(Error::WorkerLost { exit, .. }) => {
            panic!(
                "a worker was lost ({exit}), and its task with it: expected all tasks to succeed. Hint: a hard limit \
                 is not what this needs; replace a worker in time"
            )
        }
        outcome => outcome.expect("`in_bounds` returned an error"),
    })
}

#[test]
fn every_task_succeeds_in_a_worker() {
    isolated(|| {
        let numbers = numbers();
        let digits = digits(&numbers, SMALL);
        digits.assert_in_parallel(2);
        let sums: Vec<_> = digits.value.iter().map(|digits| digits.sum).collect();
        let sum = |n: &u64| n.to_string().bytes().map(|digit| u64::from(digit - b'0')).sum();
        let expected: Vec<u64> = numbers.iter().map(sum).collect();
        assert_eq!(sums, expected, "the sums, and those that were expected, one for each number, in their order");
        digits.assert_each_once(&numbers);
        for (number, digits_of) in numbers.iter().zip(&digits.value) {
            digits.assert_computed_by(number, digits_of.pid);
        }
    });
}

#[test]
fn no_worker_takes_more_than_allowed() {
    isolated(|| {
        for allowed in [SMALL, LARGE] {
            let digits = digits(&numbers(), allowed);
            digits.assert_in_workers();
            // Memory is looked at from time to time; the calls are all there.
            let most =
                digits.callers().into_iter().map(|pid| digits.calls.iter().filter(|call| call.pid == pid).count());
            let leaked = most.max().unwrap_or(0) as u64 * LEAK;
            let grown = digits.max_memory.max(leaked);
            assert!(
                grown <= allowed,
                "a worker grew to {} MiB: expected at most {} MiB. Hint: it has to be replaced before. (A bound on the \
                 memory is checked between two chunks of a map, so let a chunk be one task.)",
                grown / MIB,
                allowed / MIB
            );
        }
    });
}

#[test]
fn a_worker_does_several_tasks_before_it_is_replaced() {
    isolated(|| {
        for allowed in [SMALL, LARGE] {
            let workers = digits(&numbers(), allowed).callers().len();
            // A quarter of what the bound has room for.
            let tasks = (allowed / LEAK / 4) as usize;
            // Two workers may have just begun.
            let most = TASKS / tasks + 2;
            assert!(
                workers <= most,
                "{TASKS} tasks were run by {workers} processes: expected at most {most} within {} MiB. Hint: how many \
                 tasks can a worker do before it is replaced, and does that depend on `max_memory`?",
                allowed / MIB
            );
        }
    });
}
