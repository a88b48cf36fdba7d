//! The channels, each as a function from a value to what arrives.
//!
//! Each is compiled for each type, so they use as few functions and types of arguments as they can.

use std::any::Any;
use std::cell::OnceCell;
use std::cmp::Ordering;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use multiproc::{Executor, Pool, PriorityQueue, Process, Queue, Result, StartMethod, partial, pipe};
use serde::{Deserialize, Serialize};

use crate::{Channels, Outcome, Value};

/// How long a process that was sent a value may take to send it back.
const TIMEOUT: Duration = Duration::from_secs(60);

impl Channels {
    /// What each channel between processes gives for `value`.
    pub(crate) fn through_processes<T: Value>(&self, value: &T) -> [Outcome<T>; 20] {
        let three = || vec![value.clone(); 3];
        let chunks = self.pool.with_chunksize(2);
        [
            ("`apply`", self.apply(value)),
            ("`map`", self.pool.map(echo::<T>, three())),
            ("`map` in chunks", chunks.map(echo::<T>, three())),
            ("`map_async`", self.pool.map_async(echo::<T>, three()).get()),
            ("`starmap`", self.pool.starmap(second::<T>, vec![(value.clone(), value.clone())])),
            ("`imap`", self.pool.imap(echo::<T>, three()).collect()),
            ("`imap_unordered`", chunks.imap_unordered(echo::<T>, three()).collect()),
            ("`map_concurrent`", self.pool.map_concurrent(|value: T| async move { value }, three(), 2)),
            ("`partial`", self.state(value)),
            ("`initializer`", initializer(value)),
            ("`StartMethod::Spawn`", self.spawned.map(echo::<T>, three())),
            ("`StartMethod::Fork`", self.forks(value)),
            ("`Process`", process(value)),
            ("`Queue`", queue(value)),
            ("`PriorityQueue`", priority_queue(value)),
            ("`pipe`", connection(value)),
            ("`Manager::list`", self.list(value)),
            ("`Manager::dict`", self.dict(value)),
            ("`Manager::namespace`", self.namespace(value)),
            ("`Manager::queue`", self.served_queue(value)),
        ]
    }

    /// What those channels give for `value` that each write values in a way of their own: the
    /// others write them as one of these does.
    pub(crate) fn through_each_kind<T: Value>(&self, value: &T) -> [Outcome<T>; 4] {
        [
            ("`apply`", self.apply(value)),
            ("`map` in chunks", self.pool.with_chunksize(2).map(echo::<T>, vec![value.clone(); 3])),
            ("`Queue`", queue(value)),
            ("`pipe`", connection(value)),
        ]
    }

    /// What a pool of threads gives for `value`, which stays where it is.
    pub(crate) fn through_threads<T: Value>(&self, value: &T) -> [Outcome<T>; 2] {
        let three = vec![value.clone(); 3];
        [
            ("`apply` by threads", self.threads.apply(echo::<T>, (value.clone(),)).map(|value| vec![value])),
            ("`map` by threads", self.threads.map(echo::<T>, three)),
        ]
    }

    /// A task is called with what it returns, and it returns what arrives.
    fn apply<T: Value>(&self, value: &T) -> Result<Vec<T>> {
        let back = vec![self.pool.apply(echo::<T>, (value.clone(),))?];
        let seen = self.pool.apply(|value: T| format!("[{value:?}]"), (value.clone(),))?;
        assert_eq!(seen, format!("{back:?}"), "a task was called with another value");
        Ok(back)
    }

    /// By value, and by reference.
    fn state<T: Value>(&self, value: &T) -> Result<Vec<T>> {
        let mut all = self.pool.map(partial(|state: &T, _: u8| state.clone(), value.clone()), 0..3)?;
        all.push(self.pool.apply(partial(echo::<T>, value.clone()), ())?);
        Ok(all)
    }

    fn forks<T: Value>(&self, value: &T) -> Result<Vec<T>> {
        Ok(vec![self.forking.apply(by_fork::<T>, (value.clone(),))??])
    }

