//! The tests of exercise 2: chunks of the right size.

use course::testing::exercise::{TIMEOUT, attempt, attempt_to_meet, isolated, varied, witness};
use multiproc::{Event, Value, partial};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex2_tuned_chunks.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex2_tuned_chunks.rs")]
pub mod exercise;

use exercise::in_batches;

const WORKERS: usize = 4;

/// With which number each worker began, and whether all have begun.
type Start = (Value<[u64; WORKERS]>, Event);

fn is_prime(n: u64) -> bool {
    let _call = witness(n);
    n > 1 && !(2..=n.isqrt()).any(|d| n.is_multiple_of(d))
}

/// Notes the first numbers of all, and waits until every worker has one: then each of these is the
/// first of a batch.
fn meet((first, all): &Start, n: u64) -> bool {
    if !all.is_set() {
        let note = |first: &mut [u64; WORKERS]| {
            let place = first.iter().position(|number| *number == 0);
            place.inspect(|place| first[*place] = n).is_none_or(|place| place + 1 == WORKERS)
        };
        if first.update(note).expect("no process died in a change") || !all.wait_timeout(TIMEOUT) {
            all.set();
        }
    }
    is_prime(n)
}

/// The numbers with which four workers began when there were so many batches of the numbers from 1
/// to `last`.
fn begun_with(last: u64, batches: usize) -> Vec<u64> {
    let attempt = attempt(move || {
        let (first, all) = (Value::new([0; WORKERS]).unwrap(), Event::new().unwrap());
        let task = partial(meet, (first.clone(), all));
        in_batches(task, &Vec::from_iter(1..=last), WORKERS, batches).expect("it returned an error");
        first.get().unwrap()
    });
    attempt.assert_in_workers();
    attempt.assert_no_more_workers(WORKERS);
    let mut begun = attempt.value.to_vec();
    begun.sort_unstable();
    begun
}

#[test]
fn the_primes_are_found_with_any_number_of_batches() {
    isolated(|| {
        for batches in [1, 7, 20, 500] {
            let numbers = varied(500, 1..2_000);
            let given = numbers.clone();
            // One batch is for one worker.
            let crowd = batches.min(2);
            let attempt =
                attempt_to_meet(crowd, move || in_batches(is_prime, &given, 2, batches).expect("it returned an error"));
            let expected: Vec<_> = numbers.iter().copied().filter(|n| is_prime(*n)).collect();
            assert_eq!(
                attempt.value, expected,
                "the primes, and those that were expected of {batches} batches, in the order of the numbers"
            );
            attempt.assert_each_once(&numbers);
            attempt.assert_in_workers();
            attempt.assert_no_more_workers(2);
        }
    });
}

#[test]
fn there_are_as_many_batches_as_asked_for() {
    isolated(|| {
        let size = varied(1, 11..60)[0];
        for (last, batches, size) in [(1000, 20, 50), (999, 10, 100), (30 * size - 5, 30, size)] {
            let begun = begun_with(last, batches);
            assert!(
                !begun.contains(&0),
                "not all {WORKERS} workers had a batch at the same time, though {batches} batches are enough for all: \
                 expected each to have one. Hint: hand all batches out at once, and not everything in one batch. The \
                 workers began with the numbers {begun:?}"
            );
            let found = begun.windows(2).map(|two| two[1] - two[0]).min().expect("there are several");
            assert_eq!(
                found, size,
                "a batch has {found} numbers: expected {size}, since {last} numbers in {batches} batches are {size} \
                 each. Hint: a chunk size is the number of tasks in a batch, rounded up. The workers began with the \
                 numbers {begun:?}"
            );
            assert!(
                begun.iter().all(|n| n % size == 1),
                "workers began with {begun:?}: expected the first numbers of batches of {size}"
            );
        }
    });
}
