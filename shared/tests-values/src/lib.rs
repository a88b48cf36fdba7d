//! Sends a value through every channel of the pool crate, and compares what arrives with what was
//! sent.

use std::any::Any;
use std::cmp::Ordering;
use std::fmt::Debug;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use multiproc::{Error, Manager, Pool, PriorityQueue, Process, Queue, Result, ThreadPool, partial, pipe};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A value that the channels can be tried with.
pub trait Value: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync + 'static> Value for T {}

/// How long a process that was sent a value may take to send it back.
const PATIENCE: Duration = Duration::from_secs(60);

/// What outlives one value: a pool of each kind and a manager.
pub struct Channels {
    pool: Pool,
    threads: ThreadPool,
    manager: Manager,
}

impl Channels {
    /// Starts the pools and the manager.
    ///
    /// # Errors
    /// What keeps a process from being started.
    pub fn open() -> Result<Self> {
        Ok(Self { pool: Pool::with_processes(2)?, threads: ThreadPool::with_processes(2)?, manager: Manager::new()? })
    }

    /// The pool of processes.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Sends `value` to a task and back, and through a queue: it arrives as it went, and threads
    /// give the same.
    ///
    /// # Panics
    /// If it arrives as another value, or not at all.
    pub fn keep<T: Value>(&self, value: T) {
        self.change(&value, &value);
        let back = self.threads.apply(echo::<T>, (value.clone(),)).unwrap();
        assert_eq!(back, value, "a thread's result: {}", std::any::type_name::<T>());
    }

    /// Sends `sent` to a task and back, and through a queue: it arrives as `expected`, which is
    /// what its attributes ask for.
    ///
    /// # Panics
    /// If it arrives as another value, or not at all.
    pub fn change<T: Value>(&self, sent: &T, expected: &T) {
        check(sent, expected, [("`apply`", self.apply(sent)), ("`Queue`", queue(sent))]);
    }

    /// Sends `value` through every channel: it arrives as it went.
    ///
    /// Each type costs the compiler all channels, so the tests send tuples of many.
    ///
    /// # Panics
    /// If it arrives as another value, or not at all.
    pub fn keep_everywhere<T: Value>(&self, value: &T) {
        self.change_everywhere(value, value);
        let back = self.threads.map(echo::<T>, [value.clone()]).unwrap();
        assert_eq!(back, std::slice::from_ref(value), "threads' results");
    }

    /// Sends each of the values to a task and back, and the tuple of them through every channel.
    ///
    /// # Panics
    /// If one arrives as another value, or not at all.
    pub fn keep_all<T: Tuple>(&self, values: T) {
        values.keep_each(self);
        self.keep_everywhere(&values);
    }

    /// Sends `sent` through every channel: it arrives as `expected`.
    ///
    /// # Panics
    /// If it arrives as another value, or not at all.
    pub fn change_everywhere<T: Value>(&self, sent: &T, expected: &T) {
        check(sent, expected, self.through(sent));
    }

    /// Sends `value` through every channel: each refuses it with an error that `accept` accepts.
    ///
    /// # Panics
    /// If a value arrives, or the error is another.
    pub fn refuse_everywhere<T: Value>(&self, value: &T, accept: impl Fn(&Error) -> bool) {
        refused(value, accept, self.through(value));
    }

    /// As [`refuse_everywhere`](Self::refuse_everywhere), for a task's argument and a queue alone.
    ///
    /// # Panics
    /// If a value arrives, or the error is another.
    pub fn refuse<T: Value>(&self, value: &T, accept: impl Fn(&Error) -> bool) {
        refused(value, accept, [("`apply`", self.apply(value)), ("`Queue`", queue(value))]);
    }

