//! Exercise 3: async tasks in workers.
//!
//! Goal: a server answers slowly, and only when many requests wait for it. So a few worker
//! processes have many requests under way, several in each.
//!
//! Given, in `given/ex3_async_in_workers.rs`: the types `Request` and `Page`, and the async
//! function `fetch(request)`, which returns a `Page`.
//!
//! Check: `cargo test -p lesson04-async --test ex3_async_in_workers`

use multiproc::Result;

use super::given::*;

/// Fetches all pages, by a pool of `processes` workers, with up to `at_a_time` requests in each of
/// them. Returns the pages in the order of the requests.
pub fn fetch_all(requests: Vec<Request>, processes: usize, at_a_time: usize) -> Result<Vec<Page>> {
    todo!(
        "a pool of {processes} workers, each with an event loop and up to {at_a_time} of the {} calls of `fetch` in it",
        requests.len()
    )
}
