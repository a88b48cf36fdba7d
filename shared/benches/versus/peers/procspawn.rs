//! procspawn: a pool of processes for Rust. It has no map, so a stream of single tasks stands for
//! one.

use std::collections::VecDeque;

use procspawn::{JoinHandle, Pool, SpawnError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::case::Repetition;
use crate::measure::{processors, timed};
use crate::work::{NUMBERS, check_pieces, check_primes, composite, identity, is_prime, pieces};

/// How many tasks are outstanding at a time. Each holds several descriptors, so thousands would
/// exhaust them; these are enough to keep the workers busy.
const WINDOW: usize = 64;

fn workers(count: usize) -> Result<Pool, String> {
    Pool::new(count).map_err(told)
}

/// Items as single tasks, the results in order.
pub(crate) fn stream(items: u64) -> Result<Repetition, String> {
    let pool = workers(processors())?;
    let work = move || run(&pool, 0..items, identity);
    Ok(timed(items, work, move |found| match found.len() as u64 == items {
        true => Ok(()),
        false => Err(format!("{} results for {items} items", found.len())),
    }))
}

/// One call after another.
pub(crate) fn apply(items: u64) -> Result<Repetition, String> {
    let pool = workers(processors())?;
    let work = move || (0..items).try_for_each(|n| pool.spawn(n, identity).join().map(drop)).map_err(told);
    Ok(timed(items, work, Ok))
}

/// Tasks that are under way all at once.
pub(crate) fn outstanding(items: u64) -> Result<(), String> {
    let pool = workers(processors())?;
    let results: Vec<_> = (0..items).map(|n| pool.spawn(n, identity)).collect();
    results.into_iter().try_for_each(|result| result.join().map(drop)).map_err(told)
}

/// A pool of two: start, two tasks, stop.
pub(crate) fn start_and_stop() -> Result<(), String> {
    let pool = workers(2)?;
    run(&pool, 1..=2, identity)?;
    pool.shutdown();
    Ok(())
}

/// The 17 numbers.
pub(crate) fn primes() -> Result<Repetition, String> {
    let pool = workers(processors())?;
    Ok(timed(1, move || run(&pool, NUMBERS, is_prime), check_primes))
}

/// The 17 numbers in pieces.
pub(crate) fn primes_split() -> Result<Repetition, String> {
    let pool = workers(processors())?;
    Ok(timed(1, move || run(&pool, pieces(), composite), check_pieces))
}

fn run<A, R>(pool: &Pool, items: impl IntoIterator<Item = A>, function: fn(A) -> R) -> Result<Vec<R>, String>
where
    A: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    let mut results = Vec::new();
    let mut outstanding: VecDeque<JoinHandle<R>> = VecDeque::new();
    for item in items {
        if outstanding.len() == WINDOW {
            results.extend(outstanding.pop_front().map(JoinHandle::join).transpose().map_err(told)?);
        }
        outstanding.push_back(pool.spawn(item, function));
    }
    for handle in outstanding {
        results.push(handle.join().map_err(told)?);
    }
    Ok(results)
}

fn told(error: SpawnError) -> String {
    error.to_string()
}
