//! The tests of exercise 5: await both.

use std::thread;
use std::time::Duration;

use course::testing::exercise::{Attempt, TIMEOUT, attempt, attempt_to_meet, isolated, varied, witness};
use multiproc::{Error, Event, Pool, Result, Task, partial};
use tokio::runtime::Builder;
use tokio::time::interval;

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex5_both_at_once.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex5_both_at_once.rs")]
pub mod exercise;

use exercise::both;

fn square(n: u64) -> u64 {
    let _call = witness(n);
    n * n
}

/// Ends later with a number that is not `small`.
fn slow_if_large((smaller_ended, small): &(Event, u64), n: u64) -> u64 {
    if n == *small {
        smaller_ended.set();
    } else {
        smaller_ended.wait_timeout(TIMEOUT);
        // The other result gets there first.
        thread::sleep(Duration::from_millis(200));
    }
    n
}

fn odd_fails(n: u64) -> u64 {
    assert!(n.is_multiple_of(2), "{n} is odd");
    n
}

/// Where the tasks and the event loop meet.
type Meeting = (Event, Event);

/// Ends when the event loop has done something, after this task has begun. Says whether it has.
fn wait_for_event_loop((begun, turned): &Meeting, n: u64) -> bool {
    let _call = witness(n);
    begun.set();
    let in_time = turned.wait_timeout(TIMEOUT);
    // The other task need not wait in vain as well.
    turned.set();
    in_time
}

/// Does something every few milliseconds, as a server does that has other clients.
async fn serve_others((begun, turned): Meeting) {
    let mut clock = interval(Duration::from_millis(5));
    loop {
        clock.tick().await;
        if begun.is_set() {
            turned.set();
        }
    }
}

/// Runs `both` on an event loop of one thread.
fn block_on<F: Task<(u64,)> + Clone>(pool: &Pool, task: F, left: u64, right: u64) -> Result<(F::Output, F::Output)> {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(both(pool, task, left, right))
}

fn run<F: Task<(u64,)> + Clone>(task: F, left: u64, right: u64) -> Attempt<Result<(F::Output, F::Output)>> {
    attempt(move || block_on(&Pool::with_processes(2).unwrap(), task, left, right))
}

#[test]
fn both_results_come_back_in_their_order() {
    isolated(|| {
        let numbers = varied(2, 0..1_000);
        let (left, right) = (numbers[0], numbers[1]);
        let seen = run(square, left, right);
        seen.assert_in_workers();
        seen.assert_each_once([left, right]);
        let found = seen.value.expect("it returned an error");
        assert_eq!(
            found,
            (left * left, right * right),
            "the results, and those that were expected: the squares of {left} and {right}"
        );

        let (small, large) = (left.min(right), left.max(right));
        for (left, right) in [(small, large), (large, small)] {
            let seen = attempt(move || {
                let task = partial(slow_if_large, (Event::new().unwrap(), small));
                block_on(&Pool::with_processes(2).unwrap(), task, left, right)
            });
            let found = seen.value.expect("it returned an error");
            assert_eq!(
                found,
                (left, right),
                "the results, and those that were expected, with that of {left} first. Hint: which result comes first \
                 says nothing about whose it is"
            );
        }
    });
}

#[test]
fn both_tasks_run_at_the_same_time() {
    isolated(|| {
        let seen = attempt_to_meet(2, || {
            let pool = Pool::with_processes(2).unwrap();
            let numbers = varied(2, 0..1_000);
            block_on(&pool, square, numbers[0], numbers[1]).expect("it returned an error")
        });
        seen.assert_in_parallel(2);
    });
}

#[test]
fn the_event_loop_goes_on_meanwhile() {
    isolated(|| {
        let seen = attempt(|| {
            let meeting = (Event::new().unwrap(), Event::new().unwrap());
            let pool = Pool::with_processes(2).unwrap();
            Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
                let others = tokio::spawn(serve_others(meeting.clone()));
                let found = both(&pool, partial(wait_for_event_loop, meeting), 1, 2).await;
                others.abort();
                found.expect("it returned an error")
            })
        });
        seen.assert_in_workers();
        assert_eq!(
            seen.value,
            (true, true),
            "the event loop stood still until the tasks had ended, and they waited for it in vain: expected it to go \
             on. Hint: `get` and `map` block the thread; `.await` leaves it to others"
        );
    });
}

#[test]
fn a_failure_is_passed_on() {
    isolated(|| {
        let even = 2 * varied(1, 0..1_000)[0];
        for (left, right) in [(even, even + 1), (even + 1, even)] {
            let found = run(odd_fails, left, right).value;
            assert!(
                matches!(&found, Err(Error::Panicked { message, .. }) if *message == format!("{} is odd", even + 1)),
                "a task panicked: expected its error, not {found:?}. Hint: `?` passes it on"
            );
        }
    });
}
