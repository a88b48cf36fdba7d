//! Our side: what the ranks run. `futures.py` does the same.

use std::hint::black_box;
use std::time::Instant;

use multiproc::{Executor, MpiExecutor, Result};

/// The argument before a row and its number of items.
pub(crate) const RANK: &str = "--rank";

fn identity(n: u64) -> u64 {
    black_box(n)
}

fn map_chunk1(executor: &MpiExecutor, items: u64) -> Result<Vec<u64>> {
    executor.with_chunksize(1).map(identity, 0..items)
}

fn submit_all(executor: &MpiExecutor, items: u64) -> Result<Vec<u64>> {
    let results: Vec<_> = (0..items).map(|n| executor.submit(identity, (n,))).collect();
    results.into_iter().map(|result| result.get()).collect()
}

fn submit(executor: &MpiExecutor, items: u64) -> Result<Vec<u64>> {
    (0..items).map(|n| executor.submit(identity, (n,)).get()).collect()
}

/// Does a row's work on the ranks that mpirun has started, and prints the seconds that an item
/// took.
pub(crate) fn measure(row: &str, items: &str) -> std::result::Result<(), String> {
    let items: u64 = items.parse().map_err(|_| "how many items?")?;
    let work = match row {
        "map_chunk1" => map_chunk1,
        "submit_all" => submit_all,
        "submit" => submit,
        _ => return Err(format!("no row is called {row}")),
    };
    let timed = || {
        let executor = MpiExecutor::builder().processes_per_rank(1).build()?;
        work(&executor, items.min(1000))?;
        let start = Instant::now();
        let results = work(&executor, items)?;
        let taken = start.elapsed();
        assert!(results.into_iter().eq(0..items), "a wrong result");
        Ok(taken)
    };
    let taken = timed().map_err(|error: multiproc::Error| error.to_string())?;
    println!("{}", taken.as_secs_f64() / items as f64);
    Ok(())
}
