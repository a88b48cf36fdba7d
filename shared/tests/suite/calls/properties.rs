//! What holds for any number of items, in chunks of any size, in any window, on any number of
//! workers.

use std::cell::Cell;
use std::collections::BTreeSet;

use multiproc::{Executor, Pool, Result};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{Named, named, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    map_returns_each_result_in_its_place
    lazy_map_keeps_order_and_its_window
    unordered_lazy_map_returns_each_result_once
    lazy_map_may_be_dropped_anywhere
};

/// Items, the size of chunks, the window, and workers.
fn settings() -> impl Strategy<Value = (u64, usize, usize, usize)> {
    let len = prop_oneof![0..20u64, 0..3000u64];
    let chunksize = prop_oneof![1..10usize, 1..4000usize];
    let window = prop_oneof![1..20usize, 1..5000usize];
    (len, chunksize, window, 1..4usize)
}

/// Tries the property with one pool after the other, resized as it wants.
fn holds(property: impl Fn(&Pool, u64, usize, usize) -> Result<(), TestCaseError>) -> Result<()> {
    let pool = Pool::with_processes(1)?;
    let mut runner = TestRunner::new(Config { cases: 80, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&settings(), |(len, chunksize, window, workers)| {
        pool.resize(workers).unwrap();
        property(&pool, len, chunksize, window)
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    Ok(())
}

fn map_returns_each_result_in_its_place() -> Result<()> {
    holds(|pool, len, chunksize, _| {
        let batched = pool.with_chunksize(chunksize);
        prop_assert_eq!(batched.map(square, 0..len).unwrap(), squares(len));
        prop_assert_eq!(batched.map_async(square, 0..len).get().unwrap(), squares(len));
        let sums = batched.starmap(|a: u64, b: u64| a + b, (0..len).map(|n| (n, n))).unwrap();
        prop_assert_eq!(sums, (0..len).map(|n| 2 * n).collect::<Vec<_>>());
        Ok(())
    })
}

fn lazy_map_keeps_order_and_its_window() -> Result<()> {
    holds(|pool, len, chunksize, window| {
        let taken = Cell::new(0);
        let source = (0..len).inspect(|_| taken.set(taken.get() + 1));
        let results = pool.with_chunksize(chunksize).with_window(window).imap(square, source);
        let mut returned = 0;
        for (n, result) in results.enumerate() {
            prop_assert_eq!(result.unwrap(), square(n as u64));
            prop_assert!(taken.get() - returned <= window.max(chunksize), "{} taken, {returned} returned", taken.get());
            returned += 1;
        }
        prop_assert_eq!((returned as u64, taken.get() as u64), (len, len));
        Ok(())
    })
}

fn unordered_lazy_map_returns_each_result_once() -> Result<()> {
    holds(|pool, len, chunksize, window| {
        let results: Vec<u64> = pool
            .with_chunksize(chunksize)
            .with_window(window)
            .imap_unordered(square, 0..len)
            .collect::<Result<_>>()
            .unwrap();
        prop_assert_eq!(results.len() as u64, len);
        prop_assert_eq!(results.into_iter().collect::<BTreeSet<_>>(), squares(len).into_iter().collect());
        Ok(())
    })
}

fn lazy_map_may_be_dropped_anywhere() -> Result<()> {
    holds(|pool, len, chunksize, window| {
        let wanted = window.min(len as usize);
        let some: Vec<u64> =
            pool.with_chunksize(chunksize).imap(square, 0u64..).take(wanted).collect::<Result<_>>().unwrap();
        prop_assert_eq!(some, squares(wanted as u64));
        prop_assert_eq!(pool.apply(square, (len,)).unwrap(), square(len));
        Ok(())
    })
}
