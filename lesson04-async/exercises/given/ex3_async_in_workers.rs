//! Exercise 3, what is given: requests, pages, and an async function that fetches one.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use course::testing::exercise::witness;
use multiproc::Value;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

/// A request to a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// The number of the page.
    pub page: u64,
    /// The number of waiting requests at which the server begins to answer.
    pub crowd: u32,
    /// The number of requests that wait now, from all processes together, and its maximum so far.
    pub waiting: Value<[u32; 2]>,
}

/// The server's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Page {
    /// The number of the page.
    pub number: u64,
    /// The pid of the process that sent the request.
    pub pid: u32,
    /// The number of requests of that process that waited at the time, this one included.
    pub in_process: u32,
}

/// The number of requests of this process that wait. Every worker has its own.
static IN_PROCESS: AtomicU32 = AtomicU32::new(0);

/// Sends a request and waits for the answer. A server that has not had its crowd after a few
/// seconds answers all the same.
pub async fn fetch(request: Request) -> Page {
    // The tests see by this which process runs it, and when.
    let _call = witness(request.page);
    let in_process = IN_PROCESS.fetch_add(1, Ordering::Relaxed) + 1;
    let begin = |[now, max]: &mut [u32; 2]| {
        *now += 1;
        *max = *now.max(max);
    };
    request.waiting.update(begin).expect("no process died while it changed the value");
    let crowded = || request.waiting.get().is_ok_and(|[_, max]| max >= request.crowd);
    let answer = async {
        while !crowded() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    // An answer that comes late is an answer.
    let _ = timeout(Duration::from_secs(4), answer).await;
    request.waiting.update(|[now, _]| *now -= 1).expect("no process died while it changed the value");
    IN_PROCESS.fetch_sub(1, Ordering::Relaxed);
    Page { number: request.page, pid: process::id(), in_process }
}
