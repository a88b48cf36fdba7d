//! Settings of a pool.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::cpu::cpu_count;
use crate::engine::{Config, Engine};
use crate::error::{Error, Result};
use crate::executor::{PoolSettings, check_processes};
use crate::fds::Payload;
use crate::identity::check_depth;
use crate::output::{Output, Outputs};
use crate::pool::Pool;
use crate::pool::once::prepare_once;
use crate::protocol::MAX_MESSAGE;
use crate::sys::process::ForkPermit;
use crate::task::{Arguments, Prepared, Task};
use crate::zygote::StartMethod;

/// Bytes of each of a worker's two rings. Only what is used is backed by memory.
const RING: usize = 256 * 1024;

/// How long a worker without tasks is kept, where the caller sets nothing.
const SHRINK_AFTER: Duration = Duration::from_secs(1);

/// How long the orderly end of a worker may take, where the caller sets nothing.
pub(crate) const END_LIMIT: Duration = Duration::from_secs(10);

/// The memory that a worker needs to start, in bytes.
const MIN_MEMORY: u64 = 1 << 20;

/// Settings of a [`Pool`]; returned by [`Pool::builder`].
///
/// ```
/// use std::time::Duration;
///
/// use multiproc::{Executor, Pool, StartMethod};
///
/// # fn main() -> multiproc::Result<()> {
/// let pool = Pool::builder()
///     .processes(2)
///     .start_method(StartMethod::Spawn)
///     .max_tasks_per_child(100)
///     .task_timeout(Duration::from_secs(60))
///     .build()?;
/// assert_eq!(pool.apply(|| 6 * 7, ())?, 42);
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct PoolBuilder {
    settings: PoolSettings<(Prepared, Payload)>,
    max_processes: Option<usize>,
    shrink_after: Option<Duration>,
    method: StartMethod,
    unchecked_fork: Option<ForkPermit>,
    finalizer_timeout: Option<Duration>,
    keep_started: bool,
    max_tasks: Option<u64>,
    task_timeout: Option<Duration>,
    max_memory: Option<u64>,
    memory_limit: Option<u64>,
    max_message: Option<u64>,
    trace: bool,
    output: Outputs,
}

impl PoolBuilder {
    /// Sets the number of workers; if not set, it is one a logical CPU, as
    /// [`cpu_count`](crate::cpu_count) counts them.
    ///
    /// Python's counterpart: the argument `processes`.
    #[doc(alias("max_workers"))]
    pub fn processes(mut self, processes: usize) -> Self {
        (self.settings.processes, self.max_processes) = (Some(processes), None);
        self
    }

    /// Sets bounds for the number of workers, which follows the backlog. The pool starts with
    /// `min`, starts another whenever tasks wait and no worker is free for them, and ends one that
    /// has had no task for a [while](PoolBuilder::shrink_after). Tasks that are known to take less
    /// time than starting a worker do not make it grow. With a `min` of 0, an idle pool has no
    /// worker, and the next task waits until one is started; the small process that starts them
    /// stays.
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::builder().processes_between(1, 3).build()?;
    /// assert_eq!(pool.processes(), 1);
    /// let nap = |_: u32| std::thread::sleep(std::time::Duration::from_millis(50));
    /// pool.with_chunksize(1).map(nap, 0..3u32)?;
    /// assert_eq!(pool.processes(), 3);
    /// # Ok(()) }
    /// ```
    ///
    /// Python's `Pool` has no counterpart; its `ProcessPoolExecutor` grows, too, but does not
    /// shrink.
    pub fn processes_between(mut self, min: usize, max: usize) -> Self {
        (self.settings.processes, self.max_processes) = (Some(min), Some(max));
        self
    }

    /// Sets the time without a task after which a worker of a pool that
    /// [grows](PoolBuilder::processes_between) ends; one second if not set.
    pub fn shrink_after(mut self, idle: Duration) -> Self {
        self.shrink_after = Some(idle);
        self
    }