    /// What each channel gives for `value`.
    fn through<T: Value>(&self, value: &T) -> [(&'static str, Result<Vec<T>>); 14] {
        [
            ("`apply`", self.apply(value)),
            ("`map`", self.maps(value)),
            ("`imap`", self.pool.imap(echo::<T>, vec![value.clone(); 3]).collect()),
            ("`map_concurrent`", self.pool.map_concurrent(|v: T| async move { v }, vec![value.clone(); 3], 2)),
            ("`partial`", self.states(value)),
            ("`initializer`", initializer(value)),
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

    /// As the only argument, as one of two, and as results.
    fn apply<T: Value>(&self, value: &T) -> Result<Vec<T>> {
        let alone = self.pool.apply(echo::<T>, (value.clone(),))?;
        let (a, b) = self.pool.apply(|a: T, b: T| (b, a), (value.clone(), value.clone()))?;
        let seen = self.pool.apply(|value: T| format!("{value:?}"), (value.clone(),))?;
        assert_eq!(seen, format!("{alone:?}"), "a task is called with what it returns");
        Ok(vec![alone, a, b])
    }

    fn maps<T: Value>(&self, value: &T) -> Result<Vec<T>> {
        let items = vec![value.clone(); 5];
        let mut all = self.pool.map(echo::<T>, items.clone())?;
        all.extend(self.pool.with_chunksize(3).map(echo::<T>, items)?);
        Ok(all)
    }

    fn states<T: Value>(&self, value: &T) -> Result<Vec<T>> {
        let mut all = self.pool.map(partial(|state: &T, _: u8| state.clone(), value.clone()), 0..3)?;
        all.push(self.pool.apply(partial(echo::<T>, value.clone()), ())?);
        Ok(all)
    }

    fn list<T: Value>(&self, value: &T) -> Result<Vec<T>> {
        let list = self.manager.list_from([value.clone()])?;
        list.push(value.clone())?;
        let mut all = list.to_vec()?;
        all.extend(list.get(1)?);
        Ok(all)
    }

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
        Ok(vec![queue.get_timeout(PATIENCE)?])
    }
}

/// What a channel gave, by its name.
type Outcome<T> = (&'static str, Result<Vec<T>>);

fn check<T: Value>(sent: &T, expected: &T, outcomes: impl IntoIterator<Item = Outcome<T>>) {
    for (channel, outcome) in outcomes {
        match outcome {
            Ok(values) => assert!(
                !values.is_empty() && values.iter().all(|value| value == expected),
                "{channel} changed {sent:?} into {values:?}"
            ),
            Err(error) => panic!("{channel} lost {sent:?}: {error}"),
        }
    }
}

fn refused<T: Value>(value: &T, accept: impl Fn(&Error) -> bool, outcomes: impl IntoIterator<Item = Outcome<T>>) {
    for (channel, outcome) in outcomes {
        match outcome {
            Ok(values) => panic!("{channel} took {value:?} and gave {values:?}"),
            Err(error) => assert!(accept(&error), "{channel}: {error:?}"),
        }
    }
}

/// A tuple of values.
pub trait Tuple: Value {
    /// Sends each of them alone, as [`Channels::keep`] does.
    fn keep_each(&self, channels: &Channels);
}

macro_rules! tuples {
    ($($name:ident)*) => {
        #[expect(non_snake_case, reason = "the names of types serve as names of variables")]
        impl<$($name: Value),*> Tuple for ($($name,)*) {
            fn keep_each(&self, channels: &Channels) {
                let ($($name,)*) = self;
                $(channels.keep($name.clone());)*
            }
        }
    };
}

tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);

fn echo<T>(value: T) -> T {
    value
}

/// What the initializer of this worker was called with.
static KEPT: Mutex<Option<Box<dyn Any + Send>>> = Mutex::new(None);

fn initializer<T: Value>(value: &T) -> Result<Vec<T>> {
    let keep = |value: T| *KEPT.lock().unwrap() = Some(Box::new(value));
    let pool = Pool::builder().processes(1).initializer(keep, (value.clone(),)).build()?;
    let kept = || KEPT.lock().unwrap().as_ref().and_then(|kept| kept.downcast_ref::<T>()).cloned();
    Ok(pool.apply(|_: u8| (), (1,)).and_then(|()| pool.apply(kept, ()))?.into_iter().collect())
}

fn process<T: Value>(value: &T) -> Result<Vec<T>> {
    Ok(vec![Process::new(echo::<T>, (value.clone(),)).start()?.join_timeout(PATIENCE)?])
}

fn queue<T: Value>(value: &T) -> Result<Vec<T>> {
    let queue = Queue::new()?;
    queue.put(value.clone())?;
    Ok(vec![queue.get_timeout(PATIENCE)?])
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
    Ok(vec![queue.get_timeout(PATIENCE)?.value, queue.get_timeout(PATIENCE)?.value])
}

fn connection<T: Value>(value: &T) -> Result<Vec<T>> {
    let (here, there) = pipe::<T, ()>()?;
    // A large message takes both ends at work.
    thread::scope(|scope| {
        let sent = scope.spawn(move || here.send(value.clone()));
        let received = there.recv_timeout(PATIENCE);
        sent.join().expect("sending does not panic")?;
        Ok(vec![received?])
    })
}
