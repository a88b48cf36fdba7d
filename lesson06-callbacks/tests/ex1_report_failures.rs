//! The tests of exercise 1: report failures.

use std::sync::mpsc::channel;
use std::thread;

use course::testing::exercise::{Attempt, TIMEOUT, attempt_to_meet, isolated, varied, witness};
use multiproc::{Error, Event, Result, Task, partial};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex1_report_failures.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex1_report_failures.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex1_report_failures.rs"]
pub mod given;

use exercise::run_steps;
use given::{Report, step};

/// Values between 0 and 0.7, and then values above.
fn values() -> ([f64; 3], [f64; 3]) {
    let tenths = |range| {
        let numbers: Vec<_> = varied(3, range).into_iter().map(|n| n as f64 / 1000.0).collect();
        numbers.try_into().expect("three")
    };
    (tenths(1..700), tenths(701..1_000))
}

fn seen_step(value: f64) -> f64 {
    let _call = witness(value);
    step(value)
}

/// A step of 0 is quick. The others wait until something is reported.
fn wait_for_a_report(reported: &Event, value: f64) -> f64 {
    let _call = witness(value);
    if value == 0.0 || reported.wait_timeout(TIMEOUT) {
        return value;
    }
    // The next step need not wait in vain as well.
    reported.set();
    f64::NAN
}

/// What became of the steps, and all reports.
type Outcome = (Vec<Result<f64>>, Vec<Report>);

/// `task` gets an event that is set with the first report.
fn run<F>(task: impl FnOnce(Event) -> F + Send + 'static, values: &[f64], processes: usize) -> Attempt<Outcome>
where
    F: Task<(f64,), Output = f64> + Clone,
{
    let values = values.to_vec();
    attempt_to_meet(processes, move || {
        let reported = Event::new().unwrap();
        let (sender, receiver) = channel();
        thread::scope(|scope| {
            let task = task(reported.clone());
            let listener = scope.spawn(move || receiver.iter().inspect(|_| reported.set()).collect());
            let outcomes = run_steps(task, &values, processes, &sender);
            drop(sender);
            let reports = listener.join().unwrap();
            (
                outcomes.expect(
                    "there is one error for all steps: expected an outcome for each. Hint: one step that fails must \
                     not cost the others their values, as `?` does",
                ),
                reports,
            )
        })
    })
}

#[test]
fn every_step_has_its_value_or_its_error() {
    isolated(|| {
        let ([first, third, fifth], [second, fourth, sixth]) = values();
        let values = [first, second, third, fourth, fifth, sixth];
        let attempt = run(|_| seen_step, &values, 2);
        attempt.assert_in_parallel(2);
        attempt.assert_each_once(values);
        let (outcomes, _) = &attempt.value;
        let found: Vec<_> = outcomes.iter().map(|outcome| outcome.clone().ok()).collect();
        let expected = values.map(|value| (value <= 0.7).then_some(value * 2.0));
        assert_eq!(found, expected, "the values of {values:?}, and those that were expected: none above 0.7, in order");
        for (outcome, value) in outcomes.iter().zip(values).filter(|(_, value)| *value > 0.7) {
            let why = format!("{value} is above 0.7");
            assert!(
                matches!(outcome, Err(Error::Panicked { message, .. }) if *message == why),
                "the outcome of the step {value} was {outcome:?}: expected its own error, `{why}`"
            );
        }
    });
}

#[test]
fn every_step_is_reported_once() {
    isolated(|| {
        let ([first, third, _], [second, fourth, _]) = values();
        let values = [first, second, third, fourth];
        let (_, mut reports) = run(|_| seen_step, &values, 2).value;
        reports.sort_by_key(|report| match report {
            Report::Done(place, _) | Report::Failed(place, _) => *place,
        });
        let told: Vec<_> = reports.iter().map(|report| matches!(report, Report::Done(..))).collect();
        assert_eq!(
            told,
            [true, false, true, false],
            "the reports were {reports:?}: every step is reported once, well or not. Hint: a callback is called for a \
             value, another for an error"
        );
        assert_eq!(
            [&reports[0], &reports[2]],
            [&Report::Done(0, first * 2.0), &Report::Done(2, third * 2.0)],
            "the reports of {first} and {third}, and those that were expected: each with its value"
        );
        for (place, value) in [(1, second), (3, fourth)] {
            let words = format!("{value} is above 0.7");
            assert!(
                matches!(&reports[place], Report::Failed(at, why) if *at == place && why.contains(&words)),
                "the report of a failure was {:?}: expected its place, {place}, and `{words}`",
                reports[place]
            );
        }
    });
}

#[test]
fn a_step_is_reported_while_others_run() {
    isolated(|| {
        let task = |reported| partial(wait_for_a_report, reported);
        let attempt = run(task, &[0.5, 0.6, 0.0], 3);
        attempt.assert_in_parallel(3);
        let values: Vec<_> = attempt.value.0.into_iter().map(Result::unwrap).collect();
        assert_eq!(
            values,
            [0.5, 0.6, 0.0],
            "steps waited for the report of one that had ended, in vain, and so have no value: expected each report as \
             soon as its step has ended. Hint: that is when a callback is called"
        );
    });
}
