//! The tests of exercise 4: the primes below ten million.

use course::testing::exercise::{Attempt, TIMEOUT, attempt};
use multiproc::{Barrier, Event, Queue, Task, partial};

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
    ranges.put((first, end)).expect("the queue is open");
    0
}

/// Waits until there is one of it in each worker, and returns 1 then. Once that is over, well or
/// not, nobody waits.
fn meet((all, over): &(Barrier, Event), _: u64, _: u64) -> u64 {
    let met = !over.is_set() && all.wait_timeout(TIMEOUT).is_ok();
    over.set();
    u64::from(met)
}

/// A sum and ranges.
type Outcome = (u64, Vec<(u64, u64)>);

/// What the ranges of the numbers below `limit` add up to, and the ranges that were noted, in
/// order. `task` is for them.
fn run<F>(task: impl Fn(Queue<(u64, u64)>) -> F + Send + 'static, limit: u64, processes: usize) -> Attempt<Outcome>
where
    F: Task<(u64, u64), Output = u64>,
{
    attempt(move || {
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
        assert!(*first <= next, "the numbers from {next} to {} were not counted", first - 1);
        assert!(*first == next || next == 2, "the numbers from {first} to {} were counted twice", next - 1);
        next = next.max(*end);
    }
    assert!(next >= limit, "the numbers from {next} to {} were not counted", limit - 1);
    assert!(next == limit, "the numbers from {limit} on are not below the limit, and were counted up to {}", next - 1);
}

#[test]
fn there_are_664579_primes_below_ten_million() {
    let attempt = run(|ranges| partial(count, ranges), LIMIT, 3);
    attempt.assert_workers(3);
    let (found, ranges) = attempt.value;
    assert_all_once(&ranges, LIMIT);
    assert_eq!(found, 664_579, "the sum of what the ranges have");
}

#[test]
fn other_limits_are_cut_as_cleanly() {
    for (limit, primes) in [(1_000, 168), (100_000, 9_592), (99_991, 9_591), (99_992, 9_592)] {
        for processes in [1, 2] {
            let (found, ranges) = run(|ranges| partial(count, ranges), limit, processes).value;
            assert_all_once(&ranges, limit);
            assert_eq!(found, primes, "the primes below {limit}");
        }
    }
}

#[test]
fn all_workers_count_at_the_same_time() {
    let attempt = attempt(|| {
        let (all, over) = (Barrier::new(3).unwrap(), Event::new().unwrap());
        count_below(partial(meet, (all, over)), LIMIT, 3).expect("it returned an error")
    });
    attempt.assert_workers(3);
    assert!(attempt.value >= 3, "not all 3 workers had a range at the same time: cut the numbers into more ranges");
}

#[test]
fn no_range_is_so_large_that_all_wait_for_it_in_the_end() {
    let (_, ranges) = run(|ranges| partial(note, ranges), LIMIT, 2).value;
    let largest = ranges.iter().map(|(first, end)| end - first).max().expect("there are ranges");
    let allowed = LIMIT / 2 / 8;
    assert!(
        largest <= allowed,
        "a range of {largest} numbers is too large: the worker that has it last keeps the other waiting. Of ten million numbers on \
         two workers, {allowed} are an eighth of a fair share"
    );
    assert!(ranges.len() <= 10_000, "{} ranges are so many that handing them out is the work", ranges.len());
}
