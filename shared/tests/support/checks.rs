//! Checks of conditions, of errors and of a pool as a whole.

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Error, Executor, Pool, Result};

use super::square;

/// Waits until `condition` holds, and panics if it never does.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < until, "never happened: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Returns the pids of the pool's workers, once it has as many as it should.
pub(crate) fn pids(pool: &Pool) -> Vec<u32> {
    eventually("the pool has all its workers", || pool.workers().len() == pool.processes());
    pool.workers().iter().map(|worker| worker.pid).collect()
}

/// Checks that every call fails with an error that `check` accepts, and that the pool can be
/// joined.
pub(crate) fn can_run_nothing(pool: &Pool, check: impl Fn(&Error) -> bool) {
    let errors = [
        pool.apply(square, (1,)).unwrap_err(),
        pool.map(square, 0..100).unwrap_err(),
        pool.apply_async(square, (1,)).get().unwrap_err(),
        pool.map_async(square, 0..100).get().unwrap_err(),
        pollster::block_on(pool.apply_async(square, (1,))).unwrap_err(),
    ];
    let lazy = pool
        .imap(square, 0..100)
        .map(Result::unwrap_err)
        .chain(pool.imap_unordered(square, 0..100).map(Result::unwrap_err));
    errors.into_iter().chain(lazy).for_each(|error| assert!(check(&error), "{error:?}"));
    pool.close();
    pool.join().unwrap();
}

/// Returns the message of a task's panic.
pub(crate) fn message<T: Debug>(result: Result<T>) -> String {
    match result {
        Err(Error::Panicked { message, .. }) => message,
        other => panic!("{other:?}"),
    }
}

/// Checks that a call was refused with a text that has this word in it.
pub(crate) fn is_config<T: Debug>(result: Result<T>, word: &str) {
    match result {
        Err(Error::Config(text)) => assert!(text.contains(word), "{text}"),
        other => panic!("{other:?}"),
    }
}

/// Checks that a call was refused in this state, with a text that has this word in it.
pub(crate) fn is_invalid_state<T: Debug>(result: Result<T>, word: &str) {
    match result {
        Err(Error::InvalidState(text)) => assert!(text.contains(word), "{text}"),
        other => panic!("{other:?}"),
    }
}
