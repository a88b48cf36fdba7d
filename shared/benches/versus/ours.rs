//! Our side: the pool as its users call it, with the default start method.

use std::sync::OnceLock;
use std::time::Instant;

use multiproc::{Executor, Pool, StartMethod};

use crate::case::Repetition;
use crate::measure::{processors, timed};
use crate::work::{
    NUMBERS, Order, burn, check_pieces, check_primes, check_times, composite, identity, is_prime, pieces, skewed_times,
};

/// A map of the no-op with the default chunks.
pub(crate) fn map(items: u64) -> Result<Repetition, String> {
    let pool = workers()?;
    let work = move || pool.map(identity, 0..items).map_err(told);
    Ok(timed(items, work, move |found| check_count(found.len(), items)))
}

/// A map of tasks of different length with the default chunks.
pub(crate) fn skewed(order: Order) -> Result<Repetition, String> {
    let pool = workers()?;
    let work = move || pool.map(burn, skewed_times(order)).map_err(told);
    Ok(timed(1, work, move |found| check_times(&found, order)))
}

/// The same, an item a task.
pub(crate) fn map_chunk1(items: u64) -> Result<Repetition, String> {
    map_chunk1_on(processors(), items)
}

/// The same, by so many workers.
pub(crate) fn map_chunk1_on(workers: usize, items: u64) -> Result<Repetition, String> {
    let pool = Pool::with_processes(workers).map_err(told)?;
    let work = move || pool.with_chunksize(1).map(identity, 0..items).map_err(told);
    Ok(timed(items, work, move |found| check_count(found.len(), items)))
}

/// A lazy map, an item a task, each result looked at as it comes.
pub(crate) fn imap_chunk1(items: u64) -> Result<Repetition, String> {
    let pool = workers()?;
    let work = move || {
        let mut found = 0;
        for result in pool.imap(identity, 0..items) {
            result.map_err(told)?;
            found += 1;
        }
        Ok(found)
    };
    Ok(timed(items, work, move |found| check_count(found, items)))
}

/// One call after another.
pub(crate) fn apply(items: u64) -> Result<Repetition, String> {
    let pool = workers()?;
    let work = move || (0..items).try_for_each(|n| pool.apply(identity, (n,)).map(drop)).map_err(told);
    Ok(timed(items, work, Ok))
}

/// One future after another.
pub(crate) fn submit(items: u64) -> Result<Repetition, String> {
    let pool = workers()?;
    let work = move || (0..items).try_for_each(|n| pool.submit(identity, (n,)).get().map(drop)).map_err(told);
    Ok(timed(items, work, Ok))
}

/// So many bytes to a worker and back. The time is that of the whole trip.
pub(crate) fn echo(bytes: u64) -> Result<Repetition, String> {
    let pool = workers()?;
    let bytes = bytes as usize;
    Ok(Box::new(move || {
        let payload = vec![7u8; bytes];
        let start = Instant::now();
        let back = pool.apply(same, (payload,)).map_err(told)?;
        let taken = start.elapsed();
        check_count(back.len(), bytes as u64)?;
        Ok(taken.as_secs_f64())
    }))
}

fn same(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

/// The 17 numbers, as they come.
pub(crate) fn primes() -> Result<Repetition, String> {
    let pool = workers()?;
    let work = move || pool.imap(is_prime, NUMBERS).collect::<Result<Vec<_>, _>>().map_err(told);
    Ok(timed(1, work, check_primes))
}

/// The 17 numbers in pieces, as they finish.
pub(crate) fn primes_split() -> Result<Repetition, String> {
    let pool = workers()?;
    let work = move || pool.imap_unordered(composite, pieces()).collect::<Result<Vec<_>, _>>().map_err(told);
    Ok(timed(1, work, check_pieces))
}

/// A pool of two by a start method: start, two tasks, stop.
pub(crate) fn start_and_stop(method: StartMethod) -> Result<(), String> {
    let pool = Pool::builder().processes(2).start_method(method).build().map_err(told)?;
    let found = pool.with_chunksize(1).map(identity, [1, 2]).map_err(told)?;
    pool.close();
    pool.join().map_err(told)?;
    check_count(found.len(), 2)
}

/// The same while another pool lives, and with it the server that forks the workers of both.
pub(crate) fn start_and_stop_beside() -> Result<(), String> {
    static OTHER: OnceLock<Result<Pool, String>> = OnceLock::new();
    OTHER.get_or_init(workers).as_ref().map_err(String::clone)?;
    start_and_stop(StartMethod::ForkServer)
}

fn workers() -> Result<Pool, String> {
    Pool::with_processes(processors()).map_err(told)
}

pub(crate) fn check_count(found: usize, items: u64) -> Result<(), String> {
    match found as u64 == items {
        true => Ok(()),
        false => Err(format!("{found} results for {items} items")),
    }
}

pub(crate) fn told(error: multiproc::Error) -> String {
    error.to_string()
}
