//! The number of a worker in its pool, by which it chooses what is its own.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use multiproc::{Executor, Pool, Process, Queue, Result, ThreadPool, worker_index};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Gate, METHODS, Named, eventually, named, pass};

pub(crate) const TESTS: &[Named] = named! {
    workers_have_the_numbers_below_their_number
    replacement_has_the_number_of_the_worker_it_replaces
    resized_pool_keeps_the_lowest_numbers
    growing_pool_gives_out_the_lowest_free_number
    initializer_and_finalizer_know_the_number
    only_the_workers_of_pools_have_a_number
    threads_have_numbers_of_their_own
};

/// A task: waits at the gate and returns the number of its worker.
fn index_at(gate: PathBuf) -> Option<usize> {
    pass(gate);
    worker_index()
}

/// Returns the numbers of as many workers as there are tasks, which run at the same time.
fn indices(pool: &impl Executor, tasks: usize) -> BTreeSet<Option<usize>> {
    let gate = Gate::new();
    let tasks: Vec<_> = (0..tasks).map(|_| pool.apply_async(index_at, (gate.path(),))).collect();
    gate.await_arrivals(tasks.len());
    gate.open();
    tasks.into_iter().map(|task| task.get().unwrap()).collect()
}

fn below(len: usize) -> BTreeSet<Option<usize>> {
    (0..len).map(Some).collect()
}

/// Waits until the workers have these numbers.
fn await_indices(pool: &Pool, expected: &[usize]) {
    eventually("the workers have these numbers", || {
        let mut found: Vec<_> = pool.workers().iter().map(|worker| worker.index).collect();
        found.sort_unstable();
        found == expected
    });
}

fn workers_have_the_numbers_below_their_number() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(3).start_method(method).build()?;
        assert_eq!(indices(&pool, 3), below(3), "{method:?}");
        await_indices(&pool, &[0, 1, 2]);
        let (pid, index) = pool.apply(|| (std::process::id(), worker_index()), ())?;
        let worker = pool.workers().into_iter().find(|worker| worker.pid == pid).unwrap();
        assert_eq!(Some(worker.index), index, "the pool knows it, too");
    }
    Ok(())
}

fn replacement_has_the_number_of_the_worker_it_replaces() -> Result<()> {
    let pool = Pool::builder().processes(3).build()?;
    for index in [1, 0, 2, 1] {
        await_indices(&pool, &[0, 1, 2]);
        let lost = pool.workers().into_iter().find(|worker| worker.index == index).unwrap();
        kill(Pid::from_raw(lost.pid.cast_signed()), Signal::SIGKILL).unwrap();
        eventually("it is replaced", || {
            let now = pool.workers();
            now.len() == 3 && now.iter().any(|worker| worker.index == index && worker.pid != lost.pid)
        });
    }
    // So has one that replaces a worker which has run its tasks.
    let pool = Pool::builder().processes(2).max_tasks_per_child(1).build()?;
    for index in pool.with_chunksize(1).map(|_: u32| worker_index(), 0..20)? {
        assert!(below(2).contains(&index), "{index:?}");
    }
    Ok(())
}

fn resized_pool_keeps_the_lowest_numbers() -> Result<()> {
    let pool = Pool::with_processes(4)?;
    for size in [2, 3, 1, 4] {
        pool.resize(size)?;
        await_indices(&pool, &Vec::from_iter(0..size));
    }
    assert_eq!(indices(&pool, 4), below(4));
    Ok(())
}

fn growing_pool_gives_out_the_lowest_free_number() -> Result<()> {
    let pool = Pool::builder().processes_between(1, 3).shrink_after(Duration::from_millis(20)).build()?;
    for _ in 0..3 {
        assert_eq!(indices(&pool, 3), below(3));
        eventually("it shrinks", || pool.workers().len() == 1);
    }
    Ok(())
}

static SEEN: OnceLock<Option<usize>> = OnceLock::new();

fn initializer_and_finalizer_know_the_number() -> Result<()> {
    let remember = || SEEN.set(worker_index()).is_ok();
    let put = |queue: Queue<Option<usize>>| queue.put(worker_index()).is_ok();
    for method in METHODS {
        let queue = Queue::new()?;
        let builder = Pool::builder().processes(2).start_method(method).initializer(remember, ());
        let pool = builder.finalizer(put, (queue.clone(),)).build()?;
        assert_eq!(
            pool.apply(|| (worker_index(), SEEN.get().copied()), ())?.1,
            pool.apply(|| SEEN.get().copied(), ())?
        );
        let same = pool.with_chunksize(1).map(|_: u32| SEEN.get().copied() == Some(worker_index()), 0..10)?;
        assert_eq!(same, [true; 10], "{method:?}");
        pool.close();
        pool.join()?;
        assert_eq!(BTreeSet::from([queue.get()?, queue.get()?]), below(2));
    }
    Ok(())
}

fn only_the_workers_of_pools_have_a_number() -> Result<()> {
    assert_eq!(worker_index(), None);
    assert_eq!(Process::new(worker_index, ()).start()?.join()?, None);
    let pool = Pool::with_processes(1)?;
    let in_process = || Process::new(worker_index, ()).start().and_then(Process::join).unwrap();
    assert_eq!(pool.apply(in_process, ())?, None, "a process that a worker has started");
    assert_eq!(pool.apply(|| thread::spawn(worker_index).join().unwrap(), ())?, Some(0), "a thread of a task");
    let in_pool = || indices(&Pool::with_processes(2).unwrap(), 2);
    assert_eq!(pool.apply(in_pool, ())?, below(2), "a pool in a worker");
    Ok(())
}

fn threads_have_numbers_of_their_own() -> Result<()> {
    let pool = ThreadPool::with_processes(3)?;
    assert_eq!(indices(&pool, 3), below(3));
    assert_eq!(worker_index(), None);
    pool.resize(1)?;
    pool.resize(3)?;
    let again = indices(&pool, 3);
    assert!(again.len() == 3 && again.contains(&Some(0)) && !again.contains(&None), "{again:?}");
    // In a worker of a pool, they are not that worker's.
    let in_worker = |_: u32| indices(&ThreadPool::with_processes(2).unwrap(), 2);
    let pool = Pool::with_processes(2)?;
    assert_eq!(pool.with_chunksize(1).map(in_worker, 0..4)?, vec![below(2); 4]);
    Ok(())
}
