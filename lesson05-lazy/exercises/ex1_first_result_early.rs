//! Exercise 1: the first result, early.
//!
//! Goal: a user looks at the screen. The first result is shown as soon as it is there, before the
//! last task has even begun, and the results are in the order of the items.
//!
//! Check: `cargo test -p lesson05-lazy --test ex1_first_result_early`

use multiproc::{Result, Task};

/// Runs `task` on each item, by a pool of `processes` workers, and gives each result to `show`, in
/// the order of the items, as soon as it and all before it are there.
pub fn show_each<F: Task<(u64,)>>(task: F, items: &[u64], processes: usize, show: impl FnMut(F::Output)) -> Result<()> {
    let _ = (task, items, show);
    todo!("a pool of {processes} workers, and a loop over a lazy map that shows each result when it comes")
}
