//! Pools that a copy of a process inherits.

use std::cell::RefCell;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Error, Executor, Pool, Process, Result, StartMethod, ThreadPool};

use super::{fork_here, in_a_copy, refused};
use crate::support::{METHODS, Named, descendants, eventually, named, nap, own_pid, pids, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    static_pool_is_refused_in_forked_workers_for_100_rounds
    static_pool_is_refused_by_every_call
    static_pool_is_refused_in_a_forked_process
    dropped_copy_of_a_busy_pool_does_nothing
    unwinding_copy_of_a_program_does_nothing
    exiting_copy_of_a_program_does_nothing
    copy_made_while_threads_use_the_pool_does_not_hang
    copy_of_a_copy_is_refused_too
    call_that_forks_in_its_source_is_rejected_in_the_copy
};

static POOL: RwLock<Option<Pool>> = RwLock::new(None);

/// Runs `act` with a pool in a static, which all tasks meanwhile inherit.
fn with_static_pool(act: impl FnOnce(&Pool) -> Result<()>) -> Result<()> {
    *POOL.write().unwrap() = Some(Pool::builder().processes(2).start_method(StartMethod::Fork).build()?);
    let outcome = inherited(act);
    POOL.write().unwrap().take();
    outcome
}

fn inherited<R>(act: impl FnOnce(&Pool) -> R) -> R {
    act(POOL.read().unwrap().as_ref().expect("it was built"))
}

/// A task: what a call to the inherited pool comes to.
fn use_it(n: u64) -> std::result::Result<u64, (u32, u32)> {
    match inherited(|pool| pool.apply(square, (n,))) {
        Err(Error::ForeignProcess { owner, current }) => Err((owner, current)),
        outcome => Ok(outcome.unwrap_or(u64::MAX)),
    }
}

pub(crate) fn static_pool_is_refused_in_forked_workers_for_100_rounds() -> Result<()> {
    with_static_pool(|pool| {
        let (own, workers) = (own_pid(), pids(pool));
        for round in 0..100u64 {
            // Idle in one round, busy in the next.
            let busy = (round % 2 == 1).then(|| pool.map_async(nap, [5; 4]));
            let inner = Pool::builder().processes(2).start_method(StartMethod::Fork).build()?;
            for outcome in inner.map(use_it, 0..6u64)? {
                let told = outcome.is_err_and(|(owner, current)| owner == own && current != own);
                assert!(told, "round {round}: {outcome:?}");
            }
            let process = Process::builder().start_method(StartMethod::Fork).target(use_it, (round,)).start()?;
            let child = process.pid();
            assert_eq!(process.join()?, Err((own, child)));
            drop(inner);
            if let Some(busy) = busy {
                assert_eq!(busy.get()?, [5; 4]);
            }
            assert_eq!(pool.map(square, 0..20)?, squares(20));
        }
        let stats = pool.statistics();
        assert_eq!((stats.failed, stats.workers_lost, stats.running, stats.queued), (0, 0, 0, 0), "{stats:?}");
        assert_eq!(pids(pool), workers, "no worker was replaced");
        Ok(())
    })
}

pub(crate) fn static_pool_is_refused_by_every_call() -> Result<()> {
    let own = own_pid();
    for method in METHODS {
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        let workers = pids(&pool);
        let busy = pool.map_async(nap, [200; 2]);
        in_a_copy(|| {
            let start = Instant::now();
            refused(pool.apply(square, (1,)), own);
            refused(pool.map(square, 0..100), own);
            refused(pool.starmap(square, [(1,)]), own);
            refused(pool.apply_async(square, (1,)).get(), own);
            refused(pool.map_async(square, 0..100).get(), own);
            refused(pollster::block_on(pool.submit(square, (1,))), own);
            refused(pool.with_chunksize(3).map(square, 0..100), own);
            let (called, result) = (std::sync::Arc::new(AtomicBool::new(false)), pool.apply_async(square, (1,)));
            let call = called.clone();
            refused(result.error_callback(move |_| call.store(true, Relaxed)).get(), own);
            assert!(called.load(Relaxed), "callbacks run");
            for lazy in [pool.imap(square, 0..), pool.imap_unordered(square, 0..)] {
                let results: Vec<_> = lazy.collect();
                assert_eq!(results.len(), 1, "{results:?}");
                refused(results.into_iter().next().unwrap(), own);
            }
            refused(pool.resize(3), own);
            refused(pool.join(), own);
            pool.close();
            pool.close();
            pool.cancel_pending();
            pool.shutdown();
            pool.terminate();
            assert!(pool.workers().is_empty() && pool.trace().events().is_empty());
            assert_eq!((pool.statistics(), pool.statistics()), Default::default());
            assert!(format!("{pool:?}").contains("another process"), "{pool:?}");
            assert!(start.elapsed() < Duration::from_secs(30));
        });
        assert_eq!(busy.get()?, [200; 2]);
        assert_eq!((pool.map(square, 0..100)?, pids(&pool)), (squares(100), workers));
    }
    Ok(())
}

pub(crate) fn static_pool_is_refused_in_a_forked_process() -> Result<()> {
    *POOL.write().unwrap() = Some(Pool::builder().processes(2).start_method(StartMethod::Fork).build()?);
    let use_and_drop = |n: u64| {
        let used = use_it(n);
        let workers = inherited(|pool| {
            pool.terminate();
            pool.workers().len()
        });
        drop(POOL.write().unwrap().take());
        (used, workers)
    };
    let process = Process::builder().start_method(StartMethod::Fork).target(use_and_drop, (1,)).start()?;
    let child = process.pid();
    assert_eq!(process.join()?, (Err((own_pid(), child)), 0));
    assert_eq!(inherited(|pool| pool.map(square, 0..10))?, squares(10));
    drop(POOL.write().unwrap().take());
    Ok(())
}

