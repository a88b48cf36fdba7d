//! Queues that several threads use, and whose values panic.

use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, PriorityQueue, Process, Queue, Result, pipe};
use serde::{Deserialize, Deserializer, Serialize};

use super::SHORT;
use crate::support::{DEADLINE, Named, named};

pub(crate) const TESTS: &[Named] = named! {
    iter_continues_while_a_thread_duplicates_handles
    iter_continues_although_the_producer_starts_late
    state_shared_by_threads_keeps_its_queue
    value_whose_decoding_panics_is_lost_alone
    value_whose_comparison_panics_is_lost_alone
};

fn iter_continues_while_a_thread_duplicates_handles() -> Result<()> {
    let (pool, queue) = (Pool::with_processes(2)?, Queue::<u64>::new()?);
    let got = thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..3u64 {
                let put = |queue: Queue<u64>, n: u64| queue.put(n).unwrap();
                pool.apply_async(put, (queue.clone(), n)).get().unwrap();
                thread::sleep(Duration::from_millis(300));
            }
            queue.close().unwrap();
        });
        queue.iter().collect::<Result<Vec<_>>>()
    })?;
    assert_eq!(got, [0, 1, 2]);
    Ok(())
}

fn iter_continues_although_the_producer_starts_late() -> Result<()> {
    let (pool, queue) = (Pool::with_processes(1)?, Queue::<u64>::new()?);
    let put = |queue: Queue<u64>, n: u64| queue.put(n).unwrap();
    pool.apply(put, (queue.clone(), 0))?;
    let got = thread::scope(|scope| {
        thread::Builder::new()
            .name("submits".into())
            .spawn_scoped(scope, || {
                thread::sleep(Duration::from_millis(700));
                pool.apply(put, (queue.clone(), 1)).unwrap();
                queue.close().unwrap();
            })
            .unwrap();
        queue.iter().collect::<Result<Vec<_>>>()
    })?;
    assert_eq!(got, [0, 1]);
    Ok(())
}

fn state_shared_by_threads_keeps_its_queue() -> Result<()> {
    struct State {
        first: Queue<u64>,
        smallest: PriorityQueue<u64>,
    }
    let state = Arc::new(State { first: Queue::new()?, smallest: PriorityQueue::new()? });
    let starter = thread::spawn({
        let state = state.clone();
        move || {
            for n in 0..3u64 {
                let put = |first: Queue<u64>, smallest: PriorityQueue<u64>, n: u64| {
                    first.put(n).unwrap();
                    smallest.put(n).unwrap();
                };
                let args = (state.first.clone(), state.smallest.clone(), n);
                Process::new(put, args).start().unwrap().join().unwrap();
                thread::sleep(Duration::from_millis(300));
            }
        }
    });
    for n in 0..3 {
        assert_eq!(state.first.get()?, n);
        assert_eq!(state.smallest.get()?, n);
    }
    starter.join().unwrap();
    assert!(matches!(state.first.get(), Err(Error::Disconnected)), "the thread is gone, too");
    Ok(())
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Job(u8);

impl<'de> Deserialize<'de> for Job {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let n = u8::deserialize(deserializer)?;
        assert!(n != 1, "a value of an unknown version");
        Ok(Job(n))
    }
}

fn value_whose_decoding_panics_is_lost_alone() -> Result<()> {
    let queue = PriorityQueue::new()?;
    [1, 3, 1, 2].into_iter().try_for_each(|n| queue.put(Job(n)).map_err(Error::from))?;
    let first = catch_unwind(AssertUnwindSafe(|| queue.get()));
    assert!(!matches!(first, Ok(Ok(_))), "{first:?}");
    assert!(queue.get().is_err());
    assert_eq!((queue.get_timeout(DEADLINE)?, queue.get_timeout(DEADLINE)?), (Job(2), Job(3)));
    assert!(queue.is_empty());
    assert!(matches!(queue.get_timeout(SHORT), Err(Error::TimedOut { .. })));

    let queue = Queue::new()?;
    [2, 1, 3].into_iter().try_for_each(|n| queue.put(Job(n)).map_err(Error::from))?;
    let (a, b) = pipe::<Job, Job>()?;
    [2, 1, 3].into_iter().try_for_each(|n| a.send(Job(n)))?;
    type Take<'a> = &'a dyn Fn() -> Result<Job>;
    for take in [&|| queue.get() as _, &|| b.recv() as _] as [Take<'_>; 2] {
        assert_eq!(take()?, Job(2));
        assert!(!matches!(catch_unwind(AssertUnwindSafe(take)), Ok(Ok(_))));
        assert_eq!(take()?, Job(3));
    }
    assert!(matches!(queue.get_timeout(SHORT), Err(Error::TimedOut { .. })));
    Ok(())
}

/// A number that cannot be compared if it is not one.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Weight(f64);

impl Ord for Weight {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.partial_cmp(&other.0).expect("a number")
    }
}

impl PartialOrd for Weight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Weight {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Weight {}

fn value_whose_comparison_panics_is_lost_alone() -> Result<()> {
    let queue = PriorityQueue::new()?;
    for n in [5.0, f64::NAN, 3.0, 1.0, f64::NAN, 4.0, 2.0] {
        queue.put(Weight(n))?;
    }
    let mut got = Vec::new();
    let mut failed = 0;
    for _ in 0..7 {
        match catch_unwind(AssertUnwindSafe(|| queue.get_timeout(DEADLINE))) {
            Ok(Ok(weight)) => got.push(weight.0),
            Ok(Err(Error::TimedOut { .. })) => panic!("a value was lost"),
            _ => failed += 1,
        }
    }
    assert_eq!((got.as_slice(), failed), (&[1.0, 2.0, 3.0, 4.0, 5.0][..], 2));
    assert!(matches!(queue.try_get(), Err(Error::Empty)));
    Ok(())
}
