//! Wrong: one worker has all the requests.
//!
//! Fails with: the requests that each worker had under way

use multiproc::{Pool, Result};

use super::given::{Page, Request, fetch};

pub fn fetch_all(requests: Vec<Request>, processes: usize, at_a_time: usize) -> Result<Vec<Page>> {
    let pool = Pool::with_processes(1)?;
    pool.map_concurrent(fetch, requests, processes * at_a_time)
}
