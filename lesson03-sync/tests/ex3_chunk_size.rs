//! The tests of exercise 3: choose a chunk size.

use course::testing::exercise::{Attempt, attempt_to_meet, batch_size, isolated, varied};

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
    varied(count, 10_000..17_000).into_iter().map(|n| n as u32).collect()
}

fn counted(numbers: &[u32], processes: usize) -> Attempt<Vec<Divisors>> {
    let numbers = numbers.to_vec();
    attempt_to_meet(processes, move || in_batches(numbers, processes).expect("`in_batches` returned an error"))
}

#[test]
fn every_number_has_its_count_from_a_worker() {
    isolated(|| {
        let numbers = numbers(300);
        let counted = counted(&numbers, 2);
        counted.assert_in_parallel(2);
        let divisors: Vec<_> = counted.value.iter().map(|found| found.divisors).collect();
        let expected: Vec<_> = numbers.iter().map(|number| count_divisors(*number).divisors).collect();
        assert_eq!(
            divisors, expected,
            "the counts, and those that were expected, one for each number, in their order. Hint: batches do not \
             change that"
        );
        counted.assert_each_once(&numbers);
        for (number, found) in numbers.iter().zip(&counted.value) {
            counted.assert_computed_by(number, found.pid);
        }
    });
}

#[test]
fn each_worker_has_sixteen_to_sixty_four_batches() {
    isolated(|| {
        let some = varied(1, 500..1500)[0] as usize;
        for (count, processes) in [(960, 2), (1440, 3), (5000, 2), (160, 2), (some, 4)] {
            let numbers = numbers(count);
            let counted = counted(&numbers, processes);
            counted.assert_in_parallel(processes);
            assert_eq!(
                counted.workers.len(),
                processes,
                "{} workers have come and gone: expected {processes}. Hint: one pool is enough for all batches",
                counted.workers.len()
            );
            let pids: Vec<_> = numbers.iter().filter_map(|number| counted.caller_of(number)).collect();
            let size = batch_size(&pids);
            let batches = count.div_ceil(size);
            let how = match size {
                1 => "one by one, or in batches of different sizes".to_string(),
                _ => format!("in batches of {size}, {batches} batches in all"),
            };
            let seen = format!("{count} numbers for {processes} workers came {how}:");
            let (least, most) = (16 * processes, 64 * processes);
            assert!(
                batches >= least,
                "{seen} too few, expected {least} to {most}. Hint: one worker may be busy for long when the others are \
                 done"
            );
            assert!(
                batches <= most,
                "{seen} too many, expected {least} to {most}. Hint: each batch costs a trip; let the size depend on \
                 both numbers"
            );
        }
    });
}