    /// Rejects tasks while `tasks` of them wait or run: each further one fails at once with
    /// [`Error::Full`]. This holds for every call: of a map, the chunks that are too many fail.
    ///
    /// ```
    /// use multiproc::{Error, Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::builder().processes(1).reject_when_reached(1).build()?;
    /// let nap = || std::thread::sleep(std::time::Duration::from_millis(50));
    /// let taken = pool.apply_async(nap, ());
    /// assert!(matches!(pool.apply(nap, ()), Err(Error::Full)));
    /// taken.get()
    /// # }
    /// ```
    pub fn reject_when_reached(mut self, tasks: u64) -> Self {
        self.settings.reject_at = Some(tasks);
        self
    }

    /// Runs `f(args…)` in every worker, also in those that replace others, before its first task.
    /// It may set up what the tasks use: a thread-local, a static, a connection. If it panics or
    /// returns an `Err`, the pool can run nothing, and every task fails with
    /// [`Error::Initializer`], which holds that panic or error.
    ///
    /// ```
    /// use multiproc::{Error, Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let set_up = || Err::<(), _>("no database".to_string());
    /// let pool = Pool::builder().processes(1).initializer(set_up, ()).build()?;
    /// let error = pool.apply(|| 1, ()).unwrap_err();
    /// assert_eq!(error.to_string(), "the pool's initializer failed: no database");
    /// # Ok(()) }
    /// ```
    ///
    /// A logger, a subscriber of `tracing` and a panic hook are set in one process, and so are
    /// missing in a worker (unless it is a [fork](StartMethod::Fork) of the program): set them with
    /// `initializer(install_logger, ())`. A hook that is set here is called for panics of tasks,
    /// too, which the task's error reports in any case.
    ///
    /// ```
    /// use multiproc::{Error, Executor, Output, Pool};
    ///
    /// fn install_logger() {
    ///     // What `main` calls, too: env_logger::init(), tracing_subscriber::fmt::init(), …
    ///     std::panic::set_hook(Box::new(|panic| eprintln!("[worker] {panic}")));
    /// }
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let builder = Pool::builder().processes(1).initializer(install_logger, ());
    /// let pool = builder.stderr(Output::captured()).build()?;
    /// let error = pool.apply(|| -> u32 { panic!("no luck") }, ()).unwrap_err();
    /// let Error::Panicked { message, stderr, .. } = error else { panic!("{error}") };
    /// let logged = stderr.unwrap();
    /// assert_eq!(message, "no luck");
    /// assert!(logged.starts_with("[worker] panicked at") && logged.ends_with("no luck\n"));
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterparts: the arguments `initializer` and `initargs`.
    #[doc(alias("initargs"))]
    pub fn initializer<F: Task<Args>, Args: Arguments>(mut self, f: F, args: Args) -> Self {
        self.settings.initializer = Some(prepare_once(f, args));
        self
    }

    /// Runs `f(args…)` in every worker after its last task, if the worker ends by itself: when the
    /// pool is closed, shrinks, or replaces a worker that has run its [number of
    /// tasks](PoolBuilder::max_tasks_per_child). It may take down what the
    /// [initializer](PoolBuilder::initializer) has set up. After it, the destructors of
    /// thread-locals and the exit handlers of the process run. A worker that is killed, or whose
    /// initializer failed, runs none of that.
    ///
    /// Its result is dropped. If it panics or returns an `Err`, its worker counts as lost in the
    /// [statistics](crate::Statistics::workers_lost).
    ///
    /// ```
    /// use multiproc::{Executor, Pool, Queue};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let (queue, count) = (Queue::new()?, |queue: Queue<u32>| queue.put(1).is_ok());
    /// let pool = Pool::builder().processes(2).finalizer(count, (queue.clone(),)).build()?;
    /// pool.close();
    /// pool.join()?;
    /// assert_eq!((queue.get()?, queue.get()?), (1, 1));
    /// # Ok(()) }
    /// ```
    pub fn finalizer<F: Task<Args>, Args: Arguments>(mut self, f: F, args: Args) -> Self {
        self.settings.finalizer = Some(prepare_once(f, args));
        self
    }

    /// Sets the time for the orderly end of a worker, from the finalizer to the last exit handler,
    /// after which the worker is killed; ten seconds if not set.
    pub fn finalizer_timeout(mut self, timeout: Duration) -> Self {
        self.finalizer_timeout = Some(timeout);
        self
    }

