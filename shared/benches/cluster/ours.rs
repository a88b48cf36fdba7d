//! Our side: what the ranks run. `futures.py` does the same.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use mpi::traits::{Communicator, Destination, Source};
use multiproc::{Executor, MpiExecutor, Result};

/// The argument before a row and its number of items.
pub(crate) const RANK: &str = "--rank";
/// The same, for the row's limit.
pub(crate) const BARE: &str = "--bare-rank";

/// The size of a large value, in bytes.
const LARGE: usize = 64 << 20;

/// Does a row's work and returns the time that all of its items took.
type Work = fn(&MpiExecutor, u64) -> Result<Duration>;

fn identity(n: u64) -> u64 {
    black_box(n)
}

fn same(bytes: Vec<u8>) -> Vec<u8> {
    black_box(bytes)
}

fn nap(seconds: u64) {
    thread::sleep(Duration::from_secs(seconds));
}

/// Returns the time that work took which returns its own numbers.
fn timed(items: u64, work: impl FnOnce() -> Result<Vec<u64>>) -> Result<Duration> {
    let start = Instant::now();
    let results = work()?;
    let taken = start.elapsed();
    assert!(results.into_iter().eq(0..items), "a wrong result");
    Ok(taken)
}

fn map_chunk1(executor: &MpiExecutor, items: u64) -> Result<Duration> {
    timed(items, || executor.with_chunksize(1).map(identity, 0..items))
}

fn submit_all(executor: &MpiExecutor, items: u64) -> Result<Duration> {
    timed(items, || {
        let results: Vec<_> = (0..items).map(|n| executor.submit(identity, (n,))).collect();
        results.into_iter().map(|result| result.get()).collect()
    })
}

fn submit(executor: &MpiExecutor, items: u64) -> Result<Duration> {
    timed(items, || (0..items).map(|n| executor.submit(identity, (n,)).get()).collect())
}

fn echo_64mib(executor: &MpiExecutor, items: u64) -> Result<Duration> {
    let values: Vec<Vec<u8>> = (0..items).map(|n| vec![n as u8; LARGE]).collect();
    let start = Instant::now();
    for (n, value) in values.into_iter().enumerate() {
        let back = executor.submit(same, (value,)).get()?;
        assert_eq!((back.len(), back[LARGE - 1]), (LARGE, n as u8), "a wrong result");
    }
    Ok(start.elapsed())
}

/// Cancels tasks that wait, since every worker is busy.
fn cancel(executor: &MpiExecutor, items: u64) -> Result<Duration> {
    let busy: Vec<_> = (0..executor.processes()).map(|_| executor.submit(nap, (3600,))).collect();
    while executor.statistics().running < busy.len() as u64 {
        thread::sleep(Duration::from_millis(1));
    }
    let waiting: Vec<_> = (0..items).map(|n| executor.submit(identity, (n,))).collect();
    let start = Instant::now();
    let cancelled = waiting.iter().filter(|result| result.cancel()).count();
    let taken = start.elapsed();
    assert_eq!(cancelled as u64, items, "a task was not cancelled");
    executor.terminate();
    Ok(taken)
}

/// Does a row's work on the ranks that mpirun has started, and prints the seconds that an item
/// took.
pub(crate) fn measure(row: &str, items: &str) -> std::result::Result<(), String> {
    let items = number(items)?;
    let (work, warm_up): (Work, u64) = match row {
        "map_chunk1" => (map_chunk1, 1000),
        "submit_all" => (submit_all, 1000),
        "submit" => (submit, 1000),
        "echo_64mib" => (echo_64mib, 1),
        "cancel" => (cancel, 0),
        _ => return Err(format!("no row is called {row}")),
    };
    let timed = || {
        let executor = MpiExecutor::builder().processes_per_rank(1).build()?;
        if warm_up > 0 {
            work(&executor, items.min(warm_up))?;
        }
        work(&executor, items)
    };
    let taken = timed().map_err(|error: multiproc::Error| error.to_string())?;
    println!("{}", taken.as_secs_f64() / items as f64);
    Ok(())
}

/// Sends a large value there and back, between two ranks that do nothing else, and prints the
/// seconds that a round took.
pub(crate) fn echo_by_mpi(items: &str) -> std::result::Result<(), String> {
    let items = number(items)?;
    let universe = mpi::initialize().ok_or("MPI does not start")?;
    let world = universe.world();
    let other = world.process_at_rank(1 - world.rank());
    let mut value = vec![1u8; LARGE];
    let mut start = Instant::now();
    // The first round is to warm up.
    for round in 0..=items {
        if round == 1 {
            start = Instant::now();
        }
        if world.rank() == 0 {
            other.send(&value[..]);
            other.receive_into(&mut value[..]);
        } else {
            other.receive_into(&mut value[..]);
            other.send(&value[..]);
        }
    }
    if world.rank() == 0 {
        println!("{}", start.elapsed().as_secs_f64() / items as f64);
    }
    Ok(())
}

fn number(items: &str) -> std::result::Result<u64, String> {
    items.parse().map_err(|_| "how many items?".to_owned())
}
