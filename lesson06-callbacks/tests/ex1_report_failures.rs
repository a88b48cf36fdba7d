//! The tests of exercise 1: report failures.

use std::sync::mpsc::channel;
use std::thread;

use course::testing::exercise::{Attempt, TIMEOUT, attempt};
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

/// A step of 0 is quick. The others wait until something is reported.
fn wait_for_a_report(reported: &Event, value: f64) -> f64 {
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
fn run<F>(task: impl FnOnce(Event) -> F + Send + 'static, values: &'static [f64], processes: usize) -> Attempt<Outcome>
where
    F: Task<(f64,), Output = f64> + Clone,
{
    attempt(move || {
        let reported = Event::new().unwrap();
        let (sender, receiver) = channel();
        thread::scope(|scope| {
            let task = task(reported.clone());
            let listener = scope.spawn(move || receiver.iter().inspect(|_| reported.set()).collect());
            let outcomes = run_steps(task, values, processes, &sender);
            drop(sender);
            let reports = listener.join().unwrap();
            (outcomes.expect("one step that fails must not cost the others their values"), reports)
        })
    })
}

#[test]
fn every_step_has_its_value_or_its_error() {
    let attempt = run(|_| step, &[0.1, 0.9, 0.7, 0.8], 2);
    attempt.assert_workers(2);
    let (outcomes, _) = &attempt.value;
    let values: Vec<_> = outcomes.iter().map(|outcome| outcome.clone().ok()).collect();
    assert_eq!(values, [Some(0.2), None, Some(1.4), None], "the values, in order, and none above 0.7");
    for (place, why) in [(1, "0.9 is above 0.7"), (3, "0.8 is above 0.7")] {
        assert!(
            matches!(&outcomes[place], Err(Error::Panicked { message, .. }) if message == why),
            "the outcome of a step that failed is its own error, not {:?}",
            outcomes[place]
        );
    }
}

#[test]
fn every_step_is_reported_once() {
    let (_, mut reports) = run(|_| step, &[0.1, 0.9, 0.7, 0.8], 2).value;
    reports.sort_by_key(|report| match report {
        Report::Done(place, _) | Report::Failed(place, _) => *place,
    });
    let told: Vec<_> = reports.iter().map(|report| matches!(report, Report::Done(..))).collect();
    assert_eq!(told, [true, false, true, false], "every step is reported once, well or not: {reports:?}");
    assert_eq!([&reports[0], &reports[2]], [&Report::Done(0, 0.2), &Report::Done(2, 1.4)], "each with its value");
    for (place, words) in [(1, "0.9 is above 0.7"), (3, "0.8 is above 0.7")] {
        assert!(
            matches!(&reports[place], Report::Failed(at, why) if *at == place && why.contains(words)),
            "a report of a failure says why: {:?}",
            reports[place]
        );
    }
}

#[test]
fn a_step_is_reported_while_others_run() {
    let task = |reported| partial(wait_for_a_report, reported);
    let attempt = run(task, &[0.5, 0.6, 0.0], 3);
    attempt.assert_workers(3);
    let values: Vec<_> = attempt.value.0.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        values,
        [0.5, 0.6, 0.0],
        "steps waited for the report of one that had ended, in vain: a callback is called as soon as its step has ended"
    );
}