    /// Sets whether the processes that tasks have started are left running when their worker is
    /// killed. If not set, they are killed with the worker: at a time limit, a cancellation, the
    /// end of the pool before its tasks are done, or the program's death. What was started by a
    /// worker that ends by itself, as all do after [`close`](crate::Executor::close), is left
    /// running in any case.
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::builder().processes(1).keep_started_processes(true).build()?;
    /// let start = || std::process::Command::new("sleep").arg("0.1").spawn().is_ok();
    /// assert!(pool.apply(start, ())?);
    /// # Ok(()) }
    /// ```
    pub fn keep_started_processes(mut self, on: bool) -> Self {
        self.keep_started = on;
        self
    }

    /// Replaces a worker once it has run `tasks` tasks, each element of a map counted as one. This
    /// bounds what leaks and fragmentation can do.
    ///
    /// Python's counterpart: the argument `maxtasksperchild`, which counts a chunk as one task.
    #[doc(alias("maxtasksperchild"))]
    pub fn max_tasks_per_child(mut self, tasks: u64) -> Self {
        self.max_tasks = Some(tasks);
        self
    }

    /// Sets how workers are started; [`StartMethod::ForkServer`] if not set.
    ///
    /// Python's counterpart: `get_context(method).Pool`.
    #[doc(alias("get_context", "mp_context"))]
    pub fn start_method(mut self, method: StartMethod) -> Self {
        self.method = method;
        self
    }

    /// Uses [`StartMethod::Fork`] even if this process has several threads.
    ///
    /// # Safety
    /// A forked child has only the thread that forked. At the time of [`build`](PoolBuilder::build)
    /// no other thread may hold a lock that a task, or the drop of anything in one, will take:
    /// each would wait for ever. Allocation is safe with glibc.
    #[allow(unsafe_code)]
    pub unsafe fn fork_despite_threads(mut self) -> Self {
        self.method = StartMethod::Fork;
        // SAFETY: the caller's promise is the one asked for.
        self.unchecked_fork = Some(unsafe { ForkPermit::unchecked() });
        self
    }

    /// Ends a task that runs for longer than `timeout`, together with its worker, with
    /// [`Error::TimedOut`]. The time counts from when the task begins, not while it waits. A worker
    /// that does not begin what it was sent for `timeout` and a second more, because it is stopped,
    /// is replaced as well, and its tasks go to other workers. Time during which this program
    /// itself is stopped, as after Ctrl-Z, does not count.
    ///
    /// A call can have [another limit](crate::Executor::with_timeout).
    pub fn task_timeout(mut self, timeout: Duration) -> Self {
        self.task_timeout = Some(timeout);
        self
    }

    /// Replaces a worker once its resident memory is larger than `bytes`. It is checked between two
    /// chunks, so a map whose tasks leak should have [small ones](crate::Executor::with_chunksize).
    pub fn max_memory_per_child(mut self, bytes: u64) -> Self {
        self.max_memory = Some(bytes);
        self
    }

    /// Limits the memory for data (heap, private mappings) of each worker, in bytes. An allocation
    /// beyond it fails, which for most Rust code means that the worker aborts:
    /// [`Error::WorkerLost`] for its task.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Limits a message (the arguments of a task, or its result) to `bytes` when encoded; 16 GiB if
    /// not set. A larger one is [`Error::TooLarge`].
    pub fn max_message(mut self, bytes: u64) -> Self {
        self.max_message = Some(bytes);
        self
    }

    /// Has the drop of the pool wait until all tasks are done, as [`Executor::shutdown`] does; if
    /// not set, it cancels them. While a panic unwinds, the drop cancels in any case.
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let file = tempfile::NamedTempFile::new().unwrap();
    /// {
    ///     let pool = Pool::builder().processes(1).finish_on_drop(true).build()?;
    ///     let save = |path| std::fs::write(path, "saved").is_ok();
    ///     drop(pool.submit(save, (file.path().to_owned(),)));
    /// }
    /// assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "saved");
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `with ProcessPoolExecutor() as executor`.
    ///
    /// [`Executor::shutdown`]: crate::Executor::shutdown
    pub fn finish_on_drop(mut self, on: bool) -> Self {
        self.settings.finish_on_drop = on;
        self
    }

