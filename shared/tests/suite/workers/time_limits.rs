//! Limits on the time of a task: those of a pool, those of a call, and the warning before the end.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Result, ThreadPool};
use signal_hook::consts::SIGTERM;

use crate::support::{Gate, Named, eventually, is_config, named, nap, own_pid, pass, pids, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    task_over_its_time_limit_is_ended_alone
    busy_task_over_its_time_limit_ends_without_a_waiter
    time_limit_counts_from_the_start_of_each_task
    call_may_have_a_time_limit_of_its_own
    time_limit_of_a_call_replaces_that_of_the_pool
    time_limit_of_a_call_counts_from_the_start_of_each_task
    time_limit_begins_while_another_thread_waits
    time_limit_of_a_call_is_refused_where_it_cannot_hold
    warned_task_can_return_in_its_grace
    task_that_does_not_heed_its_warning_is_killed
    worker_that_exits_at_its_warning_has_timed_out
    warning_reaches_no_other_task
    grace_is_refused_where_it_cannot_hold
};

/// A limit that a task of no work keeps even on a busy machine.
const LIMIT: Duration = Duration::from_secs(1);
/// A grace that no task takes up.
const GRACE: Duration = Duration::from_secs(60);
/// In milliseconds: a task that takes it does not end by itself.
const FOR_EVER: u64 = 3_600_000;

fn task_over_its_time_limit_is_ended_alone() -> Result<()> {
    let pool = Pool::builder().processes(2).task_timeout(LIMIT).build()?;
    for chunksize in [1, 4, 20] {
        let before = pids(&pool);
        let items = (0..20u64).map(|n| if n == 6 { FOR_EVER } else { 0 }).collect::<Vec<_>>();
        for (n, result) in pool.with_chunksize(chunksize).imap(nap, items).enumerate() {
            match result {
                Ok(slept) => assert_eq!((slept, n != 6), (0, true)),
                Err(Error::TimedOut { after, pid: Some(pid), .. }) => {
                    assert_eq!((after, n), (LIMIT, 6));
                    assert!(before.contains(&pid) && !pids(&pool).contains(&pid));
                }
                Err(other) => panic!("{n}: {other}"),
            }
        }
        assert_eq!(pids(&pool).iter().filter(|pid| before.contains(pid)).count(), 1);
    }
    Ok(())
}

fn busy_task_over_its_time_limit_ends_without_a_waiter() -> Result<()> {
    let pool = Pool::builder().processes(1).task_timeout(LIMIT).build()?;
    let busy = pool.apply_async(|| -> u64 { (0u64..).find(|n| black_box(*n) == u64::MAX).unwrap_or(0) }, ());
    let next = pool.apply_async(square, (3,));
    eventually("both have ended", || pool.statistics().queued + pool.statistics().running == 0);
    assert!(matches!(busy.get(), Err(Error::TimedOut { .. })));
    assert_eq!(next.get()?, 9);
    Ok(())
}

fn time_limit_counts_from_the_start_of_each_task() -> Result<()> {
    let pool = Pool::builder().processes(1).task_timeout(LIMIT).build()?;
    // Together they take longer than one may, whether they wait in the pool, in a chunk, or alone.
    for chunksize in [1, 6] {
        assert_eq!(pool.with_chunksize(chunksize).map(nap, [200; 6])?, [200; 6]);
    }
    thread::sleep(LIMIT);
    assert_eq!((pool.apply(square, (2,))?, pool.statistics().workers_lost), (4, 0));
    Ok(())
}

fn call_may_have_a_time_limit_of_its_own() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    // More tasks a chunk than those of which a worker stores the start in any case, too.
    for chunksize in [1, 4, 40] {
        let limited = pool.with_chunksize(chunksize).with_timeout(LIMIT);
        let items = (0..40u64).map(|n| if n == 6 { FOR_EVER } else { 0 }).collect::<Vec<_>>();
        for (n, result) in limited.imap(nap, items.clone()).enumerate() {
            match result {
                Ok(slept) => assert_eq!((slept, n != 6), (0, true)),
                Err(Error::TimedOut { after, pid: Some(_), .. }) => assert_eq!((after, n), (LIMIT, 6)),
                Err(other) => panic!("{n}: {other}"),
            }
        }
        assert!(matches!(limited.map(nap, items.clone()), Err(Error::TimedOut { .. })));
        assert!(matches!(limited.map_async(nap, items).get(), Err(Error::TimedOut { .. })));
        assert!(matches!(limited.apply(nap, (FOR_EVER,)), Err(Error::TimedOut { .. })));
    }
    assert_eq!((pool.map(square, 0..50)?, pool.statistics().workers_lost), (squares(50), 12));
    Ok(())
}

fn time_limit_of_a_call_replaces_that_of_the_pool() -> Result<()> {
    let (pool, gate) = (Pool::builder().processes(2).task_timeout(LIMIT).build()?, Gate::new());
    let patient = pool.with_timeout(Duration::MAX).apply_async(pass, (gate.path(),));
    gate.await_arrivals(1);
    assert!(matches!(pool.apply(nap, (FOR_EVER,)), Err(Error::TimedOut { after: LIMIT, .. })));
    let brief = Duration::from_millis(50);
    let over = pool.with_timeout(brief).apply(nap, (FOR_EVER,));
    assert!(matches!(over, Err(Error::TimedOut { after, .. }) if after == brief), "{over:?}");
    // It has run for longer than the pool's limit.
    gate.open();
    patient.get().map(drop)
}