    fn list<T: Value>(&self, value: &T) -> Result<Vec<T>> {
        let list = self.manager.list_from([value.clone()])?;
        list.push(value.clone())?;
        let mut all = list.to_vec()?;
        all.extend(list.get(1)?);
        Ok(all)
    }

    /// As a value, and as a key.
    fn dict<T: Value>(&self, value: &T) -> Result<Vec<T>> {
        let dict = self.manager.dict()?;
        dict.insert(1u8, value.clone())?;
        let mut all = dict.values()?;
        all.extend(dict.get(&1)?);
        let keys = self.manager.dict()?;
        keys.insert(value.clone(), 1u8)?;
        all.extend(keys.keys()?);
        Ok(all)
    }

    fn namespace<T: Value>(&self, value: &T) -> Result<Vec<T>> {
        let namespace = self.manager.namespace()?;
        namespace.set("value", value.clone())?;
        Ok(namespace.get("value")?.into_iter().collect())
    }

    fn served_queue<T: Value>(&self, value: &T) -> Result<Vec<T>> {
        let queue = self.manager.queue()?;
        queue.put(value.clone())?;
        Ok(vec![queue.get_timeout(TIMEOUT)?])
    }
}

fn echo<T>(value: T) -> T {
    value
}

fn second<T>(_: T, value: T) -> T {
    value
}

thread_local! {
    /// The pool of a worker of `Channels::forking`.
    static FORKS: OnceCell<Pool> = const { OnceCell::new() };
}

fn by_fork<T: Value>(value: T) -> Result<T> {
    FORKS.with(|forks| {
        if forks.get().is_none() {
            let pool = Pool::builder().processes(1).start_method(StartMethod::Fork).build()?;
            assert!(forks.set(pool).is_ok(), "a worker runs one task at a time");
        }
        forks.get().expect("it was set").apply(echo::<T>, (value,))
    })
}

/// What the initializer of this worker was called with.
static KEPT: Mutex<Option<Box<dyn Any + Send>>> = Mutex::new(None);

fn initializer<T: Value>(value: &T) -> Result<Vec<T>> {
    let keep = |value: T| *KEPT.lock().unwrap() = Some(Box::new(value));
    let pool = Pool::builder().processes(1).initializer(keep, (value.clone(),)).build()?;
    let kept = || KEPT.lock().unwrap().as_ref().and_then(|kept| kept.downcast_ref::<T>()).cloned();
    Ok(pool.apply(kept, ())?.into_iter().collect())
}

fn process<T: Value>(value: &T) -> Result<Vec<T>> {
    Ok(vec![Process::new(echo::<T>, (value.clone(),)).start()?.join_timeout(TIMEOUT)?])
}

fn queue<T: Value>(value: &T) -> Result<Vec<T>> {
    let queue = Queue::new()?;
    queue.put(value.clone())?;
    Ok(vec![queue.get_timeout(TIMEOUT)?])
}

/// A value with a rank, since most values have no order of their own.
#[derive(Serialize, Deserialize)]
struct Ranked<T> {
    rank: u8,
    value: T,
}

impl<T> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl<T> Eq for Ranked<T> {}

impl<T> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Ranked<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}

fn priority_queue<T: Value>(value: &T) -> Result<Vec<T>> {
    let queue = PriorityQueue::new()?;
    queue.put(Ranked { rank: 2, value: value.clone() })?;
    queue.put(Ranked { rank: 1, value: value.clone() })?;
    Ok(vec![queue.get_timeout(TIMEOUT)?.value, queue.get_timeout(TIMEOUT)?.value])
}

fn connection<T: Value>(value: &T) -> Result<Vec<T>> {
    let (here, there) = pipe::<T, ()>()?;
    // A large message takes both ends at work.
    thread::scope(|scope| {
        let sent = scope.spawn(move || here.send(value.clone()));
        let received = there.recv_timeout(TIMEOUT);
        sent.join().expect("sending does not panic")?;
        Ok(vec![received?])
    })
}
