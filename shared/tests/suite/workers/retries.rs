//! Tasks that are begun again when they are lost with their worker, and those that are not.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::abort;
use std::thread;
use std::time::Duration;

use multiproc::{Connection, Error, Executor, Pool, Result, ThreadPool, partial, pipe};

use crate::support::{Death, Gate, Named, eventually, named, nap, pass, square};

pub(crate) const TESTS: &[Named] = named! {
    lost_task_is_begun_again_in_every_call
    task_that_is_lost_each_time_says_how_often_it_was_begun
    lost_task_is_not_begun_again_by_default
    only_a_lost_task_is_begun_again
    each_task_of_a_chunk_has_its_own_tries
    waiting_behind_a_lost_task_is_no_try
    large_arguments_are_there_for_every_try
    handle_of_one_owner_is_lost_with_its_task
    retries_and_time_limit_go_together
    threads_take_the_option_and_lose_nothing
};

/// Notes in a file that a task begins. Returns how often one did.
fn begin(path: &Path) -> u64 {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(b".").unwrap();
    file.metadata().unwrap().len()
}

/// Returns how often a task noted that it begins.
fn begun(path: &Path) -> u64 {
    path.metadata().map_or(0, |data| data.len())
}

/// A task: ends its process the first `losses` times. Returns how often it was begun.
fn survive((path, losses): (PathBuf, u64)) -> u64 {
    let tries = begin(&path);
    if tries <= losses { abort() } else { tries }
}

fn lost_task_is_begun_again_in_every_call() -> Result<()> {
    let (pool, folder) = (Pool::with_processes(2)?, tempfile::tempdir().unwrap());
    let mut fresh = (0..).map(|n| folder.path().join(format!("{n}")));
    let retried = pool.with_retries(2);
    assert_eq!(retried.apply(survive, ((fresh.next().unwrap(), 2),))?, 3);
    assert_eq!(retried.apply_async(survive, ((fresh.next().unwrap(), 1),)).get()?, 2);
    for size in [1, 3, 10] {
        let pool = pool.with_retries(2).with_chunksize(size);
        let losses = [0, 2, 0, 1, 0, 0];
        let mut items = || losses.map(|losses| (fresh.next().unwrap(), losses));
        let tries = losses.map(|losses| losses + 1);
        assert_eq!(pool.map(survive, items())?, tries);
        assert_eq!(pool.map_async(survive, items()).get()?, tries);
        assert_eq!(pool.imap(survive, items()).collect::<Result<Vec<_>>>()?, tries);
        for (index, result) in pool.imap_unordered(survive, items()).indexed() {
            assert_eq!(result?, tries[index]);
        }
    }
    let stats = pool.statistics();
    assert_eq!((stats.failed, stats.completed, stats.workers_lost), (0, 2 + 3 * 4 * 6, 3 + 3 * 4 * 3));
    Ok(())
}

fn task_that_is_lost_each_time_says_how_often_it_was_begun() -> Result<()> {
    let (pool, folder) = (Pool::with_processes(2)?, tempfile::tempdir().unwrap());
    let path = folder.path().join("task");
    let lost = pool.with_retries(3).apply(survive, ((path.clone(), u64::MAX),)).unwrap_err();
    assert!(matches!(lost, Error::WorkerLost { task: 0, .. }), "{lost}");
    assert_eq!((lost.tries(), begun(&path)), (Some(4), 4));
    assert!(lost.to_string().ends_with("; it was begun 4 times"), "{lost}");
    let items =
        [0, u64::MAX, 0].into_iter().enumerate().map(|(n, losses)| (folder.path().join(format!("{n}")), losses));
    let results = pool.with_retries(1).map_results(survive, items)?;
    assert!(matches!(results[..], [Ok(1), Err(Error::WorkerLost { .. }), Ok(1)]), "{results:?}");
    let lost = results[1].as_ref().unwrap_err();
    assert_eq!((lost.tries(), lost.index()), (Some(2), Some(1)));
    Ok(())
}

fn lost_task_is_not_begun_again_by_default() -> Result<()> {
    let (pool, folder) = (Pool::with_processes(1)?, tempfile::tempdir().unwrap());
    let path = folder.path().join("task");
    let lost = pool.apply(survive, ((path.clone(), u64::MAX),)).unwrap_err();
    assert_eq!((lost.tries(), begun(&path)), (None, 1));
    Ok(())
}

fn only_a_lost_task_is_begun_again() -> Result<()> {
    let (pool, folder, gate) = (Pool::with_processes(1)?, tempfile::tempdir().unwrap(), Gate::new());
    let [panics, slow] = ["panics", "slow"].map(|name| folder.path().join(name));
    let retried = pool.with_retries(5);
    let panic = |path: PathBuf| -> u64 { panic!("{}", begin(&path)) };
    assert!(matches!(retried.apply(panic, (panics.clone(),)), Err(Error::Panicked { .. })));
    let long = |path: PathBuf| (begin(&path), nap(3_600_000));
    let over = retried.with_timeout(Duration::from_millis(300)).apply(long, (slow.clone(),));
    assert!(matches!(over, Err(Error::TimedOut { .. })), "{over:?}");
    let cancelled = retried.apply_async(pass, (gate.path(),));
    gate.await_arrivals(1);
    assert!(cancelled.cancel());
    assert!(matches!(cancelled.get(), Err(Error::Cancelled)));
    // Whatever was begun again would have run before this.
    assert_eq!(pool.apply(square, (3,))?, 9);
    assert_eq!((begun(&panics), begun(&slow), gate.arrived().len()), (1, 1, 1));
    Ok(())
}

