//! Which item of a call a failure is of, whatever it is.

use std::path::PathBuf;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Result};

use crate::support::{Gate, Named, named, nap, pass, square};

pub(crate) const TESTS: &[Named] = named! {
    every_kind_of_failure_names_its_item
    failure_of_the_whole_call_names_no_item
    lost_worker_costs_one_result_of_a_map
    cancelled_map_keeps_what_has_come
};

/// A path that cannot be serialized.
fn no_text() -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(vec![0xff]).into()
}

fn every_kind_of_failure_names_its_item() -> Result<()> {
    let pool = Pool::builder().processes(2).max_message(1000).build()?;
    let echo = |path: PathBuf| path;
    let make = |n: usize| if n == 4 { no_text() } else { PathBuf::new() };
    let die = |n: usize| if n == 4 { std::process::abort() } else { n };
    let long = |n: usize| vec![0u8; if n == 4 { 2000 } else { n }];
    for size in [1, 2, 5, 10] {
        let pool = pool.with_chunksize(size);
        let paths = || (0..10).map(make);
        let slow = (0..10).map(|n| if n == 4 { 3_600_000 } else { 0 });
        let errors = [
            pool.map(echo, paths()).unwrap_err(),
            pool.map_async(echo, paths()).get().unwrap_err(),
            pool.imap_unordered(echo, paths()).find_map(Result::err).unwrap(),
            pool.map(make, 0..10usize).unwrap_err(),
            pool.map(die, 0..10usize).unwrap_err(),
            pool.imap_unordered(die, 0..10usize).find_map(Result::err).unwrap(),
            pool.map(long, 0..10usize).unwrap_err(),
            pool.map(|bytes: Vec<u8>| bytes.len(), (0..10).map(long)).unwrap_err(),
            pool.with_timeout(Duration::from_millis(300)).map(nap, slow).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.index(), Some(4), "{error}");
            assert!(error.function().is_some() && error.to_string().starts_with("item 4 of `"), "{error}");
        }
    }
    Ok(())
}

fn lost_worker_costs_one_result_of_a_map() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let die = |n: u64| if n == 4 { std::process::abort() } else { square(n) };
    for size in [1, 3, 20] {
        let pool = pool.with_chunksize(size);
        for results in [pool.map_results(die, 0..20)?, pool.map_results_async(die, 0..20).get()?] {
            assert_eq!(results.len(), 20);
            for (n, result) in (0..).zip(results) {
                match result {
                    Ok(value) => assert_eq!((value, n != 4), (square(n), true)),
                    Err(error) => assert!(n == 4 && matches!(error, Error::WorkerLost { .. }), "{n}: {error}"),
                }
            }
        }
    }
    Ok(())
}

fn cancelled_map_keeps_what_has_come() -> Result<()> {
    let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
    let task = |(n, gate): (u64, Option<PathBuf>)| gate.map_or(n, |gate| pass(gate).into());
    let items = (0..5).map(|n| (n, (n >= 2).then(|| gate.path())));
    let results = pool.with_chunksize(1).map_results_async(task, items);
    gate.await_arrivals(1);
    assert!(results.cancel());
    let results = results.get()?;
    assert!(matches!(results[..2], [Ok(0), Ok(1)]), "{results:?}");
    assert!(results.len() == 5 && results[2..].iter().all(|result| matches!(result, Err(Error::Cancelled))));
    Ok(())
}

fn failure_of_the_whole_call_names_no_item() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    pool.close();
    let errors = [
        pool.map(nap, 0..3).unwrap_err(),
        pool.imap(nap, 0..3).next().unwrap().unwrap_err(),
        pool.map(nap, 0u64..).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Closed | Error::Config(_)), "{error}");
        assert_eq!((error.index(), error.function()), (None, None));
    }
    Ok(())
}
