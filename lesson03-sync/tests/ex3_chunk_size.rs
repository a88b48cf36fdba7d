//! The tests of exercise 3: choose a chunk size.

use std::process;

use course::testing::exercise::{Attempt, attempt, batch_size};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex3_chunk_size.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex3_chunk_size.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex3_chunk_size.rs"]
pub mod given;

use exercise::in_batches;
use given::{Divisors, count_divisors};

/// Numbers that take about equally long.
fn numbers(count: usize) -> Vec<u32> {
    (0..count).map(|n| 10_000 + (n % 100) as u32).collect()
}

fn counted(count: usize, processes: usize) -> Attempt<Vec<Divisors>> {
    attempt(move || in_batches(numbers(count), processes).expect("`in_batches` returned an error"))
}

#[test]
fn every_number_has_its_count_from_a_worker() {
    let counted = counted(300, 2);
    let divisors: Vec<_> = counted.value.iter().map(|found| found.divisors).collect();
    let expected: Vec<_> = numbers(300).into_iter().map(|number| count_divisors(number).divisors).collect();
    assert_eq!(divisors, expected, "one count for each number, in their order: batches do not change that");
    let here = counted.value.iter().filter(|found| found.pid == process::id()).count();
    assert_eq!(here, 0, "{here} numbers were dealt with in this very process: give the function to a pool");
    assert!(
        counted.value.iter().all(|found| counted.workers.contains(&found.pid)),
        "the counts name processes that were not seen: `count_divisors` is to run in the workers"
    );
}

#[test]
fn each_worker_has_sixteen_to_sixty_four_batches() {
    for (count, processes) in [(960, 2), (1440, 3), (6000, 2), (160, 2)] {
        let counted = counted(count, processes);
        assert_eq!(counted.workers.len(), processes, "a pool has as many workers as it is told");
        let pids: Vec<_> = counted.value.iter().map(|found| found.pid).collect();
        let size = batch_size(&pids);
        let batches = count.div_ceil(size);
        let told =
            format!("{count} numbers for {processes} workers came in batches of {size}, {batches} batches in all:");
        assert!(batches >= 16 * processes, "{told} too few, so that one may be busy for long when the others are done");
        assert!(batches <= 64 * processes, "{told} too many, each of which costs a trip");
    }
}
