//! The tests of exercise 6: the urgent first.

use std::thread;
use std::time::{Duration, Instant};

use course::testing::exercise::{Attempt, TIMEOUT, attempt_to_meet, isolated, varied};
use multiproc::{Error, Event, Result, Value};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex6_urgent_first.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex6_urgent_first.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex6_urgent_first.rs"]
pub mod given;

use exercise::show_urgent_first;
use given::{Alert, Log};

/// The time after the last search in which its alert gets to where it is shown.
const MOMENT: Duration = Duration::from_millis(500);

/// What came of the logs.
struct Duty {
    shown: Vec<Alert>,
    outcome: Result<()>,
}

/// Has the alerts of the machines shown, each with an urgency of its own. Those that are `slow` are
/// found when one was shown, and the first is read until all are found. The first calls wait until
/// `crowd` processes have one.
fn on_duty(machines: &[u64], slow: impl Fn(usize) -> bool, processes: usize, crowd: usize) -> Attempt<Duty> {
    let urgencies = varied(machines.len(), 0..1_000);
    let slow: Vec<_> = (0..machines.len()).map(slow).collect();
    let machines = machines.to_vec();
    attempt_to_meet(crowd, move || {
        let (first, searched) = (Event::new().unwrap(), Value::new(0).unwrap());
        let all = machines.iter().filter(|machine| **machine > 0).count() as u64;
        let log = |((machine, urgency), slow): ((&u64, u64), bool)| {
            let shown = slow.then(|| first.clone());
            Log { machine: *machine, urgency, shown, searched: searched.clone() }
        };
        let logs: Vec<_> = machines.iter().zip(urgencies).zip(slow).map(log).collect();
        let mut shown = Vec::new();
        let read = |alert| {
            shown.push(alert);
            if shown.len() == 1 {
                first.set();
                let end = Instant::now() + TIMEOUT;
                while searched.get().unwrap() < all && Instant::now() < end {
                    thread::sleep(Duration::from_millis(5));
                }
                thread::sleep(MOMENT);
            }
        };
        let outcome = show_urgent_first(logs, processes, read);
        Duty { shown, outcome }
    })
}

/// Asserts that the alerts of all machines but 0 were shown, each once.
#[track_caller]
fn assert_shown(duty: &Duty, machines: &[u64]) {
    let mut found: Vec<_> = duty.shown.iter().map(|alert| alert.machine).collect();
    let mut expected: Vec<_> = machines.iter().copied().filter(|machine| *machine > 0).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(
        found, expected,
        "the alerts that were shown, and those that were expected, by machine: each once. Hint: an empty queue may soon \
         have alerts again, and a queue that is closed has none any more"
    );
}

#[test]
fn every_alert_is_shown_and_found_by_a_worker() {
    isolated(|| {
        let machines = varied(15, 1..1_000);
        for processes in varied(2, 2..5).into_iter().map(|n| n as usize) {
            let seen = on_duty(&machines, |_| false, processes, processes);
            seen.assert_in_parallel(processes);
            seen.assert_each_once(&machines);
            seen.value.outcome.clone().expect("it returned an error");
            assert_shown(&seen.value, &machines);
            for alert in &seen.value.shown {
                seen.assert_computed_by(alert.machine, alert.pid);
            }
        }
    });
}

#[test]
fn the_first_alert_is_shown_while_others_are_searched_for() {
    isolated(|| {
        let machines = varied(12, 1..1_000);
        let Duty { shown, outcome } = on_duty(&machines, |place| place > 0, 2, 0).value;
        outcome.expect("it returned an error");
        let late = shown.iter().filter(|alert| alert.late).count();
        assert_eq!(
            late, 0,
            "{late} searches waited for the first alert to be shown, in vain: expected it as soon as it is found. Hint: \
             let the workers search, and do not wait for all of them before you show one"
        );
    });
}

#[test]
fn the_most_urgent_of_those_that_were_found_is_next() {
    isolated(|| {
        let machines = varied(12, 1..1_000);
        let duty = on_duty(&machines, |_| false, 2, 0).value;
        duty.outcome.clone().expect("it returned an error");
        assert_shown(&duty, &machines);
        // All were found while the first was read.
        let found: Vec<_> = duty.shown[1..].iter().map(|alert| alert.urgency).collect();
        let mut expected = found.clone();
        expected.sort_unstable();
        assert_eq!(
            found, expected,
            "the urgencies of the alerts that were shown after the first, and what was expected, since all were found \
             by then: the most urgent next, 0 before 1. Hint: which queue gives the smallest first?"
        );
    });
}

#[test]
fn a_search_that_fails_costs_one_alert() {
    isolated(|| {
        let mut machines = varied(9, 1..1_000);
        machines[4] = 0;
        let duty = on_duty(&machines, |_| false, 2, 0).value;
        assert_shown(&duty, &machines);
        assert!(
            matches!(&duty.outcome, Err(Error::Panicked { message, .. }) if message == "machine 0 has no log"),
            "a search has panicked: expected its error in the end, not {:?}",
            duty.outcome
        );
    });
}

#[test]
fn no_logs_have_no_alerts() {
    isolated(|| {
        let Duty { shown, outcome } = on_duty(&[], |_| false, 2, 0).value;
        outcome.expect("it returned an error");
        assert_eq!(shown, [], "the alerts of no logs: expected none, and nothing to wait for");
    });
}
