//! The tests of exercise 1: a loop in parallel.

use std::process;

use course::testing::exercise::{Attempt, attempt};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex1_for_loop.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex1_for_loop.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex1_for_loop.rs"]
pub mod given;

use exercise::in_parallel;
use given::{Round, one_after_the_other};

const LIMITS: [u64; 8] = [40_000, 1_000, 50_000, 2, 30_000, 60_000, 20_000, 45_000];

fn rounds(processes: usize) -> Attempt<Vec<Round>> {
    attempt(move || in_parallel(&LIMITS, processes).expect("`in_parallel` returned an error"))
}

#[test]
fn the_rounds_are_those_of_the_loop_in_its_order() {
    let found: Vec<_> = rounds(2).value.iter().map(|round| (round.limit, round.primes)).collect();
    let expected: Vec<_> = one_after_the_other(&LIMITS).iter().map(|round| (round.limit, round.primes)).collect();
    assert_eq!(found, expected, "every round once, in the order of the limits: `map` keeps it");
}

#[test]
fn there_are_as_many_workers_as_asked_for() {
    for processes in [1, 3] {
        let rounds = rounds(processes);
        assert!(!rounds.workers.is_empty(), "no worker process was seen: is there a pool?");
        assert_eq!(rounds.max_workers, processes, "a pool has as many workers as `Pool::with_processes` is told");
    }
}

#[test]
fn every_round_runs_in_a_worker() {
    let rounds = rounds(2);
    let here = rounds.value.iter().filter(|round| round.pid == process::id()).count();
    assert_eq!(here, 0, "{here} of {} rounds ran in this very process: give the function to the pool", LIMITS.len());
    assert!(
        rounds.value.iter().all(|round| rounds.processes.contains(&round.pid)),
        "the rounds name processes that were not seen: `count_primes` is to run in the workers"
    );
}
