//! Wrong: each task has an event loop to itself, with nothing in it but one request.
//!
//! Fails with: requests waited for the server at a time: expected

use multiproc::{Executor, Pool, Result};

use super::given::{Page, Request, fetch};

/// Runs `fetch` to its end in an event loop of its own.
fn fetch_one(request: Request) -> Page {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("the runtime starts");
    runtime.block_on(fetch(request))
}

pub fn fetch_all(requests: Vec<Request>, processes: usize, _at_a_time: usize) -> Result<Vec<Page>> {
    let pool = Pool::with_processes(processes)?;
    pool.map(fetch_one, requests)
}
