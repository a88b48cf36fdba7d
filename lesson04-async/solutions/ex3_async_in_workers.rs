//! A solution: `map_concurrent` has an event loop in each worker.

use multiproc::{Pool, Result};

use super::given::{Page, Request, fetch};

pub fn fetch_all(requests: Vec<Request>, processes: usize, at_a_time: usize) -> Result<Vec<Page>> {
    let pool = Pool::with_processes(processes)?;
    pool.map_concurrent(fetch, requests, at_a_time)
}
