//! Results, queues and connections in async functions, and async functions in workers.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use multiproc::{Connection, Error, Executor, Pool, PriorityQueue, Process, Queue, Result, ThreadPool, pipe};

use crate::support::{Death, Gate, Named, fail_if_odd, is_config, message, named, pass, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    results_can_be_awaited_in_a_custom_executor
    results_can_be_awaited_in_tokio
    async_get_returns_a_value_of_another_process
    dropped_async_get_loses_no_value
    dropped_async_get_wakes_the_next_waiter
    async_get_ends_without_producers
    async_put_waits_for_room
    priority_queue_has_async_calls_that_wait
    queue_calls_wait_in_any_runtime
    many_async_waiters_need_one_thread
    messages_outside_a_runtime_are_an_error
    async_messages_of_any_size_round_trip
    both_directions_of_a_connection_can_wait
    dropped_receive_loses_no_message
    dropped_partial_send_goes_out_with_the_next
    several_receivers_get_each_message_once
    worker_runs_many_async_calls_concurrently
    concurrent_calls_stay_below_the_limit
    panic_in_an_async_function_fails_one_call
    worker_lost_in_an_async_function_is_replaced
};

const SHORT: Duration = Duration::from_millis(3);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor there can be: polls whenever it is woken.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

/// Runs a test in tokio.
fn in_tokio<Fut: Future<Output = Result<()>>>(body: fn() -> Fut) -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(body())
}

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

fn produce(queue: Queue<u64>, count: u64) {
    for n in 0..count {
        queue.put(n).unwrap();
    }
}

fn async_get_returns_a_value_of_another_process() -> Result<()> {
    in_tokio(|| async {
        let (queue, gate) = (Queue::new()?, Gate::new());
        let late = |queue: Queue<u64>, gate: std::path::PathBuf| {
            pass(gate);
            produce(queue, 3);
        };
        let process = Process::new(late, (queue.clone(), gate.path())).start()?;
        assert!(tokio::time::timeout(SHORT, queue.get_async()).await.is_err());
        gate.open();
        for n in 0..3 {
            assert_eq!(queue.get_async().await?, n);
        }
        process.join()?;
        queue.close()?;
        assert!(matches!(queue.get_async().await, Err(Error::Closed)));
        Ok(())
    })
}

fn dropped_async_get_loses_no_value() -> Result<()> {
    in_tokio(|| async {
        let queue = Queue::bounded(2)?;
        let process = Process::new(produce, (queue.clone(), 1000)).start()?;
        let mut next = 0;
        let mut tries = 0;
        while next < 1000 {
            tries += 1;
            let timeout = Duration::from_micros(tries * 37 % 2000);
            if let Ok(value) = tokio::time::timeout(timeout, queue.get_async()).await {
                assert_eq!(value?, next);
                next += 1;
            }
        }
        process.join()?;
        assert!(queue.is_empty());
        Ok(())
    })
}

fn dropped_async_get_wakes_the_next_waiter() -> Result<()> {
    in_tokio(|| async {
        let queue = Queue::<u64>::new()?;
        let taker = Process::new(|queue: Queue<u64>| queue.get().unwrap(), (queue.clone(),)).start()?;
        for _ in 0..20 {
            assert!(tokio::time::timeout(Duration::from_micros(300), queue.get_async()).await.is_err());
        }
        queue.put_async(7).await?;
        assert_eq!(tokio::task::spawn_blocking(move || taker.join()).await.unwrap()?, 7);
        Ok(())
    })
}

fn async_get_ends_without_producers() -> Result<()> {
    in_tokio(|| async {
        let queue = Queue::new()?;
        let process = Process::new(produce, (queue.clone(), 2)).start()?;
        let (first, second) = (queue.get_async().await?, queue.get_async().await?);
        assert_eq!((first, second), (0, 1));
        process.join()?;
        assert!(matches!(queue.get_async().await, Err(Error::Disconnected)));
        Ok(())
    })
}

