//! The tests of exercise 2: try again what was lost.

use std::process;

use course::testing::exercise::{Attempt, attempt, attempt_to_meet, isolated, varied, witness};
use multiproc::{Error, Result, Value, partial};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex2_retry_lost.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex2_retry_lost.rs")]
pub mod exercise;

use exercise::with_retries;

/// After so many tries of one item, a test is over: whoever makes them would make them for ever.
const TOO_MANY: u32 = 12;

/// Loses its worker on the first try of item 1, on the first two of item 2, and each time on item
/// 3. Item 4 panics. `tries` counts the tries of each.
fn risk((tries, factor): &(Value<[u32; 8]>, u64), item: u64) -> u64 {
    let _call = witness(item);
    let count = |tries: &mut [u32; 8]| {
        tries[item as usize] += 1;
        tries[item as usize]
    };
    let nth = tries.update(count).expect("no process died in a change");
    match item {
        _ if nth > TOO_MANY => 0,
        1 if nth <= 1 => process::exit(1),
        2 if nth <= 2 => process::exit(1),
        3 => process::exit(1),
        4 => panic!("item 4 fails by itself"),
        _ => factor * item,
    }
}

/// What became of the items, with results that are `factor` times as large, and how often each was
/// tried.
fn run(factor: u64, items: &'static [u64], tries: u32) -> Attempt<(Vec<Result<u64>>, [u32; 8])> {
    attempt(move || {
        let tried = Value::new([0; 8]).unwrap();
        let outcomes = with_retries(partial(risk, (tried.clone(), factor)), items, 2, tries);
        (
            outcomes.expect(
                "there is one error for all items: expected an outcome for each. Hint: one lost worker must not cost \
                 the others their results, as `?` does",
            ),
            tried.get().unwrap(),
        )
    })
}

#[test]
fn what_was_lost_has_a_result_in_the_end() {
    isolated(|| {
        let factor = varied(1, 2..1_000)[0];
        let attempt = run(factor, &[5, 2, 0, 1], 3);
        attempt.assert_in_workers();
        attempt.assert_no_more_workers(2);
        let found: Vec<_> = attempt.value.0.into_iter().map(Result::ok).collect();
        let expected = [5, 2, 0, 1].map(|item| Some(factor * item));
        assert_eq!(
            found, expected,
            "the results, and those that were expected. Hint: items 1 and 2 lose their worker at first, and then go \
             well"
        );
    });
}

#[test]
fn only_what_was_lost_is_run_again() {
    isolated(|| {
        let (_, tried) = run(10, &[5, 2, 0, 1, 6], 3).value;
        assert_eq!(
            [tried[0], tried[5], tried[6]],
            [1; 3],
            "how often items 0, 5 and 6 were run: expected once, since they go well at once, and only what was lost is \
             run again. Hint: keep the outcomes that are good"
        );
        assert_eq!(
            [tried[1], tried[2]],
            [2, 3],
            "how often items 1 and 2 were run: expected two tries and three. Hint: a lost worker is worth another try \
             until one goes well"
        );
    });
}

#[test]
fn there_is_an_end_of_trying() {
    isolated(|| {
        for tries in [1, varied(1, 2..8)[0] as u32] {
            let (outcomes, tried) = run(10, &[0, 3, 5], tries).value;
            assert!(
                tried[3] <= TOO_MANY,
                "item 3 was run more than {TOO_MANY} times: a task that loses its worker each time is not tried for \
                 ever, but {tries} times. Hint: count the tries"
            );
            assert_eq!(
                tried[3], tries,
                "how often item 3 was run, and what `tries` says. Hint: the first try counts as well"
            );
            assert!(
                matches!(outcomes[1], Err(Error::WorkerLost { .. })),
                "the outcome of a task that is lost each time was {:?}: expected `WorkerLost`",
                outcomes[1]
            );
            assert!(
                outcomes[0].is_ok() && outcomes[2].is_ok(),
                "items 0 and 5 have no results: expected them, whatever becomes of item 3"
            );
        }
    });
}

#[test]
fn what_fails_by_itself_is_not_tried_again() {
    isolated(|| {
        let (outcomes, tried) = run(10, &[0, 4], 3).value;
        assert_eq!(
            tried[4], 1,
            "how often item 4 was run: expected once, since a task that panics would panic again. Hint: only a lost \
             worker, `WorkerLost`, is worth another try"
        );
        assert!(
            matches!(&outcomes[1], Err(Error::Panicked { message, .. }) if message == "item 4 fails by itself"),
            "the outcome of item 4 was {:?}: expected its own error, with which it panicked",
            outcomes[1]
        );
    });
}

#[test]
fn all_workers_work() {
    isolated(|| {
        for processes in varied(2, 2..5).into_iter().map(|n| n as usize) {
            let attempt = attempt_to_meet(processes, move || {
                let tried = Value::new([0; 8]).unwrap();
                let items = [0, 5, 6, 7, 0, 5, 6, 7];
                with_retries(partial(risk, (tried, 1)), &items, processes, 2).expect("it returned an error")
            });
            attempt.assert_in_parallel(processes);
        }
    });
}
