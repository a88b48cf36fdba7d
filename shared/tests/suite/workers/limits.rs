//! Limits on time, memory and messages, and the replacement of workers that have done their share.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Result, StartMethod, ThreadPool};
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
    memory_beyond_the_hard_limit_is_denied
    grown_worker_is_replaced_between_tasks
    worker_is_replaced_after_max_tasks
    worker_is_replaced_in_the_middle_of_a_chunk
    worker_may_run_one_task_only
    oversized_message_fails_only_its_task
    message_limit_applies_to_tasks_not_chunks
    invalid_settings_are_rejected
    extreme_settings_are_no_limits
};

const MIB: u64 = 1 << 20;
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
    assert_eq!(shares(&pids).len(), 6, "each worker that was warned is replaced");
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

fn fill(mebibytes: u64) -> u64 {
    black_box(vec![1u8; (mebibytes * MIB) as usize]).len() as u64
}

fn memory_beyond_the_hard_limit_is_denied() -> Result<()> {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let pool = Pool::builder().processes(1).memory_limit(256 * MIB).start_method(method).build()?;
        assert_eq!(pool.apply(fill, (64,))?, 64 * MIB);
        let refused = pool.apply(|| Vec::<u8>::new().try_reserve(512 << 20).is_err(), ())?;
        assert!(refused, "who asks whether there is memory is told no");
        assert_eq!(pool.apply(fill, (64,))?, 64 * MIB);
    }
    Ok(())
}

fn leak(mebibytes: u64) -> u32 {
    std::mem::forget(vec![1u8; (mebibytes * MIB) as usize]);
    own_pid()
}

fn grown_worker_is_replaced_between_tasks() -> Result<()> {
    let pool = Pool::builder().processes(1).max_memory_per_child(64 * MIB).build()?;
    let first = pool.apply(leak, (1,))?;
    assert_eq!(pool.apply(leak, (1,))?, first, "it is small");
    assert!(pool.workers()[0].memory < 64 * MIB);
    assert_eq!(pool.apply(leak, (100,))?, first, "it grows in this task");
    let second = pool.apply(leak, (1,))?;
    assert_ne!(second, first);
    let pids = pool.with_chunksize(1).map(leak, [100; 4])?;
    assert!(pids.windows(2).all(|pair| pair[0] != pair[1]), "{pids:?}");
    assert_eq!((pids[0], pool.statistics().workers_lost), (second, 0));
    Ok(())
}

/// How many tasks each worker has run.
fn shares(pids: &[u32]) -> BTreeMap<u32, u64> {
    let mut shares = BTreeMap::new();
    pids.iter().for_each(|pid| *shares.entry(*pid).or_insert(0) += 1);
    shares
}

fn worker_is_replaced_after_max_tasks() -> Result<()> {
    let pool = Pool::builder().processes(1).max_tasks_per_child(3).build()?;
    let pids: Vec<u32> = (0..10).map(|_| pool.apply(own_pid, ())).collect::<Result<_>>()?;
    let runs: Vec<usize> = pids.chunk_by(|a, b| a == b).map(<[u32]>::len).collect();
    assert_eq!(runs, [3, 3, 3, 1]);
    eventually("the tenth task's worker is there alone", || pool.workers().len() == 1);
    let stats = pool.statistics();
    assert_eq!((stats.workers_started, stats.workers_lost), (4, 0));
    Ok(())
}

fn worker_is_replaced_in_the_middle_of_a_chunk() -> Result<()> {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let pool = Pool::builder().processes(2).max_tasks_per_child(3).start_method(method).build()?;
        let pid = |_: u64| own_pid();
        for chunksize in [1, 2, 3, 4, 5, 7, 60] {
            let batched = pool.with_chunksize(chunksize);
            assert_eq!(batched.map(square, 0..30)?, squares(30));
            let pids = batched.imap(pid, 0..30).collect::<Result<Vec<_>>>()?;
            assert!(shares(&pids).values().all(|share| *share <= 3), "{chunksize}: {pids:?}");
        }
        assert_eq!(pool.statistics().workers_lost, 0);
    }
    Ok(())
}

