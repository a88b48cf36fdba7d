//! The tests of exercise 3: async tasks in workers.

use course::testing::exercise::{Attempt, attempt, isolated, varied};
use multiproc::Value;

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex3_async_in_workers.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex3_async_in_workers.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex3_async_in_workers.rs"]
pub mod given;

use exercise::fetch_all;
use given::{Page, Request};

/// Fetches as many pages as told from a server that waits for such a crowd. Returns them, and how
/// many requests waited at most.
fn fetch(pages: u64, crowd: u32, processes: usize, at_a_time: usize) -> Attempt<(Vec<Page>, u32)> {
    attempt(move || {
        let waiting = Value::new([0, 0]).unwrap();
        let requests = (0..pages).map(|page| Request { page, crowd, waiting: waiting.clone() }).collect();
        let pages = fetch_all(requests, processes, at_a_time).expect("it returned an error");
        let [_, most] = waiting.get().unwrap();
        (pages, most)
    })
}

#[test]
fn pages_are_in_the_order_of_the_requests() {
    isolated(|| {
        let count = varied(1, 15..40)[0];
        let fetched = fetch(count, 1, 2, 4);
        let numbers: Vec<_> = fetched.value.0.iter().map(|page| page.number).collect();
        assert_eq!(numbers, Vec::from_iter(0..count), "the pages, and the order of the requests: expected each once");
        fetched.assert_in_workers();
        fetched.assert_each_once(0..count);
        for page in &fetched.value.0 {
            fetched.assert_computed_by(page.number, page.pid);
        }
    });
}

#[test]
fn workers_times_requests_at_a_time_are_under_way() {
    isolated(|| {
        for at_a_time in varied(2, 2..6) {
            let all = 2 * at_a_time;
            let attempt = fetch(all, all as u32, 2, at_a_time as usize);
            attempt.assert_in_workers();
            let (_, most) = &attempt.value;
            assert_eq!(
                u64::from(*most),
                all,
                "no more than {most} requests waited for the server at a time: expected {all}, by 2 workers with \
                 {at_a_time} each. Hint: a worker that waits for one answer can ask for the next, in one event loop"
            );
            let each: Vec<_> = attempt.max_calls.values().map(|calls| *calls as u64).collect();
            assert_eq!(
                each, [at_a_time; 2],
                "the requests that each worker had under way, and those that were expected of two workers"
            );
            attempt.assert_no_more_workers(2);
        }
    });
}

#[test]
fn with_one_at_a_time_a_worker_has_no_second() {
    isolated(|| {
        for at_a_time in [1, 3] {
            let attempt = fetch(24, 2, 2, at_a_time);
            attempt.assert_in_workers();
            let most = attempt.max_calls.values().copied().max().unwrap_or(0);
            assert!(
                most <= at_a_time,
                "a worker had {most} requests under way: expected no more than {at_a_time}. Hint: `at_a_time` bounds \
                 them"
            );
            attempt.assert_no_more_workers(2);
        }
    });
}
