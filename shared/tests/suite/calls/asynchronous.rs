//! Results in async functions, and async functions in workers.

use std::pin::pin;
use std::time::{Duration, Instant};

use multiproc::{Error, Executor, Pool, Result, ThreadPool};

use crate::runtimes::{block_on, in_tokio};
use crate::support::{Death, Gate, Named, fail_if_odd, is_config, message, named, pass, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    results_can_be_awaited_in_a_custom_executor
    results_can_be_awaited_in_tokio
    worker_runs_many_async_calls_concurrently
    concurrent_calls_stay_below_the_limit
    panic_in_an_async_function_fails_one_call
    worker_lost_in_an_async_function_is_replaced
};

const SHORT: Duration = Duration::from_millis(3);

fn results_can_be_awaited_in_a_custom_executor() -> Result<()> {
    let (processes, threads) = (Pool::with_processes(2)?, ThreadPool::with_processes(2)?);
    let results = block_on(async {
        let mut results = Vec::new();
        let futures: Vec<_> = (0..50).map(|n| (processes.submit(square, (n,)), threads.submit(square, (n,)))).collect();
        for (first, second) in futures.into_iter().rev() {
            results.push((first.await?, second.await?));
        }
        Ok::<_, Error>(results)
    });
    assert_eq!(results?, (0..50).rev().map(|n| (square(n), square(n))).collect::<Vec<_>>());
    assert_eq!(message(block_on(processes.map_async(fail_if_odd, 0..5))), "task 1 failed");
    assert_eq!(message(block_on(threads.map_async(fail_if_odd, 0..5))), "task 1 failed");
    Ok(())
}

fn results_can_be_awaited_in_tokio() -> Result<()> {
    in_tokio(|| async {
        let (pool, gate) = (Pool::with_processes(2)?, Gate::new());
        let behind = pool.submit(pass, (gate.path(),));
        let mut behind = pin!(behind);
        assert!(tokio::time::timeout(SHORT, behind.as_mut()).await.is_err(), "it waits, and the runtime goes on");
        let others: Vec<_> = (0..20).map(|n| pool.submit(square, (n,))).collect();
        for (n, other) in (0..).zip(others) {
            assert_eq!(other.await?, square(n));
        }
        gate.open();
        assert!(behind.await? > 0);
        Ok(())
    })
}

async fn sleep_and_square(n: u64) -> u64 {
    tokio::time::sleep(Duration::from_millis(100)).await;
    square(n)
}

fn worker_runs_many_async_calls_concurrently() -> Result<()> {
    let pool = Pool::with_processes(4)?;
    let start = Instant::now();
    assert_eq!(pool.map_concurrent(sleep_and_square, 0..64, 8)?, squares(64));
    // One after the other it would be 6.4 s, and 1.6 s if each process had one at a time; it should
    // be 0.2 s.
    let took = start.elapsed();
    assert!(took < Duration::from_millis(3200), "{took:?}");
    for (count, concurrency) in [(0, 8), (1, 1), (10, 1000)] {
        assert_eq!(pool.map_concurrent(|n: u64| async move { square(n) }, 0..count, concurrency)?, squares(count));
    }
    is_config(pool.map_concurrent(sleep_and_square, 0..3, 0), "concurrency");
    Ok(())
}

fn concurrent_calls_stay_below_the_limit() -> Result<()> {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    static NOW: AtomicU64 = AtomicU64::new(0);
    let crowd = |_: u64| async {
        let crowd = NOW.fetch_add(1, SeqCst) + 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
        NOW.fetch_sub(1, SeqCst);
        crowd
    };
    let crowds = Pool::with_processes(1)?.map_concurrent(crowd, 0..30, 5)?;
    assert_eq!(crowds.into_iter().max(), Some(5));
    Ok(())
}

fn panic_in_an_async_function_fails_one_call() -> Result<()> {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    let pool = Pool::with_processes(1)?;
    let fail_late = |n: u64| async move {
        static DONE: AtomicU64 = AtomicU64::new(0);
        tokio::time::sleep(Duration::from_millis(1)).await;
        DONE.fetch_add(1, SeqCst);
        if n == 99 { DONE.load(SeqCst) } else { fail_if_odd(n) }
    };
    match pool.map_concurrent(fail_late, 0..10, 4) {
        Err(Error::Panicked { message, location, pid, .. }) => {
            assert_eq!((message.as_str(), pid), ("task 1 failed", pool.workers()[0].pid));
            assert!(location.unwrap().contains("support/tasks.rs"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(pool.map_concurrent(fail_late, [99], 4)?, [11], "the others ran to their end");
    let at_once = |n: u64| {
        assert!(n != 3, "no {n} please");
        async move { n }
    };
    assert_eq!(message(pool.map_concurrent(at_once, 0..10, 4)), "no 3 please");
    assert_eq!(pool.statistics().workers_lost, 0);
    Ok(())
}

fn worker_lost_in_an_async_function_is_replaced() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let die = |n: u64| async move {
        if n == 2 {
            Death::Kill.die();
        }
        n
    };
    assert!(matches!(pool.map_concurrent(die, 0..8, 2), Err(Error::WorkerLost { .. })));
    assert_eq!(pool.map_concurrent(sleep_and_square, 0..8, 4)?, squares(8));
    Ok(())
}
