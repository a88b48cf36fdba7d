//! Many callers, many tasks, pools in pools: all get on with each other.

use std::path::PathBuf;
use std::thread;

use multiproc::{Executor, Pool};

use crate::support::{Gate, Named, descriptors, named, pass, pids, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    eight_threads_may_share_a_pool
    all_workers_run_concurrently
    long_task_does_not_delay_queued_tasks
    once_long_task_does_not_delay_queued_tasks
    pools_nest
    pools_nest_eight_deep_and_no_deeper
    many_outstanding_tasks_need_no_descriptors
};

fn eight_threads_may_share_a_pool() -> multiproc::Result<()> {
    let pool = Pool::with_processes(3)?;
    thread::scope(|scope| {
        for n in 0..8 {
            let pool = &pool;
            scope.spawn(move || {
                for round in 0..15 {
                    let len = n * 10 + round;
                    assert_eq!(pool.apply(square, (len,)).unwrap(), square(len));
                    assert_eq!(pool.map(square, 0..len).unwrap(), squares(len));
                    let pending = pool.map_async(square, 0..len);
                    let lazy: multiproc::Result<Vec<_>> = pool.imap(square, 0..len).collect();
                    assert_eq!((lazy.unwrap(), pending.get().unwrap()), (squares(len), squares(len)));
                }
            });
        }
    });
    let stats = pool.statistics();
    assert_eq!((stats.submitted, stats.failed, stats.workers_lost), (stats.completed, 0, 0));
    Ok(())
}

fn all_workers_run_concurrently() -> multiproc::Result<()> {
    let (pool, gate) = (Pool::with_processes(4)?, Gate::new());
    let tasks = pool.with_chunksize(1).map_async(pass, vec![gate.path(); 4]);
    gate.await_arrivals(4);
    gate.open();
    let (mut ran, mut workers) = (tasks.get()?, pids(&pool));
    ran.sort_unstable();
    workers.sort_unstable();
    assert_eq!(ran, workers);
    Ok(())
}

fn long_task_does_not_delay_queued_tasks() -> multiproc::Result<()> {
    let (pool, gate) = (Pool::with_processes(2)?, Gate::new());
    let long = pool.apply_async(pass, (gate.path(),));
    gate.await_arrivals(1);
    let short: Vec<_> = (0..500).map(|n| pool.apply_async(square, (n,))).collect();
    assert!(short.into_iter().zip(squares(500)).all(|(result, right)| result.get().unwrap() == right));
    assert!(!long.ready());
    gate.open();
    long.get().map(drop)
}

fn once_long_task_does_not_delay_queued_tasks() -> multiproc::Result<()> {
    let (pool, gate) = (Pool::with_processes(2)?, Gate::new());
    let usually_short = |gate: Option<PathBuf>| gate.map(pass).is_some();
    // The pool learns that the function is quick, and sends many of its tasks ahead.
    assert_eq!(pool.map(usually_short, vec![None; 10_000])?, vec![false; 10_000]);
    let items: Vec<_> = (0..500).map(|n| (n == 0).then(|| gate.path())).collect();
    let tasks: Vec<_> = items.into_iter().map(|item| pool.apply_async(usually_short, (item,))).collect();
    for short in &tasks[1..] {
        short.wait();
    }
    assert!(!tasks[0].ready());
    gate.open();
    assert_eq!(tasks.into_iter().filter_map(|task| task.get().ok()).filter(|long| *long).count(), 1);
    Ok(())
}

/// How many pools can be inside each other: this many levels below the caller, if the innermost
/// works.
fn nested(levels: u32) -> Result<u32, String> {
    if levels == 0 {
        return Ok(0);
    }
    let inner = || Pool::with_processes(2)?.map(nested, vec![levels - 1; 2]);
    inner().map_err(|error| error.to_string())?.into_iter().next_back().unwrap().map(|below| below + 1)
}

fn pools_nest() -> multiproc::Result<()> {
    let pool = Pool::with_processes(1)?;
    assert_eq!(pool.apply(nested, (2,))?, Ok(2));
    Ok(())
}

fn chain(levels: u32) -> Result<u32, String> {
    if levels == 0 {
        return Ok(0);
    }
    let inner = || Pool::with_processes(1)?.apply(chain, (levels - 1,));
    inner().map_err(|error| error.to_string())?.map(|below| below + 1)
}

fn pools_nest_eight_deep_and_no_deeper() -> multiproc::Result<()> {
    assert_eq!(chain(8), Ok(8));
    let refused = chain(9).unwrap_err();
    assert!(refused.contains("8 generations"), "{refused}");
    Ok(())
}

fn many_outstanding_tasks_need_no_descriptors() -> multiproc::Result<()> {
    let (pool, gate) = (Pool::with_processes(2)?, Gate::new());
    let blocked: Vec<_> = (0..2).map(|_| pool.apply_async(pass, (gate.path(),))).collect();
    gate.await_arrivals(2);
    let before = descriptors().len();
    let tasks: Vec<_> = (0..50_000).map(|n| pool.apply_async(square, (n,))).collect();
    assert_eq!(descriptors().len(), before);
    assert_eq!(pool.statistics().queued, 50_000);
    gate.open();
    assert!(tasks.into_iter().zip(0..).all(|(task, n)| task.get().unwrap() == square(n)));
    blocked.into_iter().try_for_each(|task| task.get().map(drop))
}
