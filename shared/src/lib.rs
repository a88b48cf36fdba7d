//! A process pool: functions run in worker processes, on every core, and a crash costs one task.
//!
//! ```
//! use multiproc::{Executor, Pool};
//!
//! fn is_prime(n: u64) -> bool {
//!     n > 1 && (2..).take_while(|d| d * d <= n).all(|d| n % d != 0)
//! }
//!
//! fn main() -> multiproc::Result<()> {
//!     multiproc::init(); // first line: a worker started by exec leaves main here
//!     let pool = Pool::new()?; // one worker a logical CPU
//!     let primes = pool.map(is_prime, 1..=100u64)?;
//!     assert_eq!(primes.iter().filter(|prime| **prime).count(), 25);
//!     Ok(())
//! } // the pool ends with its scope
//! ```
//!
//! What a task does to its process, it does to its process alone: a panic is caught and carried to
//! the caller, and an abort, a stack overflow, a failing allocation or a `kill -9` is
//! [`Error::WorkerLost`] for the task that ran, while all others go on and a new worker takes the
//! place.
//!
//! - A [`Pool`] runs many tasks, a [`ThreadPool`] does so on threads. The calls of both are those
//!   of the trait [`Executor`]: blocking ([`apply`](Executor::apply), [`map`](Executor::map),
//!   [`starmap`](Executor::starmap)), not blocking ([`apply_async`](Executor::apply_async) and its
//!   kin return an [`AsyncResult`], which is also a future), and lazy ([`imap`](Executor::imap),
//!   [`imap_unordered`](Executor::imap_unordered)).
//! - [`wait_futures`] and [`as_completed`] wait for several results; [`wait()`] waits for objects
//!   of any kind, and a [`WaitSet`] makes one descriptor of them for event loops.
//! - [`Process`] runs one function in a process of its own. [`partial`] sends state along with a
//!   function.
//! - Processes talk through a [`pipe()`], which has two ends, or a [`Queue`] or [`PriorityQueue`],
//!   which has as many as you like. A [`channel()`] is a queue for values with handles in them.
//! - They share state through [`Value`], [`Lock`] and [`SharedSlice`], and wait for each other with
//!   [`Event`], [`Condition`], [`Semaphore`] and [`Barrier`]; a process that is killed takes none
//!   of them along.
//! - A [`Manager`] holds lists, dictionaries, namespaces and queues that any process uses through
//!   proxies, on other machines too.
//! - A [`ServiceManager`] runs services: functions for as long as the program runs, replaced when
//!   they die, reloaded and ended by signals.
//!
//! An [`AsyncResult`] and a [`Process`] can be awaited, and [`Queue`] and [`PriorityQueue`] have
//! async calls ([`get_async`](Queue::get_async), …), in any runtime. With the feature `tokio`,
//! [`Connection`] has them too (`recv_async`, …), `wait_async` waits for several objects, and
//! `Pool::map_concurrent` runs many calls of an async function in each worker. With the feature
//! `stream`, an [`Imap`] is a `Stream`.
//!
//! With the feature `manager-tcp`, a [`Manager`] can listen for programs on other machines. With
//! the feature `trace-json`, a [`Trace`] can be written as JSON for trace viewers.
//!
//! With the feature `tracing`, pools report what happens to their workers as events of the
//! [target](#events) `multiproc`. The crate itself never prints.
//!
//! With the feature `mpi`, `MpiExecutor` has the calls of [`Executor`] on as many machines as MPI
//! gives the program. It needs an MPI library and libclang to be built (on Debian `libopenmpi-dev`,
//! `openmpi-bin` and `libclang-dev`).
//!
//! The crate works on Linux, on x86-64 and aarch64.
//!
//! # What travels
//! Arguments, results and messages are any types that implement serde's `Serialize` and
//! `Deserialize`: whatever `serde_json` carries there and back arrives as it went, with whatever
//! attributes, and so does what JSON cannot say (`Some(None)`, 128-bit numbers, every `NaN`, byte
//! strings, keys that are not text). A type that asks is told that the format is human-readable, as
//! JSON is. A value that cannot travel is an [`Error::Encode`] or [`Error::Decode`] with the type's
//! own words, its name and the path of fields, and no other value arrives in its place.
//!
//! A vector of numbers or bytes is copied as a block, as a field of a tuple, struct, `Option` or
//! `Result` too; other values are encoded one by one. A task returns errors of any type
//! as a [`TaskError`].
//!
//! *Handles* travel too, as (a part of) an argument, a result or a message over a [`Connection`] or
//! [`channel()`]: the objects by which processes talk and share state (a [`Connection`], a
//! [`Queue`], a [`Lock`], a proxy of a [`Manager`]), and in an [`Fd`] any file, socket or listener
//! of the program. The receiver gets a descriptor of its own. A [`Connection`] has one owner and
//! moves; the others are shared with whoever keeps a clone. Guards and permits stay where they are.
//!
//! # How it works
//! Functions travel by name, which leads to an entry in the executable; see [`Task`]. Workers are
//! forked by a small single-threaded process, so that no program with threads is ever forked; see
//! [`StartMethod`]. Tasks and results pass through two rings in memory shared with each worker; no
//! lock is shared, so a killed worker holds none. Whoever waits for a result drives the exchange
//! himself. Pipes, queues and locks are memory without a name; handles of them go to other
//! processes as descriptors, along with the message that they are part of.
//!
//! # Events
//! With the feature `tracing`, the program's subscriber gets events of the target `multiproc`, each
//! with the field `pool`, the pool's name (or that of a [`Process`]):
//!
//! | message | level | fields |
//! |---|---|---|
//! | `worker started` | info | `worker` (its name), `index`, `pid` |
//! | `worker ended` | info, or warn if `lost` | the same, `status`, `killed`, `tasks`, `lost` |
//! | `worker replaced` | info | `worker` (the new one), `index` |
//! | `worker not started` | warn | `error` |
//! | `tasks refused` | warn | `tasks` (how many), `error` |
//! | `zygote restarted` | warn | `error` (how the former one ended) |
//! | `pool broken` | error | `error`, which all further tasks fail with |
//!
//! Of an end, `killed` says why, if the pool did it, `tasks` how many the worker has done, and
//! `lost` whether it was meant to go on.
//!
//! They come from whichever thread drives the pool, in order, and while no lock of the pool is
//! held: a subscriber may ask the pool. Workers that are ended with their pool, and threads of a
//! [`ThreadPool`], have none.
//!
//! # Limits
//! - Arguments and results of tasks are `Send`, and the state of a [`partial`] is `Send + Sync`,
//!   also for processes: a program may change to threads by one name.
//! - A value may be nested 4,096 levels deep, where a sequence, map, struct, variant or `Some` is a
//!   level: a type that contains itself may do so a thousand times at least. Deeper ones are
//!   [`Error::Encode`] or [`Error::Decode`]. They are decoded on a stack of their own, and dropped
//!   on their owner's.
//! - A closure captures nothing, and spells out the types of its parameters where its body needs
//!   them: `|text: String| text.len()`.
//! - A task's function is part of the executable. A pool in a dynamic library (a `cdylib`) is
//!   refused unless its workers are forks of the program: [`StartMethod::Fork`]. So is one in a
//!   program that the kernel does not know as what it is (under valgrind, without `/proc`):
//!   [`Error::Executable`].
//! - What runs before [`init`] runs in the processes that start workers, too. Threads among it make
//!   each worker start by exec.
//! - In a program built with `panic = "abort"` a panic ends its worker: [`Error::WorkerLost`]
//!   instead of [`Error::Panicked`].
//! - Every task is begun once, with one exception: when a worker is killed for one task's time
//!   limit or cancellation, and that task ends in the last moment, the task after it in the same
//!   chunk may be begun a second time, elsewhere.
//! - A signal for the program's process group (Ctrl-C, `timeout`, systemd) does nothing to workers:
//!   the program decides, and can finish what runs. Only the pool, SIGKILL and what its own task
//!   does end a worker. The same holds for a [`Process`], which
//!   [`send_signal`](Process::send_signal) reaches. A task that sets a handler gets the signals of
//!   the group as well.
//! - Workers have the user, folder, environment, limits, namespaces and output
//!   ([unless](Output) it is to go elsewhere) that the program has when their pool is built, and
//!   read from the null device. If the process that starts them is killed, those that follow have
//!   what the program has then. A program that has given up rights
//!   which its file gives (set-user-ID, capabilities), or root its capabilities, has workers that
//!   get no new ones by executing another program.
//! - What a task has started is killed with its worker, if that is killed
//!   ([unless](PoolBuilder::keep_started_processes) it is to be kept). A process that has detached
//!   itself (its parent ended) is killed with the last of the workers that it may come from. If the
//!   process that starts the workers is killed, it is left running.
//! - What has become another user's program (`sudo`) can be killed by nobody but that user and
//!   root. A worker that has is let go as if it had been killed.
//! - In a worker by [`StartMethod::Fork`] a task that calls `exit` runs the destructors of the
//!   program's thread-locals. With musl it runs the program's exit handlers instead, and no process
//!   runs destructors of thread-locals at its end.
//! - Pools, processes, results, iterators, managers, pipes, locks, arrays and their guards belong
//!   to the process that has them. In a copy of it ([`StartMethod::Fork`], or a fork by the
//!   program) their calls are [`Error::ForeignProcess`], guards give no access, and drops do
//!   nothing. Events, conditions, semaphores, barriers and queues that a fork of the program's own
//!   inherits work there; those that a worker of [`StartMethod::Fork`] inherits cannot be sent on.
//! - A task may fork; the copy of its worker ends when it comes back from the task.
//! - A handle (of a pipe's end, a queue, a lock, a file) goes to another process as an argument or
//!   result, as a task's state, or over a [`Connection`] or [`channel()`]; not through a queue. One
//!   that is shared costs a descriptor a process, a pipe's end two. Results that were not taken
//!   hold theirs.
//! - Shared memory takes its pages as they are written. A process that goes beyond the memory of
//!   its control group is killed by the kernel: a worker is [`Error::WorkerLost`], then. Where the
//!   system promises no more memory than it has (`vm.overcommit_memory = 2`), shared memory is
//!   taken whole when it is made, and too little is [`Error::Io`].
//! - A worker that is *stopped* (SIGSTOP) while it runs a task keeps it until it goes on, unless
//!   there is a [time limit](PoolBuilder::task_timeout).
//! - A thread of this process that has a [`Queue`] by reference and has not used it for ten seconds
//!   is not known to it: give it a clone, or [`close`](Queue::close) the queue at its end.
//! - A process that is *stopped* while it holds the lock of a queue keeps the others waiting until
//!   it goes on or dies.
//! - Locks, and what has a lock inside, cannot be shared by processes of different PID or time
//!   namespaces; it is an error.

