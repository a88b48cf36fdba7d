//! Tasks that fork: the copy of a worker ends, wherever it comes back to the crate's code.

use std::time::Duration;

use multiproc::{Executor, Pool, Process, Result, StartMethod, ThreadPool};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fork_here;
use crate::support::{METHODS, Named, ProcessId, descendants, eventually, named, own_pid, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    copy_of_a_worker_ends
    copy_of_a_worker_that_panics_ends
    copy_of_a_worker_made_by_arguments_and_results_ends
    copy_of_an_initializer_ends
    copy_of_a_process_ends
    copy_of_a_thread_of_the_pool_ends
    copy_of_a_callback_ends
};

/// Only the pool's own processes are there: those that were before, and no copy of any.
fn no_copy_is_left(before: &[ProcessId]) {
    let new = || descendants().into_iter().filter(|process| !before.contains(process)).count();
    eventually("every copy has ended", || new() == 0);
}

fn forks_at_5(n: u64) -> u64 {
    if n == 5 && fork_here() {
        // Late enough for the original to be far ahead.
        std::thread::sleep(Duration::from_millis(5));
        return 5555;
    }
    square(n)
}

pub(crate) fn copy_of_a_worker_ends() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        pool.map(square, 0..10)?;
        let before = descendants();
        for chunksize in [1, 3, 40] {
            assert_eq!(pool.with_chunksize(chunksize).map(forks_at_5, 0..40)?, squares(40));
            let results: Vec<_> = (0..40u64).map(|n| pool.apply_async(forks_at_5, (n,))).collect();
            assert_eq!(results.into_iter().map(|result| result.get()).collect::<Result<Vec<_>>>()?, squares(40));
        }
        let text = |n: u64| if forks_at_5(n) == 5555 { "copy".to_string() } else { "original".repeat(10_000) };
        assert_eq!(pool.apply(text, (5,))?.len(), 80_000);
        // Zombies are the task's to wait for; they go with their worker.
        pool.resize(1)?;
        drop(pool);
        no_copy_is_left(&[]);
        assert!(!before.is_empty());
    }
    Ok(())
}

pub(crate) fn copy_of_a_worker_that_panics_ends() -> Result<()> {
    let panics = |n: u64| {
        assert!(n != 5 || !fork_here(), "in the copy");
        square(n)
    };
    for method in METHODS {
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        for _ in 0..5 {
            assert_eq!(pool.map(panics, 0..40)?, squares(40));
            assert_eq!(pool.apply(panics, (5,))?, 25);
        }
        drop(pool);
        no_copy_is_left(&[]);
    }
    Ok(())
}

/// Forks while it is written (in a worker), or read there.
#[derive(Debug, PartialEq)]
struct Forking<const READING: bool>(u64);

impl<const READING: bool> Serialize for Forking<READING> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        if !READING && multiproc::parent_process().is_some() {
            let copy = fork_here();
            return (self.0 + u64::from(copy)).serialize(serializer);
        }
        self.0.serialize(serializer)
    }
}

impl<'de, const READING: bool> Deserialize<'de> for Forking<READING> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let copy = READING && multiproc::parent_process().is_some() && fork_here();
        u64::deserialize(deserializer).map(|n| Self(n + u64::from(copy)))
    }
}

pub(crate) fn copy_of_a_worker_made_by_arguments_and_results_ends() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        let read = |argument: Forking<true>| argument.0;
        let written = |n: u64| Forking::<false>(n);
        assert_eq!(pool.map(read, (0..20).map(Forking::<true>))?, (0..20).collect::<Vec<_>>());
        assert_eq!(pool.map(written, 0..20)?, (0..20).map(Forking::<false>).collect::<Vec<_>>());
        drop(pool);
        no_copy_is_left(&[]);
    }
    Ok(())
}

pub(crate) fn copy_of_an_initializer_ends() -> Result<()> {
    let forks = || {
        fork_here();
    };
    for method in METHODS {
        let pool = Pool::builder().processes(2).start_method(method).initializer(forks, ()).build()?;
        assert_eq!(pool.map(square, 0..100)?, squares(100));
        drop(pool);
        no_copy_is_left(&[]);
    }
    Ok(())
}

pub(crate) fn copy_of_a_process_ends() -> Result<()> {
    for method in METHODS {
        for n in [4, 5] {
            let process = Process::builder().start_method(method).target(forks_at_5, (n,)).start()?;
            let pid = process.pid();
            assert_ne!(pid, own_pid());
            assert_eq!(process.join()?, square(n));
        }
        no_copy_is_left(&[]);
    }
    Ok(())
}

/// Waits for the copies that threads of this process have made.
fn reap_copies(count: usize) {
    for _ in 0..count {
        let copy = nix::sys::wait::waitpid(None, None).unwrap();
        assert!(matches!(copy, nix::sys::wait::WaitStatus::Exited(_, 0)), "{copy:?}");
    }
}

pub(crate) fn copy_of_a_thread_of_the_pool_ends() -> Result<()> {
    let pool = ThreadPool::with_processes(2)?;
    assert_eq!(pool.map(forks_at_5, 0..40)?, squares(40));
    assert_eq!(pool.apply(forks_at_5, (5,))?, 25);
    reap_copies(2);
    Ok(())
}

pub(crate) fn copy_of_a_callback_ends() -> Result<()> {
    let pool = Pool::builder().processes(1).start_method(StartMethod::Spawn).build()?;
    let result = pool.apply_async(square, (3,)).callback(|_| {
        fork_here();
    });
    assert_eq!(result.get()?, 9);
    reap_copies(1);
    Ok(())
}
