//! Exercise 3: async tasks in workers.
//!
//! Goal: a few worker processes, each of which has several requests under way at a time.
//! What to touch: the body of `fetch_all`.
//! How to check: `cargo test -p lesson04-async --test ex3_async_in_workers`

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use multiproc::{Result, Value};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

/// What to ask a server for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// The number of the page.
    pub page: u64,
    /// The server answers as soon as so many requests wait for it.
    pub crowd: u32,
    /// How many wait for it now, from all processes together, and how many did at most.
    pub waiting: Value<[u32; 2]>,
}

/// What the server answered, and who asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Page {
    /// The number of the page.
    pub number: u64,
    /// The process.
    pub pid: u32,
    /// How many requests of that process waited at the time, this one included.
    pub in_process: u32,
}

/// How many requests of this process wait. Every worker has its own.
static IN_PROCESS: AtomicU32 = AtomicU32::new(0);

/// Asks the server and waits for its answer. A server that has not had its crowd after a few seconds answers anyway.
pub async fn fetch(request: Request) -> Page {
    let in_process = IN_PROCESS.fetch_add(1, Ordering::Relaxed) + 1;
    let begin = |[now, most]: &mut [u32; 2]| {
        *now += 1;
        *most = *now.max(most);
    };
    request.waiting.update(begin).expect("nobody died while he changed it");
    let crowded = || request.waiting.get().is_ok_and(|[_, most]| most >= request.crowd);
    let answer = async {
        while !crowded() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    // What comes late comes all the same.
    let _ = timeout(Duration::from_secs(4), answer).await;
    request.waiting.update(|[now, _]| *now -= 1).expect("nobody died while he changed it");
    IN_PROCESS.fetch_sub(1, Ordering::Relaxed);
    Page { number: request.page, pid: process::id(), in_process }
}

/// Fetches all pages, in as many worker processes as told, with up to `at_a_time` requests in each of them. Returns the
/// pages in the order of the requests.
pub fn fetch_all(requests: Vec<Request>, processes: usize, at_a_time: usize) -> Result<Vec<Page>> {
    todo!(
        "a pool of {processes} workers, each with an event loop and up to {at_a_time} of the {} calls of `fetch` in it",
        requests.len()
    )
}
