//! Sends a value through every channel of the pool crate, and compares what arrives with what was
//! sent.

mod channels;

use std::any::type_name;
use std::fmt::Debug;

use multiproc::{Error, Manager, Pool, Result, StartMethod, ThreadPool};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that the channels can be tried with.
pub trait Value: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync + 'static> Value for T {}

/// What a channel gave, by its name.
type Outcome<T> = (&'static str, Result<Vec<T>>);

/// What outlives one value: pools of each kind and a manager.
pub struct Channels {
    pool: Pool,
    /// Its workers are started by exec.
    spawned: Pool,
    /// Its worker has a pool whose workers are forks of it: only a process of one thread may fork.
    forking: Pool,
    threads: ThreadPool,
    manager: Manager,
}

impl Channels {
    /// Starts the pools and the manager.
    ///
    /// # Errors
    /// What keeps a process from being started.
    pub fn open() -> Result<Self> {
        Ok(Self {
            pool: Pool::with_processes(2)?,
            spawned: Pool::builder().processes(1).start_method(StartMethod::Spawn).build()?,
            forking: Pool::with_processes(1)?,
            threads: ThreadPool::with_processes(2)?,
            manager: Manager::new()?,
        })
    }

    /// The pool of processes.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Sends `value` through every channel between processes, and those of threads: it arrives as
    /// it went.
    ///
    /// # Panics
    /// If it arrives as another value, or not at all.
    pub fn keep<T: Value>(&self, value: T) {
        self.change(&value, &value);
        check(&value, &value, self.through_threads(&value));
    }

    /// Sends `sent` through every channel between processes: it arrives as `expected`, which is
    /// what its attributes ask for.
    ///
    /// # Panics
    /// If it arrives as another value, or not at all.
    pub fn change<T: Value>(&self, sent: &T, expected: &T) {
        check(sent, expected, self.through_processes(sent));
    }

    /// Does what [`keep`](Self::keep) does, for a tuple, and sends each of its values alone through
    /// a channel of each kind. So a type of it is compiled for few channels alone: to build this
    /// takes long enough.
    ///
    /// # Panics
    /// If one arrives as another value, or not at all.
    pub fn keep_all<T: Tuple>(&self, values: T) {
        values.keep_each(self);
        self.keep(values);
    }

    /// Sends `value` through every channel between processes: each refuses it with an error that
    /// `accept` accepts, an initializer's as the reason of its failure.
    ///
    /// # Panics
    /// If a value arrives, or the error is another.
    pub fn refuse<T: Value>(&self, value: &T, accept: impl Fn(&Error) -> bool) {
        for (channel, outcome) in self.through_processes(value) {
            match outcome {
                Ok(values) => panic!("{channel} took {value:?} and gave {values:?}"),
                Err(Error::Initializer(error)) if channel == "`initializer`" => {
                    assert!(accept(&error), "{channel}: {error:?}");
                }
                Err(error) => assert!(accept(&error), "{channel}: {error:?}"),
            }
        }
    }
}

fn check<T: Value>(sent: &T, expected: &T, outcomes: impl IntoIterator<Item = Outcome<T>>) {
    for (channel, outcome) in outcomes {
        match outcome {
            Ok(values) => assert!(
                !values.is_empty() && values.iter().all(|value| value == expected),
                "{channel} changed the `{}` {sent:?} into {values:?}",
                type_name::<T>()
            ),
            Err(error) => panic!("{channel} lost the `{}` {sent:?}: {error}", type_name::<T>()),
        }
    }
}

/// A tuple of values.
pub trait Tuple: Value {
    /// Sends each of them alone through a channel of each kind.
    fn keep_each(&self, channels: &Channels);
}

macro_rules! tuples {
    ($($name:ident)*) => {
        #[expect(non_snake_case, reason = "the names of types serve as names of variables")]
        impl<$($name: Value),*> Tuple for ($($name,)*) {
            fn keep_each(&self, channels: &Channels) {
                let ($($name,)*) = self;
                $(check($name, $name, channels.through_each_kind($name));)*
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
