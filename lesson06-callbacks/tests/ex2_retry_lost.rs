//! The tests of exercise 2: try again what was lost.

use std::process;

use course::testing::exercise::{Attempt, attempt, meet};
use multiproc::{Barrier, Error, Result, Value, partial};

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
fn risk(tries: &Value<[u32; 8]>, item: u64) -> u64 {
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
        _ => 10 * item,
    }
}

/// What became of the items, and how often each was tried.
fn run(items: &'static [u64], tries: u32) -> Attempt<(Vec<Result<u64>>, [u32; 8])> {
    attempt(move || {
        let tried = Value::new([0; 8]).unwrap();
        let outcomes = with_retries(partial(risk, tried.clone()), items, 2, tries);
        (outcomes.expect("one lost worker must not cost the others their results"), tried.get().unwrap())
    })
}

#[test]
fn what_was_lost_has_a_result_in_the_end() {
    let (outcomes, _) = run(&[5, 2, 0, 1], 3).value;
    let found: Vec<_> = outcomes.into_iter().map(Result::ok).collect();
    assert_eq!(found, [Some(50), Some(20), Some(0), Some(10)], "items 1 and 2 lose their worker, and then go well");
}

#[test]
fn only_what_was_lost_is_run_again() {
    let (_, tried) = run(&[5, 2, 0, 1, 6], 3).value;
    assert_eq!(
        [tried[0], tried[5], tried[6]],
        [1; 3],
        "only what was lost is run again: items 0, 5 and 6 go well at once"
    );
    assert_eq!([tried[1], tried[2]], [2, 3], "item 1 takes two tries, item 2 takes three");
}

#[test]
fn there_is_an_end_of_trying() {
    for tries in [1, 4] {
        let (outcomes, tried) = run(&[0, 3, 5], tries).value;
        assert!(
            tried[3] <= TOO_MANY,
            "a task that loses its worker each time is not tried for ever, but {tries} times"
        );
        assert_eq!(tried[3], tries, "the first try counts as well");
        assert!(
            matches!(outcomes[1], Err(Error::WorkerLost { .. })),
            "of a task that is lost each time the outcome is that: {:?}",
            outcomes[1]
        );
        assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "the others have their results");
    }
}

#[test]
fn what_fails_by_itself_is_not_tried_again() {
    let (outcomes, tried) = run(&[0, 4], 3).value;
    assert_eq!(tried[4], 1, "a task that panics would panic again: only a lost worker is worth another try");
    assert!(
        matches!(&outcomes[1], Err(Error::Panicked { message, .. }) if message == "item 4 fails by itself"),
        "its outcome is its own error: {:?}",
        outcomes[1]
    );
}

#[test]
fn all_workers_work() {
    let attempt = attempt(|| {
        let task = partial(meet, Barrier::new(3).unwrap());
        with_retries(task, &[1, 2, 3], 3, 2).expect("it returned an error")
    });
    attempt.assert_workers(3);
    assert!(
        attempt.value.iter().all(|met| matches!(met, Ok(true))),
        "three tasks on three workers were to run at the same time: hand all of them out before you wait for one"
    );
}
