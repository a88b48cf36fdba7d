//! Safe programs on threads, small enough for Miri and the sanitizers to watch every access of
//! memory; see `.ci/run`.
//!
//! What they check is checked elsewhere too. Here it is the tool that fails the test: at a race, a
//! use after free, a leak.
#![forbid(unsafe_code)]

use std::panic::panic_any;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use multiproc::{
    AsyncResult, Error, Executor, FutureState, Result, ReturnWhen, ThreadPool, as_completed, partial, wait_for_all,
    wait_futures,
};
use serde::{Deserialize, Serialize};

/// Tasks of a test: as many as show an error, and no more, since Miri takes milliseconds for each.
const TASKS: u64 = if cfg!(miri) { 12 } else { 2000 };

fn square(n: u64) -> u64 {
    n * n
}

/// Values of [`Counted`] that live. Only one test has any.
static LIVING: AtomicU64 = AtomicU64::new(0);

/// A value that is counted, with memory of its own.
#[derive(Serialize, Deserialize)]
struct Counted(Box<u64>);

impl Counted {
    fn new(n: u64) -> Self {
        LIVING.fetch_add(1, Relaxed);
        Self(Box::new(n))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVING.fetch_sub(1, Relaxed);
    }
}

#[test]
fn maps_and_lazy_maps_agree() -> Result<()> {
    let pool = ThreadPool::with_processes(3)?;
    let squares: Vec<u64> = (0..TASKS).map(square).collect();
    assert_eq!(pool.map(square, 0..TASKS)?, squares);
    assert_eq!(pool.with_chunksize(4).map(square, 0..TASKS)?, squares);
    assert_eq!(pool.imap(square, 0..TASKS).collect::<Result<Vec<_>>>()?, squares);
    let mut unordered = pool.imap_unordered(square, 0..TASKS).collect::<Result<Vec<_>>>()?;
    unordered.sort_unstable();
    assert_eq!(unordered, squares);
    assert_eq!(pool.imap(square, 0..).take(3).collect::<Result<Vec<_>>>()?, [0, 1, 4]);
    Ok(())
}

#[test]
fn tasks_share_the_state_that_is_sent_along() -> Result<()> {
    let pool = ThreadPool::with_processes(3)?;
    let words = || vec!["one".to_string(), "two".to_string()];
    let longer = |words: &Vec<String>, n: u64| words.iter().map(|word| word.len() as u64 * n).sum::<u64>();
    let lengths = pool.map(partial(longer, words()), 0..TASKS)?;
    assert_eq!(lengths, (0..TASKS).map(|n| 6 * n).collect::<Vec<_>>());
    drop(pool.imap(partial(longer, words()), 0..).next());
    Ok(())
}

#[test]
fn every_value_is_dropped_once() -> Result<()> {
    let pool = ThreadPool::with_processes(2)?;
    for n in 0..TASKS {
        let task = pool.apply_async(|value: Counted| value, (Counted::new(n),));
        match n % 4 {
            0 => assert_eq!(*task.get()?.0, n),
            1 => drop(task),
            2 => {
                task.cancel();
            }
            _ => assert!(pool.apply(|value: Counted| -> () { panic_any(value) }, (Counted::new(n),)).is_err()),
        }
    }
    drop(pool.imap(|value: Counted| value, (0..TASKS).map(Counted::new)).next());
    pool.terminate();
    assert!(matches!(pool.apply(|value: Counted| value, (Counted::new(0),)), Err(Error::Closed)));
    drop(pool);
    assert_eq!(LIVING.load(Relaxed), 0);
    Ok(())
}

#[test]
fn panics_fail_only_their_tasks() -> Result<()> {
    struct Bomb(u32);
    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 > 0 && !thread::panicking() {
                panic_any(Bomb(self.0 - 1));
            }
        }
    }
    std::panic::set_hook(Box::new(|_| {}));
    let pool = ThreadPool::with_processes(2)?;
    let odd_ones_panic = |n: u64| -> u64 { if n.is_multiple_of(2) { n } else { panic_any(Bomb(3)) } };
    let results: Vec<_> = pool.imap(odd_ones_panic, 0..TASKS).collect();
    for (n, result) in results.into_iter().enumerate() {
        assert_eq!(matches!(result, Err(Error::Panicked { .. })), n % 2 == 1);
    }
    let bombed = pool.apply_async(square, (3,)).done_callback(|_| panic_any(Bomb(2)));
    assert!(matches!(bombed.get(), Err(Error::Panicked { .. })));
    assert_eq!(pool.apply(square, (3,))?, 9);
    Ok(())
}

/// Counts how often it is woken, and unparks a thread.
struct Unpark(thread::Thread, AtomicU64);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Relaxed);
        self.0.unpark();
    }
}

fn block_on<T>(future: AsyncResult<T>) -> Result<T>
where
    AsyncResult<T>: Future<Output = Result<T>>,
{
    let waker = Waker::from(Arc::new(Unpark(thread::current(), AtomicU64::new(0))));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park_timeout(Duration::from_millis(50)),
        }
    }
}

#[test]
fn results_are_awaited_polled_and_waited_for() -> Result<()> {
    let pool = ThreadPool::with_processes(2)?;
    for n in 0..TASKS / 4 {
        assert_eq!(block_on(pool.apply_async(square, (n,)))?, square(n));
    }
    let all: Vec<_> = (0..TASKS / 2).map(|n| pool.apply_async(square, (n,))).collect();
    let any = wait_futures(&all, ReturnWhen::FirstCompleted, None);
    assert!(!any.done.is_empty());
    wait_for_all(&all);
    assert!(all.iter().all(|result| result.state() == FutureState::Done));
    let sum: Result<u64> = as_completed(all, None).map(|(_, result)| result).sum();
    assert_eq!(sum?, (0..TASKS / 2).map(square).sum::<u64>());
    Ok(())
}

#[test]
fn threads_use_resize_and_end_one_pool() -> Result<()> {
    let pool = ThreadPool::with_processes(2)?;
    let seen = Arc::new(AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for n in 0..TASKS / 4 {
                    let seen = seen.clone();
                    let task = pool.apply_async(square, (n,)).callback(move |_| {
                        seen.fetch_add(1, Relaxed);
                    });
                    assert!(matches!(task.get(), Ok(_) | Err(Error::Closed | Error::Cancelled)));
                }
            });
        }
        scope.spawn(|| [1, 3, 2].map(|threads| pool.resize(threads)));
        scope.spawn(|| pool.statistics());
    });
    assert_eq!(seen.load(Relaxed), 3 * (TASKS / 4));
    pool.close();
    pool.join()
}
