//! The tests of exercise 1: a worker for each core.

use std::collections::BTreeSet;
use std::process;

use course::testing::exercise::{Attempt, attempt};

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

const LIMITS: [u32; 12] = [60_000, 1_000, 50_000, 2, 70_000, 40_000, 3_000, 55_000, 45_000, 65_000, 35_000, 62_000];

fn report(machine: Machine) -> Attempt<Report> {
    attempt(move || on_every_core(machine, LIMITS.to_vec()).expect("`on_every_core` returned an error"))
}

#[test]
fn this_machine_is_told_as_the_system_has_it() {
    let machine = attempt(this_machine).value;
    let expected = Machine { logical: multiproc::cpu_count(), physical: multiproc::physical_cpu_count() };
    assert_eq!(machine, expected, "logical CPUs first, then the physical cores: do not swap them");
}

#[test]
fn every_limit_has_its_count_from_a_worker() {
    let report = report(Machine { logical: 4, physical: 2 });
    let primes: Vec<_> = report.value.counted.iter().map(|counted| counted.primes).collect();
    let expected: Vec<_> = LIMITS.iter().map(|limit| count_primes(*limit).primes).collect();
    assert_eq!(primes, expected, "one count for each limit, in their order: `map` keeps it");
    let here = report.value.counted.iter().filter(|counted| counted.pid == process::id()).count();
    assert_eq!(here, 0, "no worker process was seen for {here} of the counts: they are this very process's");
    assert!(
        report.value.counted.iter().all(|counted| report.workers.contains(&counted.pid)),
        "the counts name processes that were not seen: `count_primes` is to run in the workers"
    );
}

#[test]
fn there_is_a_worker_for_each_physical_core() {
    for machine in [Machine { logical: 6, physical: 3 }, Machine { logical: 1, physical: 1 }] {
        let report = report(machine);
        assert!(!report.workers.is_empty(), "no worker process was seen: is there a pool?");
        assert_eq!(
            report.workers.len(),
            machine.physical,
            "{machine:?} was given {} workers: for tasks that compute, one for each physical core",
            report.workers.len()
        );
    }
}

#[test]
fn the_workers_are_named_from_outside() {
    let report = report(Machine { logical: 8, physical: 4 });
    let named: BTreeSet<_> = report.value.workers.iter().copied().collect();
    assert_eq!(
        named, report.workers,
        "what the report says, and the processes that were seen: ask `active_children` while the pool lives"
    );
}
