//! The tests of exercise 4: the first answer.

use std::process;
use std::thread;
use std::time::{Duration, Instant};

use course::testing::exercise::{Attempt, TIMEOUT, attempt_to_meet, isolated, varied, witness};
use multiproc::{Event, Executor, Pool, Result, partial};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex4_first_answer.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex4_first_answer.rs")]
pub mod exercise;

use exercise::first_answer;

/// A candidate that finds an answer only when nobody can want it any more.
const SLOW: u64 = 1;

/// A candidate that fails at once, and loses its worker.
const FAILS: u64 = 2;

/// A candidate that fails when all the others could have.
const FAILS_LATE: u64 = 3;

/// From this candidate on, all have an answer: soon, but not before the first failure.
const QUICK: u64 = 10;

/// What a candidate finds, or not. `failed` is set with the first failure.
fn find(failed: &Event, candidate: u64) -> u64 {
    let _call = witness(candidate);
    match candidate {
        // The first is over when the attempt is; another begins only if a pool has time for it.
        SLOW => thread::sleep(3 * TIMEOUT),
        FAILS => {
            failed.set();
            // Noticed sooner than a panic, which may print where it was.
            process::exit(3);
        }
        FAILS_LATE => {
            thread::sleep(Duration::from_millis(200));
            panic!("no answer here");
        }
        _ => {
            failed.wait_timeout(TIMEOUT);
            // The failure gets there first.
            thread::sleep(Duration::from_millis(500));
        }
    }
    candidate * candidate
}

fn double(n: u64) -> u64 {
    2 * n
}

/// What became of the candidates.
struct Outcome {
    first: Option<(usize, u64)>,
    /// The numbers of tasks that ran and that waited in the pool a while later.
    at_work: (u64, u64),
    /// What the pool has computed after that.
    doubled: Result<Vec<u64>>,
}

/// Asks for the first answer, in a pool of `processes` workers.
fn ask(candidates: &[u64], processes: usize) -> Attempt<Outcome> {
    let candidates = candidates.to_vec();
    attempt_to_meet(processes.min(candidates.len()), move || {
        let pool = Pool::with_processes(processes).unwrap();
        let failed = Event::new().unwrap();
        if !candidates.contains(&FAILS) {
            failed.set();
        }
        let first = first_answer(&pool, partial(find, failed), &candidates);
        let end = Instant::now() + Duration::from_secs(3);
        let at_work = loop {
            let now = pool.statistics();
            if (now.running, now.queued) == (0, 0) || Instant::now() > end {
                break (now.running, now.queued);
            }
            thread::sleep(Duration::from_millis(5));
        };
        // It would wait for the slow ones.
        let doubled = if at_work == (0, 0) { pool.map(double, [1, 2, 3]) } else { Ok(Vec::new()) };
        Outcome { first, at_work, doubled }
    })
}

#[test]
fn the_fastest_wins_wherever_it_stands() {
    isolated(|| {
        for place in varied(2, 1..4).into_iter().map(|n| n as usize) {
            let quick = varied(1, QUICK..1_000)[0];
            let mut candidates = [SLOW; 4];
            candidates[place] = quick;
            let asked = ask(&candidates, 4);
            let found = asked.value.first;
            asked.assert_in_parallel(4);
            let (won, value) = found.expect("no answer was returned: expected that of the fastest candidate");
            assert_eq!(
                won, place,
                "the first answer was that of candidate {place}, and that of candidate {won} was returned. Hint: take \
                 the results in the order in which they come"
            );
            assert_eq!(value, quick * quick, "the answer that was returned, and what the task has returned");
        }
    });
}

#[test]
fn a_failure_is_no_answer() {
    isolated(|| {
        let quick = varied(1, QUICK..1_000)[0];
        let asked = ask(&[SLOW, FAILS, quick], 3);
        assert_eq!(
            asked.value.first,
            Some((2, quick * quick)),
            "what was returned, and the first value: a candidate that fails is no answer. Hint: go on until a result \
             is no error"
        );
    });
}

#[test]
fn the_others_are_stopped_and_the_pool_is_free() {
    isolated(|| {
        let quick = varied(1, QUICK..1_000)[0];
        let asked = ask(&[SLOW, quick, SLOW, SLOW, SLOW, SLOW], 3);
        assert_eq!(asked.value.first, Some((1, quick * quick)), "what was returned, and the answer of candidate 1");
        let (running, queued) = asked.value.at_work;
        assert_eq!(
            (running, queued),
            (0, 0),
            "there is an answer, and {running} candidates are still at work and {queued} wait for a worker: expected \
             none. Hint: to drop a future does not stop its task; `cancel` does"
        );
        let doubled = asked.value.doubled.unwrap_or_else(|error| {
            panic!("the pool cannot be used any more: {error}. Expected it to be free. Hint: it belongs to the caller")
        });
        assert_eq!(doubled, [2, 4, 6], "what the pool has computed afterwards, and what was expected");
    });
}

#[test]
fn there_may_be_no_answer() {
    isolated(|| {
        for candidates in [&[FAILS_LATE, FAILS, FAILS][..], &[]] {
            let asked = ask(candidates, 2);
            assert_eq!(asked.value.first, None, "what was returned for {} candidates that all fail", candidates.len());
        }
    });
}
