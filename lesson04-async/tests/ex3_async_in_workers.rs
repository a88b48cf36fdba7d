//! The tests of exercise 3: async tasks in workers.

use std::collections::BTreeMap;

use course::testing::exercise::{Attempt, attempt};
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
    let (pages, _) = fetch(20, 1, 2, 4).value;
    let numbers: Vec<_> = pages.iter().map(|page| page.number).collect();
    assert_eq!(numbers, Vec::from_iter(0..20), "every page once, in the order of the requests");
}

#[test]
fn workers_times_requests_at_a_time_are_under_way() {
    let attempt = fetch(8, 8, 2, 4);
    let (pages, most) = &attempt.value;
    attempt.assert_workers(2);
    assert_eq!(
        *most, 8,
        "no more than {most} requests waited for the server at a time, where 2 workers with 4 each make 8: a worker \
         that waits for one answer can ask for the next"
    );
    let mut workers = BTreeMap::<u32, u32>::new();
    for page in pages {
        let most = workers.entry(page.pid).or_default();
        *most = page.in_process.max(*most);
    }
    assert_eq!(workers.into_values().collect::<Vec<_>>(), [4, 4], "each of the two workers has up to four under way");
}

#[test]
fn with_one_at_a_time_a_worker_has_no_second() {
    let attempt = fetch(6, 2, 2, 1);
    attempt.assert_workers(2);
    let most = attempt.value.0.iter().map(|page| page.in_process).max();
    assert_eq!(most, Some(1), "`at_a_time` bounds the requests of a worker");
}
