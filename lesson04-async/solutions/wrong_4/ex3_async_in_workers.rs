//! Wrong: as many requests at a time as there are.
//!
//! Fails with: requests under way: expected no more than

use multiproc::{Pool, Result};

use super::given::{Page, Request, fetch};

pub fn fetch_all(requests: Vec<Request>, processes: usize, _at_a_time: usize) -> Result<Vec<Page>> {
    let pool = Pool::with_processes(processes)?;
    let all = requests.len();
    pool.map_concurrent(fetch, requests, all)
}
