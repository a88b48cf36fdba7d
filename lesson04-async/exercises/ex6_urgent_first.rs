//! Exercise 6: the urgent first.
//!
//! Goal: workers search the logs of many machines, and whoever is on duty reads the alerts. The
//! first alert is there as soon as it is found. While one is read, others are found: then the most
//! urgent of them is next, and not the oldest. You will want a function for the workers.
//!
//! Given, in `given/ex6_urgent_first.rs`: the types `Log` and `Alert`, and `search(log)`, which
//! finds the alert of a log.
//!
//! Check: `cargo test -p lesson04-async --test ex6_urgent_first`

use multiproc::Result;

use super::given::*;

/// Searches the logs by a pool of `processes` workers, and calls `show`, which takes its time, with
/// each alert: whenever it has returned, with the smallest of those that were found by then.
///
/// Returns when all alerts were shown. If a search fails, the others' alerts are shown all the
/// same, and then the error is returned.
pub fn show_urgent_first(logs: Vec<Log>, processes: usize, show: impl FnMut(Alert)) -> Result<()> {
    let _ = show;
    todo!("{processes} workers that find {} alerts, and one who reads them here, the smallest first", logs.len())
}
