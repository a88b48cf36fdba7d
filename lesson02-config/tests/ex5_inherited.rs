//! The tests of exercise 5: inherited.

use std::fs;
use std::path::PathBuf;
use std::process;

use course::testing::exercise::{Attempt, assert_no_process_left, attempt_to_meet, isolated, varied};
use multiproc::{Error, Process};
use tempfile::TempDir;

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex5_inherited.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex5_inherited.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex5_inherited.rs"]
pub mod given;

use exercise::with_inherited_table;
use given::Found;

/// What was found, by workers of which process.
type Outcome = (Vec<Found>, u32);

fn numbers() -> Vec<u16> {
    varied(24, 0..1_000).into_iter().map(|n| n as u16).collect()
}

fn call(numbers: Vec<u16>, processes: usize, log: PathBuf) -> Outcome {
    let found = with_inherited_table(numbers, processes, &log).expect("`with_inherited_table` returned an error");
    assert_no_process_left();
    (found, process::id())
}

/// Looks the numbers up, and returns the pids in the log as well. The function runs in a process of
/// its own, which has one thread, as a fork wants it.
fn looked_up(numbers: &[u16], processes: usize) -> (Attempt<Outcome>, Vec<u32>) {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("loads");
    let (path, numbers) = (log.clone(), numbers.to_vec());
    let seen = attempt_to_meet(processes, move || {
        let run = || Process::new(call, (numbers, processes, path)).start()?.join();
        match run() {
            Err(Error::Panicked { message, .. }) => panic!("{message}"),
            outcome => outcome.expect("the process that calls `with_inherited_table` has not ended well"),
        }
    });
    let loads = fs::read_to_string(log).unwrap_or_default().lines().map(|line| line.parse().unwrap()).collect();
    (seen, loads)
}

#[test]
fn every_number_is_looked_up_in_a_table() {
    isolated(|| {
        let numbers = numbers();
        let (seen, _) = looked_up(&numbers, 2);
        let (found, _) = &seen.value;
        let without = found.iter().filter(|found| found.square.is_none()).count();
        assert_eq!(
            without,
            0,
            "{without} of {} numbers were looked up by workers that had no table: expected none. Hint: which start \
             method gives a worker the memory of this process, and as of when?",
            found.len()
        );
        let squares: Vec<_> = found.iter().filter_map(|found| found.square).collect();
        let expected: Vec<_> = numbers.iter().map(|n| u64::from(*n).pow(2)).collect();
        assert_eq!(squares, expected, "the squares, and those that were expected, in the order of the numbers");
        seen.assert_each_once(&numbers);
        for (number, found) in numbers.iter().zip(found) {
            seen.assert_computed_by(number, found.pid);
        }
    });
}

#[test]
fn one_process_has_loaded_the_table_and_the_others_look_up() {
    isolated(|| {
        for processes in varied(2, 2..5).into_iter().map(|n| n as usize) {
            let (seen, loads) = looked_up(&numbers(), processes);
            let (_, parent) = seen.value;
            assert_eq!(
                loads,
                [parent],
                "the processes in which the table was loaded, and those that were expected: only the one that has the \
                 pool. Hint: what a process has before it is copied, the copy has, too"
            );
            let callers = seen.callers();
            assert!(
                !callers.contains(&parent),
                "the process that has loaded the table has looked numbers up: expected its workers to. Hint: give \
                 `look_up` to a pool"
            );
            assert_eq!(
                seen.max_at_a_time, processes,
                "at most {} of {processes} workers looked numbers up at the same time: expected all. Hint: `map` hands \
                 out all numbers before it waits",
                seen.max_at_a_time
            );
            assert_eq!(callers.len(), processes, "the number of workers, and what was expected");
        }
    });
}