fn time_limit_of_a_call_counts_from_the_start_of_each_task() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    // Together they take longer than one may.
    for (chunksize, time) in [(1, 200), (6, 200), (30, 50)] {
        let items = vec![time; chunksize.max(6)];
        assert_eq!(pool.with_timeout(LIMIT).with_chunksize(chunksize).map(nap, items.clone())?, items);
    }
    assert_eq!(pool.statistics().workers_lost, 0);
    Ok(())
}

fn time_limit_begins_while_another_thread_waits() -> Result<()> {
    let (pool, gate) = (Pool::with_processes(2)?, Gate::new());
    thread::scope(|scope| {
        let waiter = scope.spawn(|| pool.apply(pass, (gate.path(),)));
        gate.await_arrivals(1);
        // The other thread leads, and sleeps.
        let over = pool.with_timeout(Duration::from_millis(50)).apply_async(nap, (FOR_EVER,));
        assert!(matches!(over.get(), Err(Error::TimedOut { .. })));
        gate.open();
        waiter.join().unwrap().map(drop)
    })
}

fn time_limit_of_a_call_is_refused_where_it_cannot_hold() -> Result<()> {
    let (pool, threads) = (Pool::with_processes(1)?, ThreadPool::with_processes(1)?);
    let none = pool.with_timeout(Duration::ZERO);
    is_config(none.apply(square, (1,)), "with_timeout");
    is_config(none.map_async(square, 0..3).get(), "with_timeout");
    let limited = threads.with_chunksize(2).with_timeout(LIMIT);
    is_config(limited.apply(square, (1,)), "a thread cannot be stopped");
    is_config(limited.apply_async(square, (1,)).get(), "a thread cannot be stopped");
    is_config(limited.map(square, 0..3), "a thread cannot be stopped");
    is_config(limited.imap(square, 0..3).collect::<Result<Vec<_>>>(), "a thread cannot be stopped");
    Ok(())
}

/// Returns a flag that SIGTERM raises.
fn warning() -> Arc<AtomicBool> {
    let warned = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGTERM, warned.clone()).unwrap();
    warned
}

/// A task: returns its pid when it is warned.
fn heed(_: u64) -> u32 {
    let warned = warning();
    while !warned.load(Relaxed) {
        thread::sleep(Duration::from_millis(1));
    }
    own_pid()
}

fn warned_task_can_return_in_its_grace() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let limited = pool.with_timeout(Duration::from_millis(100)).with_grace(GRACE);
    let before = pids(&pool);
    assert!(before.contains(&limited.apply(heed, (1,))?));
    let pids = limited.map(heed, 0..6)?;
    assert_eq!(BTreeSet::from_iter(pids).len(), 6, "each worker that was warned is replaced");
    let by_the_pool = Pool::builder().processes(1).task_timeout(Duration::from_millis(100)).build()?;
    assert!(by_the_pool.with_grace(GRACE).apply(heed, (1,)).is_ok());
    assert_eq!((pool.map(square, 0..50)?, pool.statistics().workers_lost), (squares(50), 0));
    Ok(())
}

fn task_that_does_not_heed_its_warning_is_killed() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    let time = Duration::from_millis(100);
    let limited = pool.with_timeout(time).with_grace(Duration::from_millis(200));
    // With a handler, and without one.
    let deaf = |n: u64| {
        let warned = warning();
        nap(n);
        warned.load(Relaxed)
    };
    for over in [limited.apply(deaf, (FOR_EVER,)).map(drop), limited.apply(nap, (FOR_EVER,)).map(drop)] {
        assert!(matches!(over, Err(Error::TimedOut { after, pid: Some(_), .. }) if after == time), "{over:?}");
    }
    assert_eq!(pool.apply(square, (3,))?, 9);
    Ok(())
}

fn worker_that_exits_at_its_warning_has_timed_out() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    let exit = |n: u64| {
        signal_hook::flag::register_conditional_shutdown(SIGTERM, 3, Arc::new(AtomicBool::new(true))).unwrap();
        nap(n)
    };
    let limited = pool.with_timeout(Duration::from_millis(100)).with_grace(GRACE);
    for _ in 0..2 {
        let over = limited.with_retries(2).apply(exit, (FOR_EVER,));
        assert!(matches!(over, Err(Error::TimedOut { pid: Some(_), .. })), "{over:?}");
    }
    assert_eq!(pool.apply(square, (3,))?, 9);
    Ok(())
}

fn warning_reaches_no_other_task() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let limited = pool.with_timeout(Duration::from_millis(30)).with_grace(GRACE);
    // Those that end at about the time of their limit, and those that come after them.
    let near = |n: u64| {
        let warned = warning();
        nap(26 + n % 8);
        warned.load(Relaxed)
    };
    let far = |_: u64| {
        let warned = warning();
        nap(1);
        warned.load(Relaxed)
    };
    for round in 0..15 {
        let near: Vec<_> = (0..4).map(|n| limited.apply_async(near, (4 * round + n,))).collect();
        let far: Vec<_> = (0..8).map(|n| pool.apply_async(far, (n,))).collect();
        for task in near {
            task.get()?;
        }
        for task in far {
            assert!(!task.get()?, "it has no limit, and was warned");
        }
    }
    Ok(())
}

fn grace_is_refused_where_it_cannot_hold() -> Result<()> {
    let (pool, threads) = (Pool::with_processes(1)?, ThreadPool::with_processes(1)?);
    is_config(pool.with_grace(GRACE).apply(square, (1,)), "needs a time limit");
    let limited = pool.with_timeout(LIMIT).with_grace(GRACE);
    is_config(limited.with_chunksize(2).map(square, 0..3), "leave out with_chunksize");
    assert_eq!(limited.with_chunksize(1).map(square, 0..3)?, squares(3));
    is_config(threads.with_timeout(LIMIT).with_grace(GRACE).apply(square, (1,)), "a thread cannot be stopped");
    Ok(())
}
