//! Code of the program that the crate calls (serialization, comparisons, wakers, drops, tasks of
//! threads) and that calls the crate again.
#![forbid(unsafe_code)]

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use multiproc::{
    Executor, Lock, Manager, Pool, PriorityQueue, Queue, Result, SharedSlice, ThreadPool, Value, partial, pipe,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::support::{Named, descriptors, eventually, named, nap, square};

pub(crate) const TESTS: &[Named] = named! {
    value_that_uses_the_crate_while_encoded_arrives
    value_that_takes_from_its_own_queue_does_not_hang
    waker_that_uses_the_pool_on_drop_does_not_hang
    last_pool_handle_may_drop_with_a_callback
    last_thread_pool_handle_may_drop_with_a_task
    values_panicking_on_drop_stop_no_pool_thread
    zero_sized_and_large_elements_are_shared
};

/// What the values of a test may use while they are written and read.
struct Crate {
    pool: Pool,
    queue: Queue<Vec<String>>,
    manager: Manager,
    lock: Lock<u64>,
}

static CRATE: Mutex<Option<Arc<Crate>>> = Mutex::new(None);

fn current() -> Option<Arc<Crate>> {
    CRATE.lock().unwrap().clone()
}

/// Does a bit of everything, in the process that has the pool.
fn meddle() -> Result<()> {
    let Some(all) = current() else { return Ok(()) };
    let (one, sent) = (BTreeMap::from([("key".to_string(), Some(1.5))]), vec!["text".to_string()]);
    assert_eq!(all.pool.apply(|map: BTreeMap<String, Option<f64>>| map, (one.clone(),))?, one);
    assert_eq!(
        all.pool.map(partial(|lock: &Lock<u64>, n: u64| *lock.lock().unwrap() + n, all.lock.clone()), [1, 2])?,
        [1, 2]
    );
    all.queue.put(sent.clone())?;
    assert_eq!(all.queue.get()?, sent);
    let (here, there) = pipe::<(u8, Queue<u8>), ()>()?;
    here.send((1, Queue::new()?))?;
    assert_eq!(there.recv()?.0, 1);
    let list = all.manager.list_from([sent.clone()])?;
    assert_eq!(list.to_vec()?, [sent]);
    Ok(())
}

/// Uses the crate while it is written and read.
#[derive(Debug, Clone, PartialEq)]
struct Meddler(u32, String);

impl Serialize for Meddler {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        meddle().map_err(serde::ser::Error::custom)?;
        (self.0, &self.1).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Meddler {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        meddle().map_err(serde::de::Error::custom)?;
        let (number, text) = Deserialize::deserialize(deserializer)?;
        meddle().map_err(serde::de::Error::custom)?;
        Ok(Self(number, text))
    }
}

fn value_that_uses_the_crate_while_encoded_arrives() -> Result<()> {
    let all = Arc::new(Crate {
        pool: Pool::with_processes(2)?,
        queue: Queue::new()?,
        manager: Manager::new()?,
        lock: Lock::new(0)?,
    });
    *CRATE.lock().unwrap() = Some(all.clone());
    let value = vec![Meddler(1, "one".into()), Meddler(2, "two".into())];
    let echo = |value: Vec<Meddler>| value;
    assert_eq!(all.pool.apply(echo, (value.clone(),))?, value);
    assert_eq!(all.pool.map(|value: Meddler| value, value.clone())?, value);
    assert_eq!(all.pool.map_async(|value: Meddler| value, value.clone()).get()?, value);
    assert_eq!(all.pool.imap(|value: Meddler| value, value.clone()).collect::<Result<Vec<_>>>()?, value);
    assert_eq!(all.pool.apply(partial(|state: &Vec<Meddler>| state.clone(), value.clone()), ())?, value);
    let called = all.pool.apply_async(echo, (value.clone(),)).callback(|_| ());
    assert_eq!(called.get()?, value);
    let queue = Queue::new()?;
    queue.put(value.clone())?;
    assert_eq!(queue.get()?, value);
    let (here, there) = pipe::<Vec<Meddler>, ()>()?;
    here.send(value.clone())?;
    assert_eq!(there.recv()?, value);
    assert_eq!(all.manager.list_from(value.clone())?.to_vec()?, value);
    let dict = all.manager.dict()?;
    dict.insert("key".to_string(), value.clone())?;
    assert_eq!(dict.get("key")?, Some(value));
    *CRATE.lock().unwrap() = None;
    Ok(())
}

static OF_ITSELF: Mutex<Option<PriorityQueue<Greedy>>> = Mutex::new(None);

/// Takes from the queue that it is in.
#[derive(Debug, PartialEq, Eq)]
struct Greedy(u32);

fn take_another() -> Result<Option<Greedy>> {
    let queue = OF_ITSELF.lock().unwrap().clone();
    queue.map(|queue| queue.get_timeout(Duration::from_millis(10))).transpose()
}

impl Serialize for Greedy {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Greedy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let _ = take_another();
        u32::deserialize(deserializer).map(Self)
    }
}