    /// Returns whether the drop is to wait until all tasks are done.
    #[cfg(feature = "mpi")]
    pub(crate) fn finishes_on_drop(&self) -> bool {
        self.settings.finish_on_drop
    }

    /// Sets the pool's name, from which its workers have theirs; `pool1`, `pool2`, … if not set.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = Some(name.into());
        self
    }

    /// Records which worker runs which task when; see [`Pool::trace`]. It costs two readings of the
    /// clock and 16 bytes of result a task, and 40 bytes of memory for each task that has ended.
    pub fn trace(mut self, on: bool) -> Self {
        self.trace = on;
        self
    }

    /// Sets where the standard output of workers goes; see [`Output`].
    pub fn stdout(mut self, output: Output) -> Self {
        self.output.stdout = output;
        self
    }

    /// Sets where the standard error of workers goes, which can be to the errors of tasks; see
    /// [`Output`].
    pub fn stderr(mut self, output: Output) -> Self {
        self.output.stderr = output;
        self
    }

    /// Starts the workers, and returns when all of them have been forked.
    ///
    /// # Errors
    /// [`Error::Config`] for a setting that makes no sense, [`Error::InitMissing`] if
    /// [`init`](crate::init) was not called, [`Error::ForkWithThreads`] for
    /// [`StartMethod::Fork`] in a process with several threads, [`Error::Io`] if the system has
    /// no more processes, descriptors or memory to give.
    pub fn build(self) -> Result<Pool> {
        let finish_on_drop = self.settings.finish_on_drop;
        Ok(Pool { engine: Engine::start(self.config()?)?, finish_on_drop })
    }

    /// Checks the settings.
    pub(crate) fn config(mut self) -> Result<Config> {
        static BUILT: AtomicU64 = AtomicU64::new(1);
        let processes = self.settings.processes()?;
        let max_processes = self.max_processes.unwrap_or(processes);
        check_processes(max_processes)?;
        if self.max_processes.is_none() || processes > 0 {
            check_processes(processes)?;
        }
        let reject_at = self.settings.reject_at()?;
        check_depth()?;
        let refuse = |wrong: bool, why: &str| if wrong { Err(Error::Config(why.into())) } else { Ok(()) };
        refuse(max_processes < processes, "processes_between takes the smaller number first")?;
        refuse(self.max_tasks == Some(0), "max_tasks_per_child must be at least 1")?;
        refuse(self.task_timeout == Some(Duration::ZERO), "task_timeout must be more than 0")?;
        refuse(self.finalizer_timeout == Some(Duration::ZERO), "finalizer_timeout must be more than 0")?;
        refuse(self.max_message == Some(0), "max_message must be at least 1 byte")?;
        refuse(
            self.memory_limit.is_some_and(|bytes| bytes < MIN_MEMORY),
            "memory_limit is in bytes; a worker cannot start with less than 1 MiB (1048576)",
        )?;
        refuse(
            self.max_memory.is_some_and(|bytes| bytes < MIN_MEMORY),
            "max_memory_per_child is in bytes; every worker has more than 1 MiB (1048576)",
        )?;
        let cpus = cpu_count();
        let [initializer, finalizer] = self.settings.take_once()?;
        Ok(Config {
            name: self.settings.take_name("pool", &BUILT),
            numbered: true,
            daemon: true,
            processes,
            max_processes,
            shrink_after: self.shrink_after.unwrap_or(SHRINK_AFTER),
            reject_at,
            method: self.method,
            unchecked: self.unchecked_fork,
            initializer,
            finalizer,
            end_limit: self.finalizer_timeout.unwrap_or(END_LIMIT),
            keep_started: self.keep_started,
            max_tasks: self.max_tasks.unwrap_or(u64::MAX),
            task_timeout: self.task_timeout,
            max_memory: self.max_memory,
            memory_limit: self.memory_limit,
            max_message: self.max_message.unwrap_or(MAX_MESSAGE),
            ring: RING,
            trace: self.trace,
            output: self.output,
            replace: true,
            cpus,
            spin: cpus > 1,
        })
    }
}
