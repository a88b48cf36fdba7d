//! The tests of exercise 2: load once.

use std::collections::BTreeMap;
use std::fs;
use std::process;

use course::testing::exercise::{Attempt, attempt_to_meet, isolated, varied};
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

/// Numbers, some of which the table does not have.
fn numbers() -> Vec<u16> {
    let mut numbers = vec![0, 999, 1000];
    numbers.extend(varied(21, 1..999).into_iter().map(|n| n as u16));
    numbers.extend(varied(3, 1001..2000).into_iter().map(|n| n as u16));
    numbers
}

/// Looks up, and counts the loads of each process by the lines in the log.
fn looked_up(numbers: &[u16], processes: usize) -> (Attempt<Vec<Found>>, BTreeMap<u32, usize>) {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("loads");
    let (path, numbers) = (log.clone(), numbers.to_vec());
    let seen =
        attempt_to_meet(processes, move || look_up(numbers, processes, path).expect("`look_up` returned an error"));
    let mut loads = BTreeMap::new();
    for line in fs::read_to_string(log).unwrap_or_default().lines() {
        *loads.entry(line.parse().unwrap()).or_default() += 1;
    }
    (seen, loads)
}

#[test]
fn every_number_is_looked_up_in_a_worker() {
    isolated(|| {
        let numbers = numbers();
        let (seen, _) = looked_up(&numbers, 2);
        let squares: Vec<_> = seen.value.iter().map(|found| found.square).collect();
        let expected: Vec<_> = numbers.iter().map(|n| (*n < 1000).then(|| u64::from(*n).pow(2))).collect();
        assert_eq!(
            squares, expected,
            "the squares, and those that were expected, one for each number, in their order. Hint: the table ends \
             before 1000, and `square` says so"
        );
        seen.assert_in_workers();
        seen.assert_each_once(&numbers);
        for (number, found) in numbers.iter().zip(&seen.value) {
            seen.assert_computed_by(number, found.pid);
        }
    });
}

#[test]
fn every_worker_has_loaded_once_and_nobody_else() {
    isolated(|| {
        for processes in [1, 3] {
            let (seen, loads) = looked_up(&numbers(), processes);
            assert!(
                !loads.contains_key(&process::id()),
                "this very process has loaded a table: expected none but the workers'. Hint: each worker loads its \
                 own, in its initializer, and none is sent"
            );
            assert!(
                loads.values().all(|times| *times == 1),
                "a worker has loaded the table more than once: expected one load for each. Hint: a task is to find \
                 what its worker has loaded, in a static. Loads by process: {loads:?}"
            );
            let without: Vec<_> = seen.callers().into_iter().filter(|pid| !loads.contains_key(pid)).collect();
            assert!(
                without.is_empty(),
                "the workers {without:?} looked numbers up without a table that they had loaded: expected one load in \
                 each"
            );
            seen.assert_in_parallel(processes);
            assert_eq!(
                seen.workers.len(),
                processes,
                "{} workers have come and gone: expected {processes}. Hint: one pool is enough",
                seen.workers.len()
            );
            assert!(loads.len() <= processes, "{processes} workers, but {} loads: expected one for each", loads.len());
        }
    });
}
