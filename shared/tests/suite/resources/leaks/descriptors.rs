//! Descriptors after lost workers and refused messages, and processes that have none free.

use std::fs::File;
use std::sync::Mutex;

use multiproc::{Connection, Error, Executor, ListProxy, Manager, Pool, Result, StartMethod, pipe};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::process::{Rlimit, prlimit};

use super::SLACK;
use crate::support::{Named, descriptors, eventually, named, pids, resident_kib, square, squares, zygote};

pub(crate) const TESTS: &[Named] = named! {
    lost_workers_leave_nothing
    truncated_messages_leave_no_descriptors
    task_whose_handles_find_no_room_fails_alone
    result_whose_handles_find_no_room_fails_alone
    workers_outlive_a_zygote_without_descriptors
    manager_without_descriptors_refuses_and_serves_on
};

fn lost_workers_leave_nothing() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let lose = |count: u64| {
        let exit = |_: u64| -> u64 { std::process::exit(3) };
        pool.imap(exit, 0..count).for_each(|result| assert!(matches!(result, Err(Error::WorkerLost { .. }))));
        pool.map(square, 0..100)
    };
    lose(100)?;
    let (memory, open) = (resident_kib(), descriptors().len());
    assert_eq!(lose(2000)?, squares(100));
    let growth = resident_kib().saturating_sub(memory);
    assert!(growth < SLACK, "{growth} KiB more");
    pids(&pool);
    assert_eq!(descriptors().len(), open);
    Ok(())
}

/// Sets how many descriptors a process may have; returns how many it was.
fn limit_descriptors_of(pid: u32, max: u64) -> u64 {
    let limit = Rlimit { current: Some(max), maximum: Some(getrlimit(Resource::RLIMIT_NOFILE).unwrap().1) };
    let pid = rustix::process::Pid::from_raw(pid as i32);
    prlimit(pid, rustix::process::Resource::Nofile, limit).unwrap().current.unwrap()
}

/// Leaves a process room for only `free` descriptors more than it has; returns its limit before.
fn leave_descriptors(pid: u32, free: usize) -> u64 {
    let open = |number: &u64| std::fs::symlink_metadata(format!("/proc/{pid}/fd/{number}")).is_ok();
    // The lowest numbers are given out first.
    limit_descriptors_of(pid, (0..).filter(|number| !open(number)).nth(free).unwrap())
}

type End = Connection<u64, u64>;

fn truncated_messages_leave_no_descriptors() -> Result<()> {
    let (ours, theirs) = pipe::<End, ()>()?;
    let open = descriptors().len();
    for n in 0..1000 {
        let (sent, kept) = pipe::<u64, u64>()?;
        ours.send(sent)?;
        // A pipe's end needs two.
        let before = leave_descriptors(std::process::id(), (n + 1) % 2);
        let received = theirs.recv().map(|_| ());
        limit_descriptors_of(std::process::id(), before);
        assert!(matches!(received, Err(Error::Decode(_))), "{received:?}");
        drop(kept);
        assert_eq!(descriptors().len(), open, "after {n}");
    }
    // The connection is as good as before, and no message has taken the handles of another.
    let (sent, kept) = pipe::<u64, u64>()?;
    ours.send(sent)?;
    kept.send(5)?;
    assert_eq!(theirs.recv()?.recv()?, 5);
    Ok(())
}

/// What [`takes_all_descriptors`] has taken.
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A task: leaves its process no descriptor.
fn takes_all_descriptors() {
    limit_descriptors_of(std::process::id(), 64);
    TAKEN.lock().unwrap().extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
}

/// A task: gives them back.
fn gives_them_back() {
    TAKEN.lock().unwrap().clear();
}

fn task_whose_handles_find_no_room_fails_alone() -> Result<()> {
    for method in [StartMethod::ForkServer, StartMethod::Spawn, StartMethod::Fork] {
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        let worker = pids(&pool);
        pool.apply(takes_all_descriptors, ())?;
        for _ in 0..100 {
            let (sent, _kept) = pipe::<u64, u64>()?;
            let refused = pool.apply(|end: End| end.send(1).is_ok(), (sent,));
            assert!(matches!(refused, Err(Error::Decode(_))), "{refused:?}");
        }
        pool.apply(gives_them_back, ())?;
        let (sent, kept) = pipe::<u64, u64>()?;
        assert!(pool.apply(|end: End| end.send(1).is_ok(), (sent,))?);
        assert_eq!((kept.recv()?, pids(&pool)), (1, worker));
    }
    Ok(())
}

fn result_whose_handles_find_no_room_fails_alone() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    let make = |_: usize| pipe::<u64, u64>().unwrap().0;
    pool.map(make, 0..2)?;
    let (worker, open) = (pids(&pool), descriptors().len());
    for n in 0..100 {
        let before = leave_descriptors(std::process::id(), n % 2);
        let refused = pool.apply(make, (n,));
        limit_descriptors_of(std::process::id(), before);
        assert!(matches!(refused, Err(Error::Decode(_))), "{refused:?}");
        assert_eq!(descriptors().len(), open, "after {n}");
    }
    assert_eq!((pool.map(make, 0..2)?.len(), pids(&pool)), (2, worker));
    Ok(())
}

fn workers_outlive_a_zygote_without_descriptors() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let workers = pids(&pool);
    let pid = zygote().pid;
    let open = || crate::support::holdings(pid).1;
    // Room for one of a new worker's three.
    let had = open();
    let before = leave_descriptors(pid, 1);
    kill(Pid::from_raw(workers[0] as i32), Signal::SIGKILL).unwrap();
    eventually("the dead worker is missed", || pool.workers().iter().all(|worker| worker.pid != workers[0]));
    for n in 0..100 {
        assert_eq!(pool.apply(square, (n,))?, n * n);
    }
    assert!(pool.workers().iter().any(|worker| worker.pid == workers[1]), "the other worker lives");
    limit_descriptors_of(pid, before);
    eventually("a new worker takes the place", || pool.workers().len() == 2 && pool.map(square, 0..10).is_ok());
    eventually("the zygote has closed what it has passed on", || open() <= had);
    assert_eq!(zygote().pid, pid);
    Ok(())
}

fn manager_without_descriptors_refuses_and_serves_on() -> Result<()> {
    let manager = Manager::new()?;
    let (list, open) = (manager.list_from([1u64])?, crate::support::holdings(manager.pid()).1);
    let before = leave_descriptors(manager.pid(), 0);
    let ask = |list: ListProxy<u64>| list.len().ok();
    let pool = Pool::with_processes(2)?;
    for _ in 0..100 {
        assert_eq!(pool.apply(ask, (list.clone(),))?, None, "there is no room for a connection");
        assert_eq!(list.len()?, 1, "this process has one");
    }
    limit_descriptors_of(manager.pid(), before);
    assert_eq!(pool.apply(ask, (list.clone(),))?, Some(1));
    drop(pool);
    eventually("its sessions have ended", || crate::support::holdings(manager.pid()).1 == open);
    Ok(())
}
