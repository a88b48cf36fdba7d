//! The tests of exercise 3: unordered and responsive.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use course::testing::exercise::{TIMEOUT, attempt};
use multiproc::{Barrier, Event, partial};

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

fn wait_for_each_other(all: &Barrier, number: u64) -> Answer {
    Answer { number, prime: all.wait_timeout(TIMEOUT).is_ok() }
}

#[test]
fn every_number_is_answered_once() {
    let attempt = attempt(|| {
        let mut answers = Vec::new();
        let show = |answer| {
            answers.push(answer);
            ControlFlow::Continue(())
        };
        answers_as_they_come(answer, &Vec::from_iter(1..=30), 2, show).expect("it returned an error");
        answers
    });
    attempt.assert_workers(2);
    let mut answers = attempt.value;
    answers.sort_by_key(|answer| answer.number);
    assert_eq!(answers, Vec::from_iter((1..=30).map(answer)), "every number once, with its own answer");
}

#[test]
fn a_quick_answer_does_not_wait_for_a_slow_one() {
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
    assert_eq!(answers.len(), 4, "every number is answered once: {answers:?}");
    assert!(
        answers.contains(&Answer { number: SLOW, prime: true }),
        "the slow number waited for a quick answer to be shown, in vain: an answer is not to wait for those before it"
    );
}

#[test]
fn whoever_has_seen_enough_does_not_wait() {
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
    assert_eq!(shown.len(), 2, "after `Break` nothing more is shown: {shown:?}");
}

#[test]
fn there_are_as_many_workers_as_asked_for() {
    let attempt = attempt(|| {
        let mut met = Vec::new();
        let show = |answer: Answer| {
            met.push(answer.prime);
            ControlFlow::Continue(())
        };
        let task = partial(wait_for_each_other, Barrier::new(3).unwrap());
        answers_as_they_come(task, &[1, 2, 3], 3, show).expect("it returned an error");
        met
    });
    attempt.assert_workers(3);
    assert_eq!(attempt.value, [true; 3], "three tasks on three workers were to run at the same time");
}