fn worker_may_run_one_task_only() -> Result<()> {
    let pool = Pool::builder().processes(2).max_tasks_per_child(1).build()?;
    let pids = pool.map(|_: u32| own_pid(), 0..20u32)?;
    assert_eq!(shares(&pids).len(), 20);
    let later: Vec<_> = (0..20).map(|n| pool.apply_async(square, (n,))).collect();
    assert!(later.into_iter().zip(0..).all(|(result, n)| result.get().unwrap() == square(n)));
    Ok(())
}

fn oversized_message_fails_only_its_task() -> Result<()> {
    let pool = Pool::builder().processes(2).max_message(1000).build()?;
    let too_large = |result: Result<Vec<u8>>| match result {
        Err(Error::TooLarge { bytes, max: 1000, .. }) => bytes > 1000,
        Ok(_) => false,
        Err(other) => panic!("{other}"),
    };
    let (echo, make) = (|bytes: Vec<u8>| bytes, |len: usize| vec![0u8; len]);
    assert!(!too_large(pool.apply(echo, (vec![0; 900],))));
    assert!(too_large(pool.apply(echo, (vec![0; 2000],))));
    assert!(too_large(pool.apply_async(echo, (vec![0; 2000],)).get()));
    assert!(!too_large(pool.apply(make, (900,))));
    assert!(too_large(pool.apply(make, (2000,))));
    for chunksize in [1, 3, 10] {
        let sizes = (0..10).map(|n| if n == 4 { 1_000_000 } else { n });
        let out = pool.with_chunksize(chunksize).imap(make, sizes.clone()).map(too_large);
        assert_eq!(out.collect::<Vec<_>>(), (0..10).map(|n| n == 4).collect::<Vec<_>>());
        let inn = pool.with_chunksize(chunksize).imap(echo, sizes.map(make)).map(too_large);
        assert_eq!(inn.collect::<Vec<_>>(), (0..10).map(|n| n == 4).collect::<Vec<_>>());
    }
    assert_eq!(pool.statistics().workers_lost, 0);
    Ok(())
}

fn message_limit_applies_to_tasks_not_chunks() -> Result<()> {
    let pool = Pool::builder().processes(1).max_message(1000).build()?;
    let sizes = pool.with_chunksize(50).map(|bytes: Vec<u8>| bytes, vec![vec![1; 900]; 50])?;
    assert_eq!(sizes, vec![vec![1; 900]; 50]);
    Ok(())
}

fn invalid_settings_are_rejected() -> Result<()> {
    let refused = |builder: multiproc::PoolBuilder, word: &str| match builder.build() {
        Err(Error::Config(text)) => assert!(text.contains(word), "{text}"),
        other => panic!("{other:?}"),
    };
    refused(Pool::builder().processes(0), "processes");
    refused(Pool::builder().processes(usize::MAX), "processes");
    refused(Pool::builder().max_tasks_per_child(0), "max_tasks_per_child");
    refused(Pool::builder().task_timeout(Duration::ZERO), "task_timeout");
    refused(Pool::builder().memory_limit(1000), "memory_limit");
    refused(Pool::builder().max_memory_per_child(1000), "max_memory_per_child");
    refused(Pool::builder().max_message(0), "max_message");
    Ok(())
}

fn extreme_settings_are_no_limits() -> Result<()> {
    let builder = Pool::builder().processes(2).max_tasks_per_child(u64::MAX).task_timeout(Duration::MAX);
    let builder = builder.memory_limit(u64::MAX).max_memory_per_child(u64::MAX).max_message(u64::MAX);
    let (pool, gate) = (builder.build()?, Gate::new());
    let blocked = pool.apply_async(pass, (gate.path(),));
    assert_eq!(pool.map(square, 0..100)?, squares(100));
    gate.open();
    blocked.get().map(drop)
}
