//! Wrong: `map` takes all items first, and here that never ends.
//!
//! The tests say: the source is endless, and a hundred thousand numbers of it were taken

use multiproc::{Pool, Result, Task};

/// Runs `task` on the numbers of a source that may have no end, in as many worker processes as told, until `wanted` of
/// them were found to be good: the task returns its number and whether that is good. Returns these, in the order of the
/// source.
///
/// Of numbers that were taken from the source, there are never more than `ahead` whose answer was not looked at.
pub fn first_good<F: Task<(u64,), Output = (u64, bool)>>(
    task: F,
    source: impl Iterator<Item = u64>,
    wanted: usize,
    processes: usize,
    _ahead: usize,
) -> Result<Vec<u64>> {
    let pool = Pool::with_processes(processes)?;
    let answers = pool.map(task, source)?;
    Ok(answers.into_iter().filter(|(_, is_good)| *is_good).map(|(number, _)| number).take(wanted).collect())
}
