//! The tests of exercise 4: the primes below ten million.

use course::testing::exercise::{Attempt, attempt_to_meet, isolated, varied, witness};
use multiproc::{Queue, Task, partial};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex4_ten_million.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex4_ten_million.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex4_ten_million.rs"]
pub mod given;

use exercise::count_below;
use given::count_primes;

const LIMIT: u64 = 10_000_000;

/// Notes the range, and counts its primes.
fn count(ranges: &Queue<(u64, u64)>, first: u64, end: u64) -> u64 {
    note(ranges, first, end);
    count_primes(first, end)
}

/// Only notes the range.
fn note(ranges: &Queue<(u64, u64)>, first: u64, end: u64) -> u64 {
    let _call = witness((first, end));
    ranges.put((first, end)).expect("the queue is open");
    0
}

/// A sum and ranges.
type Outcome = (u64, Vec<(u64, u64)>);

/// What the ranges of the numbers below `limit` add up to, and the ranges that were noted, in
/// order. `task` is for them; the first ones wait until `crowd` processes have one.
fn run<F>(
    task: impl Fn(Queue<(u64, u64)>) -> F + Send + 'static,
    limit: u64,
    processes: usize,
    crowd: usize,
) -> Attempt<Outcome>
where
    F: Task<(u64, u64), Output = u64>,
{
    attempt_to_meet(crowd, move || {
        let ranges = Queue::new().unwrap();
        let found = count_below(task(ranges.clone()), limit, processes).expect("it returned an error");
        let mut noted: Vec<_> =
            std::iter::from_fn(|| ranges.try_get().ok()).filter(|(first, end)| first < end).collect();
        noted.sort_unstable();
        (found, noted)
    })
}

/// Every number from 2 on and below `limit` is in one of the ranges, and in one only.
#[track_caller]
fn assert_all_once(ranges: &[(u64, u64)], limit: u64) {
    let mut next = 2;
    for (first, end) in ranges {
        assert!(
            *first <= next,
            "the numbers from {next} to {} were not counted: expected each number in one range",
            first - 1
        );
        assert!(
            *first == next || next == 2,
            "the numbers from {first} to {} were counted twice: expected each number in one range",
            next - 1
        );
        next = next.max(*end);
    }
    assert!(
        next >= limit,
        "the numbers from {next} to {} were not counted: expected each number in one range",
        limit - 1
    );
    assert!(next == limit, "the numbers from {limit} on are not below the limit, and were counted up to {}", next - 1);
}

#[test]
fn there_are_664579_primes_below_ten_million() {
    isolated(|| {
        let attempt = run(|ranges| partial(count, ranges), LIMIT, 3, 0);
        attempt.assert_in_workers();
        attempt.assert_no_more_workers(3);
        let (found, ranges) = attempt.value;
        assert_all_once(&ranges, LIMIT);
        assert_eq!(found, 664_579, "the sum that was returned, and that of all ranges");
    });
}

#[test]
fn other_limits_are_cut_as_cleanly() {
    isolated(|| {
        let mut limits = vec![1_000, 99_991, 99_992];
        limits.extend(varied(2, 1_000..100_000));
        for limit in limits {
            for processes in [1, 2] {
                let attempt = run(|ranges| partial(count, ranges), limit, processes, 0);
                attempt.assert_in_workers();
                let (found, ranges) = attempt.value;
                assert_all_once(&ranges, limit);
                assert_eq!(found, count_primes(0, limit), "the sum that was returned, and the primes below {limit}");
            }
        }
    });
}

#[test]
fn all_workers_count_at_the_same_time() {
    isolated(|| {
        for processes in varied(2, 2..5).into_iter().map(|n| n as usize) {
            let attempt = run(|ranges| partial(note, ranges), LIMIT, processes, processes);
            attempt.assert_in_parallel(processes);
        }
    });
}

#[test]
fn no_range_is_so_large_that_all_wait_for_it_in_the_end() {
    isolated(|| {
        let (_, ranges) = run(|ranges| partial(note, ranges), LIMIT, 2, 0).value;
        let largest = ranges.iter().map(|(first, end)| end - first).max().expect("there are ranges");
        let allowed = LIMIT / 2 / 8;
        assert!(
            largest <= allowed,
            "a range of {largest} numbers is too large: expected at most {allowed}, an eighth of a fair share. Hint: \
             the worker that has it last keeps the other waiting; cut the numbers into more ranges"
        );
        assert!(
            ranges.len() <= 10_000,
            "the numbers were cut into {} ranges: expected at most 10000. Hint: so many that handing them out is the \
             work",
            ranges.len()
        );
    });
}
