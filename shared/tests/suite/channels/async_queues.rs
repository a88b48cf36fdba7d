//! Queues in async functions.

use std::thread;
use std::time::Duration;

use multiproc::{Error, PriorityQueue, Process, Queue, Result};

use crate::runtimes::{block_on, in_tokio};
use crate::support::{Gate, Named, named, pass};

pub(crate) const TESTS: &[Named] = named! {
    async_get_returns_a_value_of_another_process
    dropped_async_get_loses_no_value
    dropped_async_get_wakes_the_next_waiter
    async_get_ends_without_producers
    async_put_waits_for_room
    priority_queue_has_async_calls_that_wait
    queue_calls_wait_in_any_runtime
    many_async_waiters_need_one_thread
};

const SHORT: Duration = Duration::from_millis(3);

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
