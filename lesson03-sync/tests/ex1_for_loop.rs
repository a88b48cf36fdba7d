//! The tests of exercise 1: a loop in parallel.

use course::testing::exercise::{Attempt, attempt_to_meet, isolated, varied};

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

fn limits() -> Vec<u64> {
    varied(16, 2..60_000)
}

fn rounds(limits: &[u64], processes: usize) -> Attempt<Vec<Round>> {
    let limits = limits.to_vec();
    attempt_to_meet(processes, move || in_parallel(&limits, processes).expect("`in_parallel` returned an error"))
}

#[test]
fn the_rounds_are_those_of_the_loop_in_its_order() {
    isolated(|| {
        let limits = limits();
        let rounds = rounds(&limits, 2);
        let found: Vec<_> = rounds.value.iter().map(|round| (round.limit, round.primes)).collect();
        let expected: Vec<_> = one_after_the_other(&limits).iter().map(|round| (round.limit, round.primes)).collect();
        assert_eq!(
            found, expected,
            "the rounds, and those of the loop: every one once, in the order of the limits. Hint: `map` keeps it"
        );
    });
}

#[test]
fn there_are_as_many_workers_as_asked_for() {
    isolated(|| {
        for processes in [1, varied(1, 2..5)[0] as usize] {
            let rounds = rounds(&limits(), processes);
            rounds.assert_in_parallel(processes);
            assert_eq!(
                rounds.workers.len(),
                processes,
                "{} workers have come and gone: expected {processes}. Hint: one pool is enough for all rounds",
                rounds.workers.len()
            );
        }
    });
}

#[test]
fn every_round_runs_in_a_worker() {
    isolated(|| {
        let limits = limits();
        let rounds = rounds(&limits, 2);
        rounds.assert_in_workers();
        rounds.assert_each_once(&limits);
        for round in &rounds.value {
            rounds.assert_computed_by(round.limit, round.pid);
        }
    });
}
