//! Workers and zygotes killed from outside, at any moment.

use std::thread;
use std::time::Duration;

use multiproc::{Error, Executor, ExitStatus, Pool, StartMethod, active_children};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, fork, getppid};

use crate::support::{
    Gate, Named, ProcessId, eventually, named, nap, pass, pids, square, squares, zygote, zygote_while,
};

pub(crate) const TESTS: &[Named] = named! {
    killed_zygote_fails_the_running_tasks
    zygote_killed_while_idle_fails_no_task
    zygote_may_be_killed_repeatedly
    pool_can_be_built_while_the_zygote_is_killed
    worker_killed_while_idle_is_replaced
    stopped_worker_can_be_timed_out
    death_is_seen_although_others_hold_the_workers_socket
    each_task_ends_once_while_workers_are_killed_at_random
};

fn kill_zygote() {
    let zygote = zygote();
    kill(Pid::from_raw(zygote.pid as i32), Signal::SIGKILL).unwrap();
    eventually("the zygote is dead", || zygote.is_gone());
}

fn killed_zygote_fails_the_running_tasks() -> multiproc::Result<()> {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let (pool, gate) = (Pool::builder().processes(2).start_method(method).build()?, Gate::new());
        let workers: Vec<_> = pids(&pool).into_iter().filter_map(ProcessId::of).collect();
        let running: Vec<_> = (0..2).map(|_| pool.apply_async(pass, (gate.path(),))).collect();
        gate.await_arrivals(2);
        let waiting: Vec<_> = (0..100).map(|n| pool.apply_async(square, (n,))).collect();
        kill_zygote();
        for task in running {
            let lost = task.get();
            assert!(matches!(lost, Err(Error::WorkerLost { exit: ExitStatus::Signaled(9), .. })), "{lost:?}");
        }
        assert!(waiting.into_iter().zip(0..).all(|(task, n)| task.get().unwrap() == square(n)));
        eventually("the old workers are gone", || workers.iter().all(ProcessId::is_gone));
        assert_eq!((pids(&pool).len(), active_children().len()), (2, 2));
    }
    Ok(())
}

fn zygote_killed_while_idle_fails_no_task() -> multiproc::Result<()> {
    let (one, other) = (Pool::with_processes(2)?, Pool::with_processes(1)?);
    for round in 0..3 {
        assert_eq!((one.map(square, 0..20)?, other.apply(square, (3,))?), (squares(20), 9));
        kill_zygote();
        let late = Pool::with_processes(1)?;
        assert_eq!(late.apply(square, (round,))?, square(round));
    }
    assert_eq!((one.map(square, 0..20)?, other.apply(square, (3,))?), (squares(20), 9));
    assert_eq!((one.statistics().failed, other.statistics().failed), (0, 0));
    Ok(())
}

fn zygote_may_be_killed_repeatedly() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    for _ in 0..10 {
        let tasks: Vec<_> = (0..50).map(|n| pool.apply_async(nap, (n % 3,))).collect();
        kill_zygote();
        for (n, task) in (0..).zip(tasks) {
            match task.get() {
                Ok(value) => assert_eq!(value, n % 3),
                Err(error) => assert!(matches!(error, Error::WorkerLost { .. }), "{error:?}"),
            }
        }
    }
    assert_eq!(pool.map(square, 0..50)?, squares(50));
    Ok(())
}

fn pool_can_be_built_while_the_zygote_is_killed() -> multiproc::Result<()> {
    let lasting = Pool::with_processes(1)?;
    for round in 0..150 {
        assert_eq!(lasting.apply(square, (round,))?, square(round));
        // The task may have been done before its worker died with the zygote that the last round
        // has killed.
        let zygote = zygote_while(|| drop(lasting.workers()));
        let pid = Pid::from_raw(zygote.pid as i32);
        let killer = thread::spawn(move || {
            thread::sleep(Duration::from_micros(round * 13 % 1000));
            kill(pid, Signal::SIGKILL)
        });
        for _ in 0..3 {
            assert_eq!(Pool::with_processes(2)?.apply(square, (3,)).unwrap_or(9), 9);
        }
        killer.join().unwrap().unwrap();
        // On a busy machine that takes a while, and until then the lasting pool has no reason to
        // look for another.
        eventually("the zygote is gone", || zygote.is_gone());
    }
    Ok(())
}