fn async_put_waits_for_room() -> Result<()> {
    in_tokio(|| async {
        let queue = Queue::bounded(1)?;
        queue.put_async(1u64).await?;
        let refused = tokio::time::timeout(SHORT, queue.put_async(2)).await;
        assert!(refused.is_err() && queue.len() == 1);
        let process = Process::new(|queue: Queue<u64>| queue.iter().map(Result::unwrap).sum::<u64>(), (queue.clone(),));
        let process = process.start()?;
        for n in 2..100 {
            queue.put_async(n).await?;
        }
        queue.close()?;
        let refused = queue.put_async(5).await.unwrap_err();
        assert!(matches!((refused.value, refused.error), (5, Error::Closed)));
        assert_eq!(process.join()?, (1..100).sum::<u64>());
        Ok(())
    })
}

fn priority_queue_has_async_calls_that_wait() -> Result<()> {
    in_tokio(|| async {
        let (queue, gate) = (PriorityQueue::bounded(3)?, Gate::new());
        let late = |queue: PriorityQueue<u64>, gate: std::path::PathBuf| {
            pass(gate);
            [3, 1, 2].into_iter().for_each(|n| queue.put(n).unwrap());
        };
        let process = Process::new(late, (queue.clone(), gate.path())).start()?;
        assert!(tokio::time::timeout(SHORT, queue.get_async()).await.is_err());
        gate.open();
        process.join()?;
        assert!(tokio::time::timeout(SHORT, queue.put_async(4)).await.is_err());
        for n in 1..=3 {
            assert_eq!(queue.get_async().await?, n);
        }
        queue.put_async(5).await?;
        queue.close()?;
        assert_eq!(queue.get_async().await?, 5);
        assert!(matches!(queue.get_async().await, Err(Error::Closed)));
        Ok(())
    })
}

fn queue_calls_wait_in_any_runtime() -> Result<()> {
    let (queue, gate) = (Queue::bounded(1)?, Gate::new());
    let late = |queue: Queue<u64>, gate: std::path::PathBuf| {
        pass(gate);
        produce(queue.clone(), 100);
        queue.close().unwrap();
    };
    let process = Process::new(late, (queue.clone(), gate.path())).start()?;
    let opener = thread::spawn(move || {
        thread::sleep(SHORT);
        gate.open();
        gate
    });
    for n in 0..100 {
        assert_eq!(block_on(queue.get_async())?, n);
    }
    assert!(matches!(block_on(queue.get_async()), Err(Error::Closed)));
    opener.join().unwrap();
    process.join()
}

/// Counts the threads of this process whose names begin so.
fn threads_named(name: &str) -> usize {
    let entries = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("comm")).ok());
    names.filter(|found| found.starts_with(name)).count()
}

fn many_async_waiters_need_one_thread() -> Result<()> {
    in_tokio(|| async {
        let (first, least) = (Queue::<u64>::new()?, PriorityQueue::<u64>::new()?);
        let mut waiters = Vec::new();
        for n in 0..100 {
            let (first, least) = (first.clone(), least.clone());
            waiters.push(tokio::spawn(async move {
                if n % 2 == 0 { first.get_async().await } else { least.get_async().await }
            }));
        }
        while threads_named("multiproc-watch") == 0 {
            tokio::task::yield_now().await;
        }
        let watchers = threads_named("multiproc-watch");
        assert!(watchers == 1 || !has_futex_waitv(), "{watchers} threads");
        let mut sum = 0;
        for n in 0..50 {
            first.put(n)?;
            least.put(50 + n)?;
        }
        for waiter in waiters {
            sum += waiter.await.unwrap()?;
        }
        assert_eq!(sum, (0..100).sum::<u64>());
        assert!(first.is_empty() && least.is_empty());
        Ok(())
    })
}

/// Whether the kernel can wait at several words at a time.
fn has_futex_waitv() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(5), Some(16))
}