pub(crate) fn dropped_copy_of_a_busy_pool_does_nothing() -> Result<()> {
    for method in METHODS {
        let mut pool = Some(Pool::builder().processes(2).start_method(method).build()?);
        let workers = pids(pool.as_ref().unwrap());
        let result = pool.as_ref().unwrap().apply_async(nap, (300,));
        eventually("it runs", || pool.as_ref().unwrap().statistics().running == 1);
        let before = descendants().len();
        let start = Instant::now();
        in_a_copy(|| {
            drop(pool.take());
            assert!(start.elapsed() < Duration::from_secs(30));
        });
        let pool = pool.unwrap();
        assert_eq!((descendants().len(), result.get()?), (before, 300));
        assert_eq!((pool.map(square, 0..100)?, pids(&pool)), (squares(100), workers));
    }
    Ok(())
}

thread_local! {
    /// Dropped when its thread ends, also in a copy of the process.
    static OF_A_THREAD: RefCell<Option<Pool>> = const { RefCell::new(None) };
}

pub(crate) fn exiting_copy_of_a_program_does_nothing() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        let (workers, owner) = (pids(&pool), own_pid());
        let result = pool.apply_async(nap, (300,));
        OF_A_THREAD.set(Some(pool));
        in_a_copy(|| {
            refused(OF_A_THREAD.with_borrow(|pool| pool.as_ref().unwrap().apply(square, (2,))), owner);
            // Handlers and destructors of the program run.
            std::process::exit(0);
        });
        let pool = OF_A_THREAD.take().unwrap();
        assert_eq!((result.get()?, pids(&pool)), (300, workers));
        assert_eq!(pool.map(square, 0..100)?, squares(100));
    }
    Ok(())
}

pub(crate) fn unwinding_copy_of_a_program_does_nothing() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let (process, result) = (Process::new(nap, (300,)).start()?, pool.apply_async(nap, (300,)));
    let mut all = Some((pool, process, result));
    in_a_copy(|| {
        std::panic::set_hook(Box::new(|_| {}));
        let unwinds = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _all = all.take();
            panic!("out of main");
        }));
        assert!(unwinds.is_err());
    });
    let (pool, process, result) = all.unwrap();
    assert_eq!((process.join()?, result.get()?), (300, 300));
    assert_eq!(pool.map(square, 0..10)?, squares(10));
    Ok(())
}

pub(crate) fn copy_made_while_threads_use_the_pool_does_not_hang() -> Result<()> {
    let own = own_pid();
    let (pool, threads) = (Pool::with_processes(2)?, ThreadPool::with_processes(2)?);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    assert_eq!(pool.apply(square, (3,)).unwrap(), 9);
                    assert_eq!(threads.apply_async(square, (3,)).get().unwrap(), 9);
                    drop(pool.imap(square, 0..));
                }
            });
        }
        for _ in 0..100 {
            let (result, lazy) = (pool.apply_async(square, (5,)), pool.imap(square, 0..));
            in_a_copy(|| {
                refused(pool.apply(square, (1,)), own);
                refused(threads.apply(square, (1,)), own);
                refused(result.get(), own);
                drop(lazy);
                pool.terminate();
                threads.terminate();
            });
        }
        over.store(true, Relaxed);
    });
    assert_eq!((pool.map(square, 0..100)?, threads.map(square, 0..100)?), (squares(100), squares(100)));
    Ok(())
}

pub(crate) fn copy_of_a_copy_is_refused_too() -> Result<()> {
    let (pool, own) = (Pool::with_processes(1)?, own_pid());
    in_a_copy(|| {
        refused(pool.apply(square, (1,)), own);
        // What the copy makes is its own.
        let inner = Pool::with_processes(1).unwrap();
        assert_eq!(inner.apply(square, (2,)).unwrap(), 4);
        let middle = own_pid();
        in_a_copy(|| {
            refused(pool.apply(square, (1,)), own);
            refused(inner.apply(square, (1,)), middle);
        });
        assert_eq!(inner.apply(square, (3,)).unwrap(), 9);
    });
    assert_eq!(pool.apply(square, (4,))?, 16);
    Ok(())
}

pub(crate) fn call_that_forks_in_its_source_is_rejected_in_the_copy() -> Result<()> {
    let (pool, threads, own) = (Pool::with_processes(2)?, ThreadPool::with_processes(2)?, own_pid());
    // The third item forks; both processes go on.
    let items = || {
        (0..10u64).inspect(|n| {
            let _copy = *n == 3 && fork_here();
        })
    };
    let ends = |outcome: Result<Vec<u64>>| {
        if own_pid() == own {
            assert_eq!(outcome.unwrap(), squares(10));
            let copy = nix::sys::wait::waitpid(None, None).unwrap();
            assert!(matches!(copy, nix::sys::wait::WaitStatus::Exited(_, 0)), "{copy:?}");
        } else {
            let told = matches!(outcome, Err(Error::ForeignProcess { owner, .. }) if owner == own);
            #[allow(unsafe_code, reason = "as below")]
            // SAFETY: _exit runs no code of this process.
            unsafe {
                nix::libc::_exit(i32::from(!told))
            }
        }
    };
    ends(pool.map(square, items()));
    ends(pool.with_chunksize(1).map(square, items()));
    ends(pool.map_async(square, items()).get());
    ends(pool.imap(square, items()).collect());
    ends(threads.map(square, items()));
    ends(threads.map_async(square, items()).get());
    ends(threads.imap(square, items()).collect());
    Ok(())
}
