//! rayon: threads in one process. It shows what it costs to cross into another process, and what
//! that buys.

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::case::Repetition;
use crate::measure::{processors, timed};
use crate::work::{
    NUMBERS, Order, burn, check_pieces, check_primes, check_times, composite, identity, is_prime, pieces, skewed_times,
};

/// A pool of the row's own, so that its threads end with the row.
fn threads() -> Result<ThreadPool, String> {
    ThreadPoolBuilder::new().num_threads(processors()).build().map_err(|error| error.to_string())
}

/// A map of the no-op.
pub(crate) fn map(items: u64) -> Result<Repetition, String> {
    let pool = threads()?;
    let work = move || Ok(pool.install(|| (0..items).into_par_iter().map(identity).collect::<Vec<_>>()));
    Ok(timed(items, work, move |found| check_length(found.len(), items)))
}

/// Tasks of different length, as rayon splits them.
pub(crate) fn skewed(order: Order) -> Result<Repetition, String> {
    let pool = threads()?;
    let work = move || Ok(pool.install(|| skewed_times(order).into_par_iter().map(burn).collect::<Vec<_>>()));
    Ok(timed(1, work, move |found| check_times(&found, order)))
}

/// The same, split down to single items.
pub(crate) fn map_chunk1(items: u64) -> Result<Repetition, String> {
    let pool = threads()?;
    let items = items as usize;
    let work = move || {
        let single = (0..items).into_par_iter().with_max_len(1);
        Ok(pool.install(|| single.map(|n| identity(n as u64)).collect::<Vec<_>>()))
    };
    Ok(timed(items as u64, work, move |found| check_length(found.len(), items as u64)))
}

/// One call after another from outside the pool.
pub(crate) fn apply(items: u64) -> Result<Repetition, String> {
    let pool = threads()?;
    let work = move || Ok((0..items).map(|n| pool.install(|| identity(n))).sum::<u64>());
    Ok(timed(items, work, |_| Ok(())))
}

/// The 17 numbers, each stolen on its own.
pub(crate) fn primes() -> Result<Repetition, String> {
    let pool = threads()?;
    let work = move || {
        let numbers = NUMBERS.par_iter().with_max_len(1);
        Ok(pool.install(|| numbers.map(|n| is_prime(*n)).collect::<Vec<_>>()))
    };
    Ok(timed(1, work, check_primes))
}

/// The 17 numbers in pieces.
pub(crate) fn primes_split() -> Result<Repetition, String> {
    let pool = threads()?;
    let work = move || {
        let all: Vec<_> = pieces().collect();
        Ok(pool.install(|| all.into_par_iter().with_max_len(1).map(composite).collect::<Vec<_>>()))
    };
    Ok(timed(1, work, check_pieces))
}

fn check_length(found: usize, items: u64) -> Result<(), String> {
    match found as u64 == items {
        true => Ok(()),
        false => Err(format!("{found} results for {items} items")),
    }
}