fn worker_killed_while_idle_is_replaced() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    for round in 0..20 {
        let before = pids(&pool);
        kill(Pid::from_raw(before[round % 2] as i32), Signal::SIGKILL).unwrap();
        if round % 3 == 0 {
            assert_eq!(pool.map(square, 0..20)?, squares(20), "a task that has not begun is not lost");
        }
        eventually("a new worker is there", || {
            let now = pool.workers();
            now.len() == 2 && now.iter().all(|worker| worker.pid != before[round % 2])
        });
    }
    let stats = pool.statistics();
    assert_eq!((stats.failed, stats.workers_lost), (0, 20));
    Ok(())
}

fn stopped_worker_can_be_timed_out() -> multiproc::Result<()> {
    let pool = Pool::builder().processes(1).task_timeout(Duration::from_millis(300)).build()?;
    let worker = pids(&pool)[0];
    let stop = || kill(Pid::this(), Signal::SIGSTOP).is_ok();
    assert!(matches!(pool.apply(stop, ()), Err(Error::TimedOut { pid: Some(pid), .. }) if pid == worker));
    Ok(())
}

/// A task: leaves a copy of its worker that holds all of its descriptors, stops the zygote, which
/// then cannot report the worker's end, and ends.
#[allow(unsafe_code, reason = "only a fork copies a worker's descriptors")]
fn ends_beside_a_copy_and_a_stopped_zygote() {
    let (worker, zygote) = (Pid::this(), getppid());
    // SAFETY: the copy, of a process with one thread, waits and ends itself.
    if unsafe { fork() }.unwrap().is_child() {
        // Until the pool has found out, and has killed the zygote.
        while [worker, zygote].contains(&getppid()) {
            thread::sleep(Duration::from_millis(1));
        }
    } else {
        kill(zygote, Signal::SIGSTOP).unwrap();
    }
    kill(Pid::this(), Signal::SIGKILL).unwrap();
}

fn death_is_seen_although_others_hold_the_workers_socket() -> multiproc::Result<()> {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        let lost = pool.apply(ends_beside_a_copy_and_a_stopped_zygote, ());
        assert!(matches!(lost, Err(Error::WorkerLost { exit: ExitStatus::Signaled(9), .. })), "{lost:?}");
        assert_eq!(pool.map(square, 0..100)?, squares(100));
    }
    Ok(())
}

fn each_task_ends_once_while_workers_are_killed_at_random() -> multiproc::Result<()> {
    let pool = Pool::with_processes(4)?;
    let (mut right, mut lost) = (0, 0);
    thread::scope(|scope| {
        let killer = scope.spawn(|| {
            // Only one that runs a task: then no streak of workers that die before they are ready
            // can end the pool.
            for round in 0.. {
                let workers = pool.workers();
                if pool.statistics().submitted >= 600 && pool.statistics().queued + pool.statistics().running == 0 {
                    return;
                }
                let busy: Vec<_> = workers.iter().filter(|worker| worker.busy).collect();
                if let Some(victim) = busy.get(round * 7919 % busy.len().max(1)) {
                    let _ = kill(Pid::from_raw(victim.pid as i32), Signal::SIGKILL);
                }
                thread::sleep(Duration::from_millis(3));
            }
        });
        let tasks: Vec<_> = (0..300).map(|n| pool.apply_async(|n: u64| nap(n % 5) + n, (n,))).collect();
        let lazy = pool.with_chunksize(10).imap(|n: u64| nap(n % 5) + n, 0..300);
        let results = tasks.into_iter().map(|task| task.get()).zip(0..300).chain(lazy.zip(0..300));
        for (result, n) in results {
            match result {
                Ok(value) => {
                    assert_eq!(value, n % 5 + n);
                    right += 1;
                }
                Err(Error::WorkerLost { exit, .. }) => {
                    assert_eq!(exit, ExitStatus::Signaled(9));
                    lost += 1;
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        killer.join().unwrap();
    });
    let stats = pool.statistics();
    assert_eq!((right + lost, stats.completed, stats.failed), (600, right, lost));
    assert!(lost > 0 && stats.workers_lost >= lost, "{lost} lost, {stats:?}");
    Ok(())
}
