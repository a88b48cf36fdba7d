//! Which item of a call a failure is of, whatever it is.

use std::path::PathBuf;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Result};

use crate::support::{Named, named, nap};

pub(crate) const TESTS: &[Named] = named! {
    every_kind_of_failure_names_its_item
    failure_of_the_whole_call_names_no_item
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