// docs.rs says which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "__parts")]
#[doc(hidden)]
pub mod __parts;
mod atomics;
mod bootstrap;
#[cfg(feature = "mpi")]
mod cluster;
mod codec;
mod cpu;
mod engine;
mod error;
mod executor;
mod exit_status;
mod fds;
mod foreign;
mod future;
mod identity;
mod init;
mod kind;
mod manager;
mod output;
mod pipe;
mod pool;
mod process;
mod progress;
mod protocol;
mod queue;
mod ring;
mod service;
mod shm;
mod sync;
mod sys;
mod task;
mod threads;
mod trace;
mod waitable;
mod worker;
mod zygote;

#[cfg(feature = "mpi")]
pub use cluster::{MpiExecutor, MpiExecutorBuilder, Rank};
pub use cpu::{cpu_count, physical_cpu_count};
pub use error::{Error, Origin, Reason, Result, TaskError};
pub use executor::{Executor, Imap, Indexed, Statistics, WithOptions};
pub use exit_status::ExitStatus;
pub use fds::Fd;
pub use future::{
    AsCompleted, AsyncResult, CancelOnDrop, FutureState, ReturnWhen, Waited, as_completed, wait as wait_futures,
    wait_for_all, wait_for_any,
};
pub use identity::{ProcessInfo, active_children, current_process, parent_process, worker_index};
pub use init::init;
#[cfg(feature = "manager-tcp")]
pub use manager::RemoteManager;
pub use manager::{DictProxy, ListProxy, Manager, ManagerBuilder, NamespaceProxy, Proxy, QueueProxy};
pub use output::Output;
pub use pipe::{Connection, pipe};
pub use pool::{Pool, PoolBuilder, WorkerInfo};
pub use process::{Process, ProcessBuilder};
pub use queue::{Iter, PriorityQueue, PutError, Queue, Receiver, Sender, channel};
pub use service::{
    Service, ServiceArguments, ServiceControl, ServiceId, ServiceManager, ServiceManagerBuilder, ServiceWorker,
};
pub use sync::{
    Barrier, BarrierWait, Condition, Event, Lock, LockGuard, Permit, Semaphore, SharedSlice, SliceRead, SliceWrite,
    Value,
};
pub use task::{
    Argument, Arguments, ByReference, ByValue, OwnedNotBorrowed, Partial, ReturnValue, Stateless, Task, partial,
};
pub use threads::{ThreadPool, ThreadPoolBuilder};
pub use trace::{Recording, TaskEvent, Trace};
#[cfg(feature = "tokio")]
pub use waitable::wait_async;
pub use waitable::{WaitSet, Waitable, wait};
pub use zygote::StartMethod;

