//! The tests of exercise 1: a worker for each core.

use std::collections::BTreeSet;

use course::testing::exercise::{Attempt, attempt, attempt_to_meet, isolated, varied};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex1_physical_pool.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex1_physical_pool.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex1_physical_pool.rs"]
pub mod given;

use exercise::{on_every_core, this_machine};
use given::{Machine, Report, count_primes};

/// More than any of the machines has cores.
fn limits() -> Vec<u32> {
    varied(24, 2..5_000).into_iter().map(|limit| limit as u32).collect()
}

fn report(machine: Machine, limits: &[u32]) -> Attempt<Report> {
    let limits = limits.to_vec();
    attempt_to_meet(machine.physical, move || {
        on_every_core(machine, limits).expect("`on_every_core` returned an error")
    })
}

#[test]
fn this_machine_is_told_as_the_system_has_it() {
    isolated(|| {
        let machine = attempt(this_machine).value;
        let expected = Machine { logical: multiproc::cpu_count(), physical: multiproc::physical_cpu_count() };
        assert_eq!(
            machine, expected,
            "what was returned, and what the system says. Hint: logical CPUs first, then the physical cores"
        );
    });
}

#[test]
fn every_limit_has_its_count_from_a_worker() {
    isolated(|| {
        let limits = limits();
        let report = report(Machine { logical: 4, physical: 2 }, &limits);
        report.assert_in_workers();
        let primes: Vec<_> = report.value.counted.iter().map(|counted| counted.primes).collect();
        let expected: Vec<_> = limits.iter().map(|limit| count_primes(*limit).primes).collect();
        assert_eq!(
            primes, expected,
            "the counts, and those that were expected, one for each limit, in their order. Hint: `map` keeps it"
        );
        report.assert_each_once(&limits);
        for (limit, counted) in limits.iter().zip(&report.value.counted) {
            report.assert_computed_by(limit, counted.pid);
        }
    });
}

#[test]
fn there_is_a_worker_for_each_physical_core() {
    isolated(|| {
        let cores = varied(1, 2..6)[0] as usize;
        for machine in [Machine { logical: 2 * cores, physical: cores }, Machine { logical: 1, physical: 1 }] {
            let report = report(machine, &limits());
            report.assert_in_workers();
            assert_eq!(
                report.workers.len(),
                machine.physical,
                "{machine:?} was given {} workers: expected {}. Hint: for tasks that compute, one for each physical \
                 core",
                report.workers.len(),
                machine.physical
            );
            report.assert_in_parallel(machine.physical);
        }
    });
}

#[test]
fn the_workers_are_named_from_outside() {
    isolated(|| {
        let report = report(Machine { logical: 8, physical: 4 }, &limits());
        let named: BTreeSet<_> = report.value.workers.iter().copied().collect();
        assert_eq!(
            named, report.workers,
            "the workers that the report names, and the processes that were seen. Hint: ask `active_children` while \
             the pool lives"
        );
    });
}