impl PartialOrd for Greedy {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Greedy {
    fn cmp(&self, other: &Self) -> Ordering {
        let _ = take_another();
        self.0.cmp(&other.0)
    }
}

fn value_that_takes_from_its_own_queue_does_not_hang() -> Result<()> {
    let queue = PriorityQueue::new()?;
    *OF_ITSELF.lock().unwrap() = Some(queue.clone());
    (0..10).try_for_each(|n| queue.put(Greedy(n)))?;
    let taken = queue.get_timeout(Duration::from_secs(5));
    *OF_ITSELF.lock().unwrap() = None;
    assert!(taken.is_ok(), "{taken:?}");
    Ok(())
}

/// Looks at the pool when it is dropped.
struct Looks(Arc<Pool>);

impl Wake for Looks {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Looks {
    fn drop(&mut self) {
        assert_eq!(self.0.apply(square, (3,)).unwrap(), 9);
        self.0.statistics();
    }
}

fn waker_that_uses_the_pool_on_drop_does_not_hang() -> Result<()> {
    let pool = Arc::new(Pool::with_processes(2)?);
    let mut result = pool.apply_async(nap, (100,));
    for _ in 0..4 {
        let waker = Waker::from(Arc::new(Looks(pool.clone())));
        assert!(pin!(&mut result).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(result.get()?, 100);
    Ok(())
}

fn last_pool_handle_may_drop_with_a_callback() -> Result<()> {
    let open = descriptors().len();
    for _ in 0..3 {
        let pool = Arc::new(Pool::with_processes(1)?);
        let (held, done) = (pool.clone(), Arc::new(AtomicBool::new(false)));
        let seen = done.clone();
        let result = pool.apply_async(nap, (50,)).done_callback(move |_| {
            drop(held);
            seen.store(true, SeqCst);
        });
        drop(pool);
        assert!(result.get().is_ok_and(|slept| slept == 50) && done.load(SeqCst));
    }
    // The callback thread drops what the callback was called with after the result can be taken.
    eventually("the callback thread has closed the pool's notifier", || descriptors().len() <= open);
    Ok(())
}

static THREADS: Mutex<Option<Arc<ThreadPool>>> = Mutex::new(None);

fn last_thread_pool_handle_may_drop_with_a_task() -> Result<()> {
    let pool = Arc::new(ThreadPool::with_processes(2)?);
    *THREADS.lock().unwrap() = Some(pool.clone());
    let drop_last = || {
        thread::sleep(Duration::from_millis(50));
        let last = THREADS.lock().unwrap().take();
        drop(last);
        7
    };
    let result = pool.apply_async(drop_last, ());
    drop(pool);
    assert_eq!(result.get()?, 7);
    Ok(())
}

/// Panics when it is dropped, unless it was forgotten.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() && thread::current().name().is_some_and(|name| name.starts_with("bombs")) {
            panic!("dropped in a thread of the pool");
        }
    }
}

fn values_panicking_on_drop_stop_no_pool_thread() -> Result<()> {
    let pool = ThreadPool::builder().processes(2).name("bombs").build()?;
    for _ in 0..10 {
        drop(pool.apply_async(|| Bomb, ()));
        drop(pool.map_async(|_: Bomb| (), vec![Bomb; 4]));
        let result = pool.map_async(|_: Bomb| Bomb, vec![Bomb; 4]);
        result.cancel();
        drop(result);
    }
    for _ in 0..10 {
        assert_eq!(pool.map(square, 0..4u64)?, [0, 1, 4, 9]);
    }
    Ok(())
}

fn zero_sized_and_large_elements_are_shared() -> Result<()> {
    #[derive(Debug, Clone, Copy, PartialEq, bytemuck::Zeroable, bytemuck::Pod)]
    #[repr(C, align(4096))]
    struct Page([u64; 512]);

    let none = SharedSlice::<()>::new(isize::MAX as usize)?;
    assert_eq!((none.len(), none.get(isize::MAX as usize - 1)?), (isize::MAX as usize, ()));
    assert_eq!(none.read(1..)?.len(), isize::MAX as usize - 1);
    none.set(0, ())?;
    assert!(SharedSlice::<()>::new(usize::MAX).is_err() && SharedSlice::<u8>::new(isize::MAX as usize).is_err());
    assert!(none.read((std::ops::Bound::Excluded(usize::MAX), std::ops::Bound::Unbounded)).is_err());
    let value = Value::new([0u8; 0])?;
    assert_eq!(value.update(|_| 1)?, 1);
    let page = Lock::new(Page([1; 512]))?;
    assert_eq!(&raw const *page.lock()? as usize % 4096, 0);
    let pages = SharedSlice::from_fn(3, |n| Page([n as u64; 512]))?;
    assert_eq!(pages.read(..)?.iter().map(|page| page.0[511]).collect::<Vec<_>>(), [0, 1, 2]);
    Ok(())
}
