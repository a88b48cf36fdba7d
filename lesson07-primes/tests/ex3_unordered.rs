//! The tests of exercise 3: unordered and responsive.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use course::testing::exercise::{TIMEOUT, attempt, attempt_to_meet, isolated, varied, witness};
use multiproc::{Event, partial};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex3_unordered.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex3_unordered.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex3_unordered.rs"]
pub mod given;

use exercise::answers_as_they_come;
use given::Answer;

/// The number whose test is slow.
const SLOW: u64 = 97;

fn answer(number: u64) -> Answer {
    Answer { number, prime: number > 1 && !(2..=number.isqrt()).any(|d| number.is_multiple_of(d)) }
}

/// The slow one takes until a quick answer was shown. It is called prime if that has come in time.
fn wait_until_shown(shown: &Event, number: u64) -> Answer {
    if number == SLOW {
        return Answer { number, prime: shown.wait_timeout(TIMEOUT) };
    }
    answer(number)
}

/// The slow one takes longer than anybody waits.
fn hang(number: u64) -> Answer {
    if number == SLOW {
        thread::sleep(Duration::from_secs(300));
    }
    answer(number)
}

fn seen_answer(number: u64) -> Answer {
    let _call = witness(number);
    answer(number)
}

#[test]
fn every_number_is_answered_once() {
    isolated(|| {
        let numbers = varied(30, 1..1_000);
        let given = numbers.clone();
        let attempt = attempt(move || {
            let mut answers = Vec::new();
            let show = |answer| {
                answers.push(answer);
                ControlFlow::Continue(())
            };
            answers_as_they_come(seen_answer, &given, 2, show).expect("it returned an error");
            answers
        });
        attempt.assert_in_workers();
        attempt.assert_each_once(&numbers);
        let mut answers = attempt.value;
        answers.sort_by_key(|answer| answer.number);
        let mut expected: Vec<_> = numbers.into_iter().map(answer).collect();
        expected.sort_by_key(|answer| answer.number);
        assert_eq!(
            answers, expected,
            "the answers, and those that were expected: every number once, with its own answer"
        );
    });
}

#[test]
fn a_quick_answer_does_not_wait_for_a_slow_one() {
    isolated(|| {
        let answers = attempt(|| {
            let shown = Event::new().unwrap();
            let mut answers = Vec::new();
            let show = |answer| {
                answers.push(answer);
                shown.set();
                ControlFlow::Continue(())
            };
            answers_as_they_come(partial(wait_until_shown, shown.clone()), &[SLOW, 4, 5, 6], 2, show)
                .expect("it returned an error");
            answers
        })
        .value;
        assert_eq!(answers.len(), 4, "the answers were {answers:?}: expected one for each of 4 numbers");
        assert!(
            answers.contains(&Answer { number: SLOW, prime: true }),
            "the slow number waited for a quick answer to be shown, in vain: expected each answer when it is there. \
             Hint: one of the lazy maps does not wait for those before it"
        );
    });
}

#[test]
fn whoever_has_seen_enough_does_not_wait() {
    isolated(|| {
        let shown = attempt(|| {
            let mut shown = Vec::new();
            let show = |answer: Answer| {
                shown.push(answer.number);
                if shown.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            answers_as_they_come(hang, &[4, SLOW, 5, 6, 7], 2, show).expect("it returned an error");
            shown
        })
        .value;
        assert_eq!(
            shown.len(),
            2,
            "these were shown: {shown:?}. Expected two, since `show` returned `Break` for the second. Hint: leave the \
             loop then"
        );
    });
}

#[test]
fn there_are_as_many_workers_as_asked_for() {
    isolated(|| {
        for processes in varied(2, 2..5).into_iter().map(|n| n as usize) {
            let attempt = attempt_to_meet(processes, move || {
                let show = |_| ControlFlow::Continue(());
                answers_as_they_come(seen_answer, &varied(12, 1..1_000), processes, show)
                    .expect("it returned an error");
            });
            attempt.assert_in_parallel(processes);
        }
    });
}