fn messages_outside_a_runtime_are_an_error() -> Result<()> {
    let (ours, theirs) = pipe::<u64, u64>()?;
    is_config(block_on(ours.recv_async()), "tokio runtime");
    let blind = tokio::runtime::Builder::new_current_thread().build()?;
    is_config(blind.block_on(ours.recv_async()), "enable_io");
    block_on(theirs.send_async(1))?;
    assert_eq!(block_on(ours.recv_async())?, 1, "without waiting no runtime is needed");
    Ok(())
}

fn echo(connection: Connection<Vec<u8>, Vec<u8>>) {
    while let Ok(message) = connection.recv() {
        connection.send(message).unwrap();
    }
}

fn async_messages_of_any_size_round_trip() -> Result<()> {
    in_tokio(|| async {
        let (ours, theirs) = pipe()?;
        let process = Process::new(echo, (theirs,)).start()?;
        for size in [0, 1, 100, 100_000, 262_143, 3_000_000] {
            let message: Vec<u8> = (0..size).map(|n: u32| (n % 251) as u8).collect();
            ours.send_async(message.clone()).await?;
            assert_eq!(ours.recv_async().await?, message);
        }
        drop(ours);
        process.join()
    })
}

fn both_directions_of_a_connection_can_wait() -> Result<()> {
    in_tokio(|| async {
        let (ours, theirs) = pipe::<Vec<u8>, Vec<u8>>()?;
        let process = Process::new(echo, (theirs,)).start()?;
        let (ours, message) = (Arc::new(ours), vec![7u8; 1_000_000]);
        let (sender, copy) = (ours.clone(), message.clone());
        let sending = tokio::spawn(async move {
            for _ in 0..20 {
                sender.send_async(copy.clone()).await?;
            }
            Ok::<_, Error>(())
        });
        for _ in 0..20 {
            assert_eq!(ours.recv_async().await?, message);
        }
        sending.await.unwrap()?;
        drop(ours);
        process.join()
    })
}

fn dropped_receive_loses_no_message() -> Result<()> {
    in_tokio(|| async {
        let (ours, theirs) = pipe::<(), Vec<u64>>()?;
        let send = |connection: Connection<Vec<u64>, ()>| {
            for n in 0..200u64 {
                connection.send(vec![n; if n % 50 == 0 { 100_000 } else { 1 }]).unwrap();
                thread::sleep(Duration::from_micros(n * 5));
            }
        };
        let process = Process::new(send, (theirs,)).start()?;
        let mut next = 0;
        while next < 200 {
            if let Ok(message) = tokio::time::timeout(Duration::from_micros(next * 7), ours.recv_async()).await {
                assert_eq!(message?[0], next);
                next += 1;
            }
        }
        process.join()?;
        assert!(matches!(ours.recv_async().await, Err(Error::Disconnected)));
        Ok(())
    })
}

fn dropped_partial_send_goes_out_with_the_next() -> Result<()> {
    in_tokio(|| async {
        let (ours, theirs) = pipe::<Vec<u8>, ()>()?;
        assert!(tokio::time::timeout(SHORT, ours.send_async(vec![1; 1_000_000])).await.is_err());
        assert!(tokio::time::timeout(SHORT, ours.send_async(vec![2; 1_000_000])).await.is_err(), "not begun at all");
        let receiver = thread::spawn(move || (theirs.recv().unwrap(), theirs.recv().unwrap()));
        ours.send(vec![3; 10])?;
        assert_eq!(receiver.join().unwrap(), (vec![1; 1_000_000], vec![3; 10]));
        Ok(())
    })
}

fn several_receivers_get_each_message_once() -> Result<()> {
    in_tokio(|| async {
        let (ours, theirs) = pipe::<u64, u64>()?;
        let theirs = Arc::new(theirs);
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let theirs = theirs.clone();
                tokio::spawn(async move {
                    let mut sum = 0;
                    while let Ok(n) = theirs.recv_async().await {
                        sum += n;
                    }
                    sum
                })
            })
            .collect();
        for n in 1..=100 {
            ours.send_async(n).await?;
            tokio::task::yield_now().await;
        }
        drop(ours);
        let mut sum = 0;
        for receiver in receivers {
            sum += receiver.await.unwrap();
        }
        assert_eq!(sum, 5050);
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