/// Asserts which public types can go to, and be used by, several threads: a field that is added to
/// one of them must not change that unseen.
const _: () = {
    const fn send<T: Send>() {}
    const fn send_sync<T: Send + Sync>() {}

    send_sync::<Error>();
    send_sync::<Origin>();
    send_sync::<Reason>();
    send_sync::<TaskError>();
    send_sync::<ExitStatus>();
    send_sync::<ProcessInfo>();
    send_sync::<StartMethod>();
    send_sync::<Statistics>();
    send_sync::<WorkerInfo>();

    send_sync::<Pool>();
    send_sync::<PoolBuilder>();
    send_sync::<Output>();
    send_sync::<WithOptions<'static, Pool>>();
    send_sync::<ThreadPool>();
    send_sync::<ThreadPoolBuilder>();
    send_sync::<WithOptions<'static, ThreadPool>>();
    send_sync::<AsyncResult<u64>>();
    send_sync::<CancelOnDrop<u64>>();
    send_sync::<AsCompleted<u64>>();
    send::<Imap<std::ops::Range<u64>, u64>>();
    send::<Indexed<std::ops::Range<u64>, u64>>();
    send_sync::<Process<u64>>();
    send_sync::<ProcessBuilder<fn() -> u64, ()>>();

    send_sync::<Connection<u64, u64>>();
    send_sync::<Fd<std::fs::File>>();
    send_sync::<Queue<u64>>();
    send_sync::<Sender<u64>>();
    send_sync::<Receiver<u64>>();
    send_sync::<Iter<'static, u64>>();
    send_sync::<PriorityQueue<u64>>();

    send_sync::<Lock<u64>>();
    send_sync::<Value<u64>>();
    send_sync::<SharedSlice<u64>>();
    send_sync::<Event>();
    send_sync::<Condition>();
    send_sync::<Semaphore>();
    send_sync::<Barrier>();
    send_sync::<BarrierWait>();

    send_sync::<Manager>();
    send_sync::<ManagerBuilder>();
    send_sync::<ListProxy<u64>>();
    send_sync::<DictProxy<u64, u64>>();
    send_sync::<NamespaceProxy>();
    send_sync::<QueueProxy<u64>>();
    send_sync::<ServiceControl>();
    send_sync::<ServiceId>();
    send::<ServiceManager>();
    send_sync::<ServiceWorker>();

    send_sync::<WaitSet<'static>>();

    send_sync::<Recording>();
    send_sync::<Trace>();
    send_sync::<TaskEvent>();
};

/// The programs in the README compile and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