fn each_task_of_a_chunk_has_its_own_tries() -> Result<()> {
    let (pool, folder) = (Pool::with_processes(1)?, tempfile::tempdir().unwrap());
    let losses = [2, 2, 0, 2, 3, 2, 1];
    let items = losses.iter().enumerate().map(|(n, losses)| (folder.path().join(format!("{n}")), *losses));
    let results = pool.with_retries(2).with_chunksize(10).map_results(survive, items)?;
    for (losses, result) in losses.into_iter().zip(results) {
        match result {
            Ok(tries) => assert_eq!(tries, losses + 1),
            Err(lost) => assert_eq!((losses, lost.tries()), (3, Some(3)), "{lost}"),
        }
    }
    Ok(())
}

fn waiting_behind_a_lost_task_is_no_try() -> Result<()> {
    let (pool, folder) = (Pool::with_processes(1)?, tempfile::tempdir().unwrap());
    // Short tasks, so that others are sent ahead.
    assert_eq!(pool.map(square, 0..1000)?.len(), 1000);
    let first = pool.with_retries(6).apply_async(survive, ((folder.path().join("first"), 6),));
    let behind: Vec<_> =
        (0..20).map(|n| pool.apply_async(survive, ((folder.path().join(format!("{n}")), 0),))).collect();
    assert_eq!(first.get()?, 7);
    for task in behind {
        assert_eq!(task.get()?, 1);
    }
    Ok(())
}

fn large_arguments_are_there_for_every_try() -> Result<()> {
    let (pool, folder) = (Pool::with_processes(1)?, tempfile::tempdir().unwrap());
    let echo = |(path, bytes, delay): (PathBuf, Vec<u8>, u64)| {
        if begin(&path) <= 2 {
            // It dies while its result is on its way.
            thread::spawn(move || {
                thread::sleep(Duration::from_micros(delay));
                Death::Kill.die()
            });
        }
        bytes
    };
    let bytes: Vec<u8> = (0..20u32 << 20).map(|n| n as u8).collect();
    for round in 0..10 {
        let path = folder.path().join(format!("{round}"));
        let back = pool.with_retries(10).apply(echo, ((path, bytes.clone(), 1500 * round),))?;
        assert!(back == bytes, "round {round}");
    }
    Ok(())
}

fn handle_of_one_owner_is_lost_with_its_task() -> Result<()> {
    let (pool, folder) = (Pool::with_processes(1)?, tempfile::tempdir().unwrap());
    let path = folder.path().join("task");
    let fail = |_: Connection<u64, u64>, path: PathBuf| -> u64 {
        begin(&path);
        abort()
    };
    let (_ours, theirs) = pipe::<u64, u64>()?;
    let lost = pool.with_retries(3).apply(fail, (theirs, path.clone())).unwrap_err();
    assert!(matches!(lost, Error::WorkerLost { .. }), "{lost}");
    let (_ours, theirs) = pipe::<u64, u64>()?;
    let fail = |_: &Connection<u64, u64>, path: PathBuf| -> u64 {
        begin(&path);
        abort()
    };
    let lost = pool.with_retries(3).apply(partial(fail, theirs), (path.clone(),)).unwrap_err();
    assert!(matches!(lost, Error::WorkerLost { .. }), "{lost}");
    assert_eq!(begun(&path), 2);
    eventually("a new worker is there", || pool.workers().len() == 1);
    Ok(())
}

fn retries_and_time_limit_go_together() -> Result<()> {
    let (pool, folder) = (Pool::with_processes(1)?, tempfile::tempdir().unwrap());
    let path = folder.path().join("task");
    let task = |path: PathBuf| match begin(&path) {
        1 => abort(),
        2 => nap(3_600_000),
        tries => tries,
    };
    let limited = pool.with_timeout(Duration::from_millis(500)).with_retries(5);
    let over = limited.with_chunksize(3).map_results(task, [path.clone(), path.clone()])?;
    assert!(matches!(over[..], [Err(Error::TimedOut { .. }), Ok(3)]), "{over:?}");
    Ok(())
}

fn threads_take_the_option_and_lose_nothing() -> Result<()> {
    let (pool, folder) = (ThreadPool::with_processes(2)?, tempfile::tempdir().unwrap());
    let (retried, path) = (pool.with_retries(3), folder.path().join("task"));
    assert_eq!(retried.map(square, 0..3)?, [0, 1, 4]);
    let panic = |path: PathBuf| -> u64 { panic!("{}", begin(&path)) };
    assert!(matches!(retried.apply(panic, (path.clone(),)), Err(Error::Panicked { .. })));
    assert_eq!(begun(&path), 1);
    Ok(())
}
