//! The tests of exercise 2: load once.

use std::collections::BTreeMap;
use std::fs;
use std::process;

use course::testing::exercise::{Attempt, attempt};
use tempfile::TempDir;

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex2_load_once.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex2_load_once.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex2_load_once.rs"]
pub mod given;

use exercise::look_up;
use given::Found;

const NUMBERS: [u16; 24] = [7, 12, 1, 999, 1000, 3, 0, 54, 2, 90, 33, 8, 100, 4, 21, 5, 66, 11, 16, 25, 500, 9, 10, 6];

/// Looks up, and counts the loads of each process by the lines in the log.
fn looked_up(processes: usize) -> (Attempt<Vec<Found>>, BTreeMap<u32, usize>) {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("loads");
    let path = log.clone();
    let seen = attempt(move || look_up(NUMBERS.to_vec(), processes, path).expect("`look_up` returned an error"));
    let mut loads = BTreeMap::new();
    for line in fs::read_to_string(log).unwrap_or_default().lines() {
        *loads.entry(line.parse().unwrap()).or_default() += 1;
    }
    (seen, loads)
}

#[test]
fn every_number_is_looked_up_in_a_worker() {
    let (seen, _) = looked_up(2);
    let squares: Vec<_> = seen.value.iter().map(|found| found.square).collect();
    let expected: Vec<_> = NUMBERS.iter().map(|n| (*n < 1000).then(|| u64::from(*n).pow(2))).collect();
    assert_eq!(squares, expected, "one square for each number, in their order; the table ends before 1000");
    let here = seen.value.iter().filter(|found| found.pid == process::id()).count();
    assert_eq!(here, 0, "{here} of {} numbers were looked up in this very process: have a pool do it", NUMBERS.len());
    assert!(
        seen.value.iter().all(|found| seen.workers.contains(&found.pid)),
        "the tasks name processes that were not seen: they are to run in the workers"
    );
}

#[test]
fn every_worker_has_loaded_once_and_nobody_else() {
    for processes in [1, 3] {
        let (seen, loads) = looked_up(processes);
        assert_eq!(seen.workers.len(), processes, "a pool has as many workers as it is told");
        assert!(
            !loads.contains_key(&process::id()),
            "this very process has loaded a table: each worker loads its own, in its initializer, and none is sent"
        );
        assert!(
            loads.values().all(|times| *times == 1),
            "a worker has loaded the table more than once: a task is to find what its worker has loaded. Loads by \
             process: {loads:?}"
        );
        let without: Vec<_> = seen.value.iter().filter(|found| !loads.contains_key(&found.pid)).collect();
        assert!(without.is_empty(), "found without a table that was loaded: {without:?}");
        assert!(loads.len() <= processes, "{processes} workers, but {} loads", loads.len());
    }
}
